"""Figures of a table's row over folds, draws and seeds, and differences."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import significance
from g2npan_tf.evaluation import statistics

Figures = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Part:
    """Predictions that are judged together: the pooled folds of one seed.

    Attributes:
        seed: Of the training; empty where nothing is drawn.
        draw: Of the cases, where draws have images in common and are not
            pooled; else empty.
        image: Name of each image, unique. Text `[n]`.
        pair: Its group. Text `[n]`.
        unit: What resamples draw whole, see `evaluation.Split`. Text `[n]`.
        mos: Readers' scores. Shape `[n]`, 1..5.
        predicted: Shape `[n]`, 1..5.
        trivial: Predictions of the trivial baselines, `[n]` by name.
    """

    seed: str
    draw: str
    image: np.ndarray
    pair: np.ndarray
    unit: np.ndarray
    mos: np.ndarray
    predicted: np.ndarray
    trivial: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)


def judge(parts: Sequence[Part]) -> Figures:
    """The figures of one row.

    Choice: with several seeds or draws a figure is the mean of theirs, and an
    interval is of that mean, over resamples of the units.

    Args:
        parts: Of the row, one for each seed and draw.

    Returns:
        `images` and `pairs`, over all parts; `raw`: PLCC, SRCC, KRCC and
        RMSE on [0, 1]; `rounded_krcc`; `interval`: `low` and `high` of each
        raw figure (95 %).
    """
    true, predicted = (
        [mos.to_quality(getattr(part, name)) for part in parts]
        for name in ("mos", "predicted")
    )

    def means(rows: Sequence[np.ndarray]) -> list[float]:
        each = [
            list(statistics.figures(t[r], p[r]).values())
            for t, p, r in zip(true, predicted, rows, strict=True)
        ]
        return np.mean(each, axis=0).tolist()

    units = [part.unit for part in parts]
    values = _resampled(units, means)
    measured = means([np.arange(len(unit)) for unit in units])
    limits = [figures.limits(column) for column in values.T]
    rounded = [
        statistics.krcc(part.mos, np.round(part.predicted)) for part in parts
    ]
    return {
        "images": len(set(np.concatenate([part.image for part in parts]))),
        "pairs": len(set(np.concatenate([part.pair for part in parts]))),
        "units": len(set(np.concatenate(units))),
        "raw": dict(zip(statistics.METRICS, measured, strict=True)),
        "rounded_krcc": float(np.mean(rounded)),
        "interval": {
            name: {"low": low, "high": high}
            for name, (low, high) in zip(
                statistics.METRICS, limits, strict=True
            )
        },
    }


def gain(first: Sequence[Part], second: Sequence[Part]) -> Figures:
    """SRCC of one row minus another's, by paired bootstrap of the units.

    Parts of the same draw and seed are compared, on the images that both
    scored. A row without seeds is compared with each seed.

    Args:
        first: Parts of the one row.
        second: Parts of the other row.

    Returns:
        `images`, over all parts; `difference`, `low` and `high` of its 95 %
        interval, and its two-sided `p`.

    Raises:
        InputError: If the two have no image in common, or not the same
            scores of one.
    """
    pairs = [
        (a, b)
        for a in first
        for b in second
        if a.draw == b.draw and (a.seed == b.seed or "" in (a.seed, b.seed))
    ]
    common = [_common(a, b) for a, b in pairs]
    if not common:
        raise InputError("two rows have no seed or draw in common")

    def mean(rows: Sequence[np.ndarray]) -> float:
        differences = [
            statistics.srcc(a.mos[r], a.predicted[r])
            - statistics.srcc(b.mos[r], b.predicted[r])
            for (a, b), r in zip(common, rows, strict=True)
        ]
        return float(np.mean(differences))

    units = [a.unit for a, _ in common]
    values = _resampled(units, mean)
    low, high = figures.limits(values)
    return {
        "images": len(set(np.concatenate([a.image for a, _ in common]))),
        "difference": mean([np.arange(len(unit)) for unit in units]),
        "low": low,
        "high": high,
        "p": significance.bootstrap_p(values, len(set(np.concatenate(units)))),
    }


def trivial(parts: Sequence[Part], name: str) -> list[Part]:
    """The same parts as a trivial baseline predicts them.

    Args:
        parts: Of a row whose runs kept the baselines.
        name: Of the baseline.

    Returns:
        Parts without seed: seeds do not change it.
    """
    draws = {part.draw: part for part in reversed(parts)}
    return [
        dataclasses.replace(part, seed="", predicted=part.trivial[name])
        for part in reversed(draws.values())
    ]


def _common(first: Part, second: Part) -> tuple[Part, Part]:
    """Both with the images that both have, in one order."""
    names = np.intersect1d(first.image, second.image)
    one, two = (_chosen(part, names) for part in (first, second))
    if not len(names) or not np.array_equal(one.mos, two.mos):
        raise InputError(
            "two rows of the table were measured on other images or scores; "
            "expected one data set"
        )
    return one, two


def _chosen(part: Part, names: np.ndarray) -> Part:
    """Some images of a part."""
    order = np.argsort(part.image)
    rows = order[np.searchsorted(part.image, names, sorter=order)]
    columns = {
        name: getattr(part, name)[rows]
        for name in ("image", "pair", "unit", "mos", "predicted")
    }
    return dataclasses.replace(part, **columns, trivial={})


def _resampled(units: Sequence[np.ndarray], statistic: Any) -> np.ndarray:
    """The statistic of the rows of each part, for each resample of units.

    A unit that is drawn is drawn in all parts.
    """
    sizes = [len(unit) for unit in units]
    owner = np.repeat(np.arange(len(units)), sizes)
    start = np.cumsum([0, *sizes])

    def split(rows: np.ndarray) -> Any:
        return statistic(
            [rows[owner[rows] == k] - start[k] for k in range(len(units))]
        )

    return figures.resample(np.concatenate(units), split, 0)
