"""Agreement of predicted with readers' scores, and how certain a figure is.

Correlations do not decompose over batches: gather all predictions first.
"""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NUM_RESAMPLES = 1000
CONFIDENCE = 0.95


class Figures(NamedTuple):
    """The four figures of the field; the paper's RMSE is on [0, 1]."""

    plcc: float
    srcc: float
    krcc: float
    rmse: float


METRICS = Figures._fields


@dataclasses.dataclass(frozen=True)
class Interval:
    """The 95 % limits of a figure; `mean` over the resamples, if kept."""

    low: float
    high: float
    mean: float | None = None


@dataclasses.dataclass(frozen=True)
class Difference:
    """One method's SRCC minus another's.

    Attributes:
        difference: On the images themselves.
        low: Lower 95 % limit.
        high: Upper 95 % limit.
        p: From `bootstrap_p`; None in files of earlier versions.
        p_holm: Corrected for all differences of a table; None until it is.
        images: How many both scored, where that is not plain.
    """

    difference: float
    low: float
    high: float
    p: float | None = None
    p_holm: float | None = None
    images: int | None = None


def plcc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Pearson's correlation; NaN if either is constant or `n < 2`."""
    return _correlation("pearsonr", y_true, y_pred)


def srcc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Spearman's rank correlation, mean ranks for ties; NaN like `plcc`."""
    return _correlation("spearmanr", y_true, y_pred)


def krcc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Kendall's rank correlation, tau-b; NaN like `plcc`."""
    return _correlation("kendalltau", y_true, y_pred)


