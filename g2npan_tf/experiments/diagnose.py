r"""Looks into a trained run: what moves its networks and what its score is of.

    python -m g2npan_tf.experiments.diagnose --workdir=runs/first

Fit to training, validation and test part, the size of each loss's gradient on
each network, and with a GAN what F_last adds to the score and what the
generated reference is like. Nothing of the run is changed.
"""

import itertools
import pathlib
from typing import Any

import numpy as np
from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.scoring.model_facts import whose

# As many of a part, which tell a rank correlation to about a tenth.
MAX_IMAGES = 64


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_string("workdir", None, "Folder of a run of train.py.")
    flags.DEFINE_integer(
        "batches", 8, "Training batches for the gradients.", lower_bound=1
    )
    flags.DEFINE_string("output", "", "JSON file for the figures.")


def main(argv: list[str]) -> None:
    """Prints what is found in a run."""
    options = flags.FLAGS
    if not options.workdir or len(argv) > 1:
        command.fail("expected --workdir=FOLDER of a run, and nothing else")
    workdir = pathlib.Path(options.workdir)
    outputs.check({"output": [options.output]}, outputs.run_files(workdir))
    config_module.load(workdir / "config.json")
    with command.quiet_stderr():
        from g2npan_tf.evaluation import results
        from g2npan_tf.experiments import diagnosis  # noqa: F401
    found = examine(workdir, options.batches)
    print(table(found))
    if options.output:
        try:
            results.write_results(pathlib.Path(options.output), found)
        except OSError as error:
            command.fail(f"{options.output}: {error.strerror}")


def examine(workdir: pathlib.Path, batches: int) -> dict[str, Any]:
    """Looks into a run.

    Args:
        workdir: Its folder.
        batches: Training batches for the gradients.

    Returns:
        `data`, `protocol`, `preset`, `changes` and `network` as evaluations
        have them; `fit`: by part the number of `images` and their `srcc`;
        `gradients`, of `diagnosis.gradient_sizes`; with a GAN `score`, of
        `diagnosis.what_feeds_the_score` on validation images.

    Raises:
        InputError: If there is no such run, or its data set is not there.
    """
    from g2npan_tf.data import base
    from g2npan_tf.data import batches as training_data
    from g2npan_tf.data import protocols
    from g2npan_tf.evaluation import statistics
    from g2npan_tf.experiments import diagnosis
    from g2npan_tf.scoring.assessor import Assessor
    from g2npan_tf.training import build
    from g2npan_tf.training import start_weights

    config, facts = config_module.load(workdir / "config.json")
    model = start_weights.read_networks(
        config, workdir / start_weights.WEIGHTS_FILE
    )
    assessor = Assessor.load(workdir, check_content=False)
    builder = base.reopen(config, facts)
    parts = base.divide(builder, config)
    found: dict[str, Any] = {
        "data": facts,
        "protocol": protocols.describe(config),
        "preset": config.preset,
        "changes": config_module.changes(config),
        "network": config_module.name_of(config),
        "fit": {},
    }
    for name in ("train", "validation", "test"):
        rows = base.read(builder, _drawn(getattr(parts, name)))
        if not len(rows["mos"]):
            continue
        srcc = statistics.srcc(rows["mos"], assessor.score(rows["image"]))
        found["fit"][name] = {"images": len(rows["mos"]), "srcc": srcc}
    if config.use_gan:
        places = parts.validation if parts.validation.size else parts.train
        rows = base.read(builder, _drawn(places), ["reference"])
        found["score"] = diagnosis.what_feeds_the_score(
            model,
            rows["image"],
            np.array(rows["reference"]),
            rows["mos"],
            base.tiles_per_side(builder),
        )
    grid = model.quality_network.output["cam_logits"].shape[1:]
    stream, steps = training_data.training_batches(
        builder, parts.train, config, grid
    )
    build.compile_model(model, config, steps)
    found["gradients"] = diagnosis.gradient_sizes(
        model, model.objective, itertools.islice(stream, batches)
    )
    return found


def table(found: dict[str, Any]) -> str:
    """What was found, as Markdown.

    Args:
        found: From `examine`.
    """
    from g2npan_tf.core.config import preset_words
    from g2npan_tf.evaluation.results import number

    facts = found["data"]
    lines = [
        f"Data: {facts['name']} ({whose(facts)}); "
        f"protocol: {found['protocol']}; preset: {preset_words(found)}; "
        f"network: {found['network']}.",
        "",
        f"| part, {MAX_IMAGES} images at most | images | SRCC |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {fit['images']} | {number(fit['srcc'])} |"
        for name, fit in found["fit"].items()
    ]
    lines += ["", "| gradient on | of | L2 norm |", "|---|---|---|"]
    lines += [
        f"| {network} | {term} | {size:.2g} |"
        for network, terms in found["gradients"].items()
        for term, size in terms.items()
    ]
    if "score" in found:
        score = found["score"]
        lines += [
            "",
            "| part of the score | deviation of the logit, not calibrated | "
            "SRCC alone |",
            "|---|---|---|",
            f"| F_last | {number(score['ufw_sd'])} | "
            f"{number(score['ufw_srcc'])} |",
            f"| backbone, of image and nuance | "
            f"{number(score['backbone_sd'])} | "
            f"{number(score['backbone_srcc'])} |",
            "",
            f"Mean nuance {score['nuance']:.4f} (SRCC with the MOS "
            f"{number(score['nuance_srcc'])}); mean squared difference from "
            f"I_GT: I_hq {score['generated_error']:.5f}, the image itself "
            f"{score['image_error']:.5f}.",
        ]
    return "\n".join(lines)


def _drawn(places: np.ndarray) -> np.ndarray:
    """Some places, of the whole part, in order."""
    drawn = np.random.default_rng(0).permutation(places)
    return np.sort(drawn[:MAX_IMAGES])


if __name__ == "__main__":
    define_flags()
    command.run(main)
