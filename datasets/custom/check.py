"""Checks a folder of the user's own images and scores, and draws the scores.

    python -m datasets.custom.check --manual_dir=FOLDER --plot=scores.png

Prints every problem on a line of its own. Exit code 0: the folder can be
built; 1: it has problems; 2: there is nothing to check.
"""

import pathlib

import numpy as np
from absl import flags

from datasets.custom import scores as custom
from datasets.custom.scores import SCORES_FILE
from datasets.custom.scores import CustomScores
from datasets.custom.scores import opinions_of
from g2npan_tf.core import command
from g2npan_tf.core import mos
from g2npan_tf.core import outputs
from g2npan_tf.core.config import TILE_SIZE
from g2npan_tf.core.errors import InputError
from g2npan_tf.report import plots

# Algorithms that a box plot still shows; of more, the best and the worst.
_MAX_BOXES = 40


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    what = "Folder with the images, scores.csv and scale.json."
    flags.DEFINE_string("manual_dir", None, what, required=True)
    flags.DEFINE_string("plot", "scores.png", "PNG to draw the scores to.")


def main(argv: list[str]) -> int:
    """Checks the folder, prints what was found and returns the exit code."""
    if len(argv) > 1:
        command.fail(f"unexpected argument {argv[1]}; all settings are flags")
    root = pathlib.Path(flags.FLAGS.manual_dir)
    outputs.check({"plot": [flags.FLAGS.plot]}, custom.files_of(root))
    scores = custom.read_scores(root)
    if scores.problems:
        for problem in scores.problems:
            print(f"{SCORES_FILE}, {problem}")
        print(f"{len(scores.problems)} problem(s) in {root / SCORES_FILE}")
        return 1
    try:
        made = custom.make_groups(scores, TILE_SIZE)
        folds = custom.split_groups(scores, made)
    except InputError as error:
        print(f"{SCORES_FILE}: {error}")
        return 1
    sizes = [sum(len(group.images) for group in fold) for fold in folds]
    print("\n".join(_summary(scores, sizes)))
    draw_scores(scores, pathlib.Path(flags.FLAGS.plot))
    print(f"plot: {flags.FLAGS.plot}")
    return 0


def draw_scores(scores: CustomScores, path: pathlib.Path) -> None:
    """Draws the MOS histogram and a box for each algorithm as a PNG."""
    values = opinions_of(scores).mos
    histogram = plots.histogram(
        values.tolist(),
        np.linspace(mos.MOS_MIN, mos.MOS_MAX, 17).tolist(),
        title=f"{len(values):,} images, mean {values.mean():.2f}, "
        f"sd {values.std():.2f}",
        x_label="MOS",
    )
    boxes = plots.boxes(
        _by_algorithm(scores),
        title="by algorithm (images)",
        x_label="MOS",
        x_range=(mos.MOS_MIN - 0.1, mos.MOS_MAX + 0.1),
    )
    title = f"scores: {scores.scale.scores}"
    try:
        plots.row([histogram, boxes], title).write(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"--plot={path}: {reason}") from error


def _by_algorithm(scores: CustomScores) -> dict[str, list[float]]:
    """MOS of each algorithm, the best mean first."""
    names = np.array([row.cells["algorithm"] for row in scores.rows])
    values = opinions_of(scores).mos
    boxes = {name: values[names == name] for name in np.unique(names)}
    ranked = sorted(boxes, key=lambda name: -boxes[name].mean())
    if len(ranked) > _MAX_BOXES:
        half = _MAX_BOXES // 2
        ranked = [*ranked[:half], *ranked[-half:]]
    return {str(name): boxes[name].tolist() for name in ranked}


def _summary(scores: CustomScores, sizes: list[int]) -> list[str]:
    values = opinions_of(scores).mos
    groups = {row.cells["pair_id"] for row in scores.rows}
    lines = [
        f"{len(values)} images of {len(groups)} pairs, no problems; "
        f"images in fold_0 to fold_4: {', '.join(map(str, sizes))}",
        f"MOS (1 to 5, {scores.scale.scores}): mean {values.mean():.2f}, "
        f"sd {values.std():.2f}, {values.min():.2f} to {values.max():.2f}",
    ]
    return lines + (_reader_lines(scores) if scores.readers else [])


def _reader_lines(scores: CustomScores) -> list[str]:
    facts, intervals = custom.describe(scores), opinions_of(scores).interval
    known = intervals[~np.isnan(intervals)]
    width = f"{np.median(known):.2f}" if known.size else "unknown"
    readers = zip(scores.readers, facts["reader_srcc"], strict=True)
    agreement = ", ".join(
        f"{name} {'unknown' if value is None else format(value, '.2f')}"
        for name, value in readers
    )
    rejected = ", ".join(facts["rejected_readers"]) or "none"
    few = " (never any of five or fewer)" if len(scores.readers) < 6 else ""
    return [
        f"95 % interval of the MOS: half its width is {width} (median)",
        f"ICC(2,1) {facts['icc_single']}, ICC(2,k) {facts['icc_mean']} "
        f"of the readers kept",
        f"rejected by the screening of BT.500: {rejected}{few}",
        f"SRCC with the mean of the other readers: {agreement}",
    ]


if __name__ == "__main__":
    define_flags()
    command.run(main)