def rmse(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Root mean squared error, in the scores' unit; NaN if `n = 0`."""
    y_true, y_pred = _checked(y_true, y_pred)
    if y_true.size == 0:
        return math.nan
    return float(np.sqrt(np.mean((y_true - y_pred) ** 2)))


def figures(y_true: np.ndarray, y_pred: np.ndarray) -> Figures:
    """The four figures of the field, of finite scores `[n]` on one scale.

    Section: 4.1.2
    """
    return Figures(
        *(function(y_true, y_pred) for function in (plcc, srcc, krcc, rmse))
    )


def logistic_mapping(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Predictions mapped by `fit_logistic`; as they are if constant or few."""
    y_true, y_pred = _checked(y_true, y_pred)
    if y_true.size < 5 or np.ptp(y_pred) == 0:
        return y_pred
    return fit_logistic(y_true, y_pred)(y_pred)


def fit_logistic(
    y_true: np.ndarray, y_pred: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Fits the 4-parameter logistic from predictions to scores.

    `(a - b) / (1 + exp(-(x - c) / d)) + b`; VQEG, final report on FR-TV
    phase I (2000), as the field does before PLCC and RMSE.

    Args:
        y_true: Readers' scores. Shape `[n]`, at least one.
        y_pred: Predictions on any scale. Shape `[n]`.

    Returns:
        A function of predictions of any shape: the logistic, or the straight
        line of least squares where it fits better or there are fewer than
        five scores; the mean score if predictions or scores are constant.

    Raises:
        ValueError: If the shapes differ, or a value is not finite.
    """
    from scipy import optimize
    from scipy import special

    y_true, y_pred = _checked(y_true, y_pred)
    if np.ptp(y_pred) == 0 or np.ptp(y_true) == 0:
        return np.polynomial.Polynomial([y_true.mean()])
    line = np.polynomial.Polynomial.fit(y_pred, y_true, 1)
    if y_true.size < 5:
        return line
    rising = np.corrcoef(y_true, y_pred)[0, 1] >= 0
    high, low = (
        (y_true.max(), y_true.min()) if rising else (y_true.min(), y_true.max())
    )
    start = [high, low, y_pred.mean(), max(y_pred.std(), 1e-6)]

    def curve(x: np.ndarray, *parameters: float) -> np.ndarray:
        high, low, centre, width = parameters
        # The sign of the width gives the direction.
        width = np.copysign(max(abs(width), 1e-9), width)
        return (high - low) * special.expit((x - centre) / width) + low

    fit = optimize.least_squares(
        lambda parameters: curve(y_pred, *parameters) - y_true, start
    )

    def logistic(x: np.ndarray) -> np.ndarray:
        return curve(x, *fit.x)

    if not rmse(y_true, logistic(y_pred)) <= rmse(y_true, line(y_pred)):
        return line
    return logistic


def _checked(
    y_true: np.ndarray, y_pred: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 vectors of one length without NaN."""
    y_true = np.asarray(y_true, np.float64)
    y_pred = np.asarray(y_pred, np.float64)
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(
            "y_true and y_pred must have one shape [n]. "
            f"Received: {y_true.shape} and {y_pred.shape}"
        )
    if not (np.isfinite(y_true).all() and np.isfinite(y_pred).all()):
        raise ValueError("Scores must be finite. Received: NaN or infinity")
    return y_true, y_pred


def _correlation(name: str, y_true: np.ndarray, y_pred: np.ndarray) -> float:
    from scipy import stats

    y_true, y_pred = _checked(y_true, y_pred)
    if y_true.size < 2 or np.ptp(y_true) == 0 or np.ptp(y_pred) == 0:
        return math.nan
    return float(getattr(stats, name)(y_true, y_pred).statistic)


@dataclasses.dataclass(frozen=True)
class Bootstrap:
    """Figures, and what they are in each resample.

    Attributes:
        measured: On the images themselves. Shape `[figures]`.
        resampled: Shape `[NUM_RESAMPLES, figures]`; NaN where there is one
            unit only.
        units: How many units the resamples draw from.
    """

    measured: np.ndarray
    resampled: np.ndarray
    units: int

    def limits(self, index: int) -> tuple[float, float]:
        """Ends of a figure's 95 % interval; NaN where it is not defined."""
        return limits(self.resampled[:, index])

    def interval(self, index: int) -> Interval:
        """A figure's interval, with its mean over the resamples."""
        mean = float(np.mean(self.resampled[:, index]))
        return Interval(*self.limits(index), mean)

    def difference(self, index: int, images: int | None = None) -> Difference:
        """A figure that is a difference, with its p-value."""
        return Difference(
            float(self.measured[index]),
            *self.limits(index),
            p=bootstrap_p(self.resampled[:, index], self.units),
            images=images,
        )


def bootstrap(
    units: Sequence[np.ndarray],
    statistic: Callable[[Sequence[np.ndarray]], Sequence[float]],
) -> Bootstrap:
    """Figures over parts (folds, seeds, draws), and their bootstrap.

    Section: 4.1.2 ("try 1000 times and take the average").

    Choice: resamples draw whole units (cases or groups), since images of one
    are not independent; a unit that is drawn is drawn in all parts.

    Args:
        units: Of each part the unit of each row. Text `[n]`.
        statistic: Takes numbers of rows `[m]` of each part, those of a unit
            that is drawn twice twice; gives figures.
    """
    sizes = [len(part) for part in units]
    part_of = np.repeat(np.arange(len(units)), sizes)
    row_of = np.concatenate([np.arange(size) for size in sizes])

    def figures_of(rows: np.ndarray) -> Sequence[float]:
        return statistic(
            [row_of[rows[part_of[rows] == k]] for k in range(len(units))]
        )

    owners = np.concatenate(units)
    names = np.unique(owners)
    measured = np.array(figures_of(np.arange(len(owners))), np.float64)
    if len(names) < 2:
        # Every resample of one unit is that unit, which says nothing.
        unknown = np.full((NUM_RESAMPLES, len(measured)), np.nan)
        return Bootstrap(measured, unknown, len(names))
    rows = [np.flatnonzero(owners == name) for name in names]
    draws = np.random.default_rng(0).integers(
        len(names), size=(NUM_RESAMPLES, len(names))
    )
    resampled = [
        figures_of(np.concatenate([rows[i] for i in draw])) for draw in draws
    ]
    return Bootstrap(measured, np.array(resampled, np.float64), len(names))


def with_others(
    grades: np.ndarray, reader: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images that a reader and others graded, the others' means, the own.

    Of grades `[images, readers]`, NaN where there is none.
    """
    own = grades[:, reader]
    others = np.delete(grades, reader, axis=1)
    places = np.flatnonzero(np.isfinite(own) & np.isfinite(others).any(axis=1))
    return places, np.nanmean(others[places], axis=1), own[places]


def limits(values: np.ndarray) -> tuple[float, float]:
    """Percentile limits of the 95 % interval; NaN if a value is not defined."""
    if not np.isfinite(values).all():
        return math.nan, math.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_p(differences: np.ndarray, units: int) -> float:
    """Two-sided p-value of a difference from its bootstrap resamples.

    Twice (1 + count) / (1 + B), where count is how many of the B resampled
    differences are not on the side of 0 where most of them are; at most 1. Its
    floor is 2 / (1 + B): 0.002 with 1,000 resamples. Davison & Hinkley,
    Bootstrap Methods and their Application (1997), chapter 4.

    Choice: the percentile interval reversed, and not the distribution
    shifted to 0: so p < 0.05 only where the 95 % interval beside it excludes
    0. With 1,000 resamples the two part at a count of 25 alone: up to 24 both
    hold and from 26 on neither, while at 25 p is 0.052 and the interval, whose
    limit is 97.5 % of the way from the 25th value to the 26th, mostly excludes
    0.

    Choice: never below 2^(1 - units), the smallest p-value that a two-sided
    test by reversed signs can have: two units have three distinct resamples,
    in which a difference that both share is never reversed.

    Args:
        differences: One a resample, `[resamples]`.
        units: How many cases or groups the resamples were drawn from.

    Returns:
        Range [2 / (1 + B), 1]; NaN if a difference is not defined.
    """
    differences = np.asarray(differences, np.float64)
    if not np.isfinite(differences).all():
        return math.nan
    count = min(np.sum(differences <= 0), np.sum(differences >= 0))
    p = min(1.0, 2 * (1 + int(count)) / (1 + len(differences)))
    return max(p, 2.0 ** (1 - units))


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for their number by Holm's step-down procedure.

    The smallest is multiplied by m, their number, the next one by m - 1 and
    so on; none becomes smaller than the one before it. S. Holm, Scand. J.
    Statist. 6 (1979) 65-70.

    Choice: a p-value that is not defined stays so and counts as a
    comparison: what was looked at was looked at.

    Args:
        p_values: Of all comparisons of one table; NaN where not defined.

    Returns:
        Corrected values in the same order, range [0, 1].

    Example:
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected = [math.nan] * len(p_values)
    defined = [i for i, p in enumerate(p_values) if math.isfinite(p)]
    highest = 0.0
    for rank, i in enumerate(sorted(defined, key=lambda i: p_values[i])):
        highest = max(highest, (len(p_values) - rank) * p_values[i])
        corrected[i] = min(1.0, highest)
    return corrected


def corrected(differences: Sequence[Difference]) -> list[Difference]:
    """The differences of one table with `p_holm`, in the same order."""
    p_values = holm([math.nan if d.p is None else d.p for d in differences])
    return [
        dataclasses.replace(one, p_holm=p)
        for one, p in zip(differences, p_values, strict=True)
    ]
