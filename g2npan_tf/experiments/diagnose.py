r"""Looks into a trained run: what moves its networks and what its score is of.

    python -m g2npan_tf.experiments.diagnose --workdir=runs/first

Fit to training, validation and test part, the size of each loss's gradient on
each network, and with a GAN what F_last adds to the score and whether the
generated reference is nearer to the true one than the image. Nothing of the run
is changed.
"""

import pathlib
from typing import TYPE_CHECKING

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.core.run_names import preset_words
from g2npan_tf.scoring.model_facts import whose

if TYPE_CHECKING:
    from g2npan_tf.experiments.diagnosis import Findings


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
    from g2npan_tf.evaluation.table import number
    from g2npan_tf.experiments.diagnosis import MAX_IMAGES
    from g2npan_tf.experiments.nearness import MEASURES

    preset = preset_words(found.preset, found.changes)
    lines = [
        f"Data: {found.data['name']} ({whose(found.data)}); "
        f"protocol: {found.protocol}; preset: {preset}; "
        f"network: {found.network}.",
        "",
        f"| part, {MAX_IMAGES} images at most | images | SRCC |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {fit.images} | {number(fit.srcc)} |"
        for name, fit in found.fit.items()
    ]
    lines += ["", "| gradient on | of | L2 norm |", "|---|---|---|"]
    lines += [
        f"| {network} | {term} | {size:.2g} |"
        for network, terms in found.gradients.items()
        for term, size in terms.items()
    ]
    if score := found.score:
        lines += [
            "",
            "| part of the score | deviation of the logit, not calibrated | "
            "SRCC alone |",
            "|---|---|---|",
            *(
                f"| {name} | {number(part.sd)} | {number(part.srcc)} |"
                for name, part in {
                    "F_last": score.ufw,
                    "backbone, of image and nuance": score.backbone,
                    "spectra or scene statistics": score.stem,
                }.items()
                if part
            ),
            "",
            f"Mean nuance {score.nuance:.4f} (SRCC with the MOS "
            f"{number(score.nuance_srcc)}); mean squared difference from "
            f"I_GT: I_hq {score.generated_error:.5f}, the image itself "
            f"{score.image_error:.5f}.",
        ]
    if found.nearness:
        lines += [
            "",
            "| against I_GT, test part | image | I_hq | "
            "difference (95 % interval by case) |",
            "|---|---|---|---|",
        ]
        for name, words in MEASURES.items():
            near = found.nearness[name]
            gain = near.difference
            lines.append(
                f"| {words} | {near.image:.5f} | {near.generated:.5f} | "
                f"{gain.difference:+.5f} ({gain.low:+.5f} to "
                f"{gain.high:+.5f}) |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    define_flags()
    command.run(main)
