"""Writes sample images of a run's test fold as PNG files, to be scored.

python -m datasets.samples --workdir=runs/first --output=samples
"""

import pathlib

import cv2
import numpy as np
from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config
from g2npan_tf.core.errors import InputError


def define_flags() -> None:
    """Defines the flags; not on import, so that other commands may differ."""
    flags.DEFINE_string("workdir", "", "Folder of a run. Required.")
    flags.DEFINE_string("output", "", "Folder of the samples. Required.")
    flags.DEFINE_integer("count", 6, "Number of samples.", lower_bound=1)


def main(argv: list[str]) -> None:
    """Writes the samples, named by their pair, algorithm and readers' MOS."""
    if not flags.FLAGS.workdir or not flags.FLAGS.output or len(argv) > 1:
        command.fail(
            "expected --workdir=FOLDER and --output=FOLDER, no arguments"
        )
    directory = _new_folder(pathlib.Path(flags.FLAGS.output))
    settings, facts = config.load(
        pathlib.Path(flags.FLAGS.workdir) / "config.json"
    )
    with command.quiet_stderr():
        from g2npan_tf.data import base
    import datasets.fusion_quality.fusion_quality_dataset_builder  # noqa: F401

    builder = base.reopen(settings, facts)
    parts = base.divide(builder, settings)
    rows = base.read(builder, parts.test if parts.test.size else parts.train)
    chosen = spread(rows["mos"], flags.FLAGS.count)
    for index in chosen:
        name = "_".join(str(rows[n][index]) for n in ("pair_id", "algorithm"))
        path = directory / f"{name}_mos{rows['mos'][index]:.2f}.png"
        if not cv2.imwrite(str(path), rows["image"][index][..., ::-1]):
            raise InputError(f"--output: {path} cannot be written")
    print(f"{len(chosen)} samples: {directory}")


def _new_folder(path: pathlib.Path) -> pathlib.Path:
    """Makes a folder; one with files in it is not touched."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise InputError(f"--output={path}: expected a new or empty folder")
    except OSError as error:
        raise InputError(f"--output={path}: {error.strerror}") from error
    return path


def spread(mos: np.ndarray, count: int) -> np.ndarray:
    """At most `count` indices by rising `mos`, evenly over the ranks."""
    order = np.argsort(mos, kind="stable")
    chosen = np.linspace(0, len(order) - 1, min(count, len(order)))
    return order[np.unique(chosen.round().astype(int))]


def run() -> None:
    """Runs the command."""
    define_flags()
    command.run(main)


if __name__ == "__main__":
    run()
