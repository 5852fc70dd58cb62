r"""Looks into a trained run: what moves its networks, what makes up its score.

    python -m g2npan_tf.experiments.diagnose --workdir=runs/first

shows the fit to the training, validation and test parts and the size of each
loss's gradient on each network; with a GAN also what F_last adds to the score,
and whether the generated reference is nearer to the true one than the image is.
The run is not changed.
"""

import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.core.run_names import preset_words
from g2npan_tf.scoring.model_facts import whose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from g2npan_tf.experiments.diagnosis import Findings
    from g2npan_tf.experiments.diagnosis import ScoreParts
    from g2npan_tf.experiments.nearness import Nearness


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
    settings, _ = config_module.load(workdir / "config.json")
    config_module.expect_test_part(settings, "expected another run")
    with command.quiet_stderr():
        from g2npan_tf.evaluation import results
        from g2npan_tf.experiments import diagnosis
    found = diagnosis.examine(workdir, options.batches)
    print(table(found))
    if options.output:
        try:
            results.write(pathlib.Path(options.output), found)
        except OSError as error:
            command.fail(f"{options.output}: {error.strerror}")


def table(found: "Findings") -> str:
    """What was found, as Markdown."""
    preset = preset_words(found.preset, found.changes)
    lines = [
        f"Data: {found.data['name']} ({whose(found.data)}); "
        f"protocol: {found.protocol}; preset: {preset}; "
        f"network: {found.network}.",
        *_fit(found),
        *_gradients(found),
    ]
    if found.score:
        lines += _score(found.score)
    if found.nearness:
        lines += _nearness(found.nearness)
    return "\n".join(lines)


def _fit(found: "Findings") -> Iterator[str]:
    from g2npan_tf.evaluation.table import number
    from g2npan_tf.experiments.diagnosis import MAX_IMAGES

    yield from (
        "",
        f"| part, {MAX_IMAGES} images at most | images | SRCC |",
        "|---|---|---|",
    )
    for name, fit in found.fit.items():
        yield f"| {name} | {fit.images} | {number(fit.srcc)} |"


def _gradients(found: "Findings") -> Iterator[str]:
    yield from ("", "| gradient on | of | L2 norm |", "|---|---|---|")
    for network, terms in found.gradients.items():
        for term, size in terms.items():
            yield f"| {network} | {term} | {size:.2g} |"


def _score(score: "ScoreParts") -> Iterator[str]:
    from g2npan_tf.evaluation.table import number

    yield from (
        "",
        "| part of the score | deviation of the logit, not calibrated | "
        "SRCC alone |",
        "|---|---|---|",
    )
    for name, part in {
        "F_last": score.ufw,
        "backbone, of image and nuance": score.backbone,
        "spectra or scene statistics": score.stem,
    }.items():
        if part:
            yield f"| {name} | {number(part.sd)} | {number(part.srcc)} |"
    yield from (
        "",
        f"Mean nuance {score.nuance:.4f} (SRCC with the MOS "
        f"{number(score.nuance_srcc)}); mean squared difference from "
        f"I_GT: I_hq {score.generated_error:.5f}, the image itself "
        f"{score.image_error:.5f}.",
    )


def _nearness(found: "Mapping[str, Nearness]") -> Iterator[str]:
    from g2npan_tf.experiments.nearness import MEASURES

    yield from (
        "",
        "| against I_GT, test part | image | I_hq | "
        "difference (95 % interval by case) |",
        "|---|---|---|---|",
    )
    for name, words in MEASURES.items():
        near, gain = found[name], found[name].difference
        yield (
            f"| {words} | {near.image:.5f} | {near.generated:.5f} | "
            f"{gain.difference:+.5f} ({gain.low:+.5f} to {gain.high:+.5f}) |"
        )


if __name__ == "__main__":
    define_flags()
    command.run(main)
