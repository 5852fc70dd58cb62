"""How well one reader tells the others' scores: a yardstick, no upper limit.

A network is judged by the mean of all readers. A single reader is judged here
by the mean of the others, on the very images that the network scored.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import statistics

NAME = "one reader"
_COLUMN = "reader_"
# A correlation needs so many images that reader and others graded.
_MIN_IMAGES = 3


def judge(split: evaluation.Split, grades: np.ndarray) -> dict[str, Any]:
    """Figures of a single reader, the mean over all readers.

    Choice: the others' mean takes the place of the MOS, which holds the
    reader's own grade.

    Args:
        split: The part that was scored; its MOS is not used.
        grades: Readers' grades, MOS scale 1..5. Shape `[n, readers]`, NaN
            where not graded.

    Returns:
        By `NAME` what `evaluation.assess` returns, with the interval of SRCC
        only and NaN for what is of no use here, and `readers`: how many.
        Empty where fewer than two have `_MIN_IMAGES` images in common with
        others.
    """
    readers = [
        found
        for reader in range(grades.shape[1])
        if len((found := _with_others(grades, reader))[0]) >= _MIN_IMAGES
    ]
    if len(readers) < 2 or any(np.ptp(own) == 0 for _, _, own in readers):
        return {}

    def mean_srcc(rows: np.ndarray) -> float:
        drawn = np.zeros(len(grades), int)
        np.add.at(drawn, rows, 1)
        values = []
        for places, others, own in readers:
            again = np.repeat(np.arange(len(places)), drawn[places])
            values.append(statistics.srcc(others[again], own[again]))
        return float(np.mean(values))

    raw = [
        statistics.figures(mos.to_quality(others), mos.to_quality(own))
        for _, others, own in readers
    ]
    inside = [
        evaluation.within_group(
            evaluation.Split(
                split.pair_id[places],
                split.algorithm[places],
                split.modality[places],
                others,
            ),
            own,
        )
        for places, others, own in readers
    ]
    values = evaluation.resample(split.unit, mean_srcc, seed=0)
    low, high = evaluation.limits(values)
    within = _means(inside)
    if not np.isfinite(grades).all():
        # Among fewer images of a group the best is found more easily.
        within["top1"] = float("nan")
    srcc = {"mean": float(np.mean(values)), "low": low, "high": high}
    return {
        NAME: {
            "readers": len(readers),
            "raw": _means(raw),
            "interval": {"srcc": srcc},
            "rounded_krcc": float("nan"),
            "mapped": dict.fromkeys(statistics.METRICS, float("nan")),
            "within_group": within,
        }
    }


def columns(grades: np.ndarray) -> dict[str, list[str]]:
    """Columns of predictions.csv that `from_rows` reads.

    Args:
        grades: As `judge` takes them.

    Returns:
        `reader_1`, `reader_2` ...; empty text where not graded.
    """
    return {
        f"{_COLUMN}{reader + 1}": [
            f"{value:.4f}" if np.isfinite(value) else "" for value in column
        ]
        for reader, column in enumerate(grades.T)
    }


def from_rows(rows: Sequence[Mapping[str, str]]) -> np.ndarray:
    """The grades in rows of predictions.csv.

    Args:
        rows: One an image, texts by column.

    Returns:
        float64 `[n, readers]`, NaN where not graded; `[n, 0]` if there are no
        such columns.
    """
    names = [
        name
        for name in rows[0]
        if name.startswith(_COLUMN) and name.removeprefix(_COLUMN).isdecimal()
    ]
    return np.array(
        [[float(row[name] or "nan") for name in names] for row in rows]
    ).reshape(len(rows), len(names))


def _with_others(
    grades: np.ndarray, reader: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images that reader and others graded, the others' means, the own."""
    own = grades[:, reader]
    others = np.delete(grades, reader, axis=1)
    places = np.flatnonzero(np.isfinite(own) & np.isfinite(others).any(axis=1))
    return places, np.nanmean(others[places], axis=1), own[places]


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure; NaN where one is not defined."""
    return {
        name: float(np.mean([one[name] for one in figures]))
        for name in figures[0]
    }
