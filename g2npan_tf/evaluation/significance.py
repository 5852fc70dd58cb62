"""How surprising a difference is: bootstrap p-values, Holm's correction."""

import math
from collections.abc import Sequence

import numpy as np


def bootstrap_p(differences: np.ndarray, units: int) -> float:
    """Two-sided p-value of a difference from its bootstrap resamples.

    Twice (1 + count) / (1 + B), where count is how many of the B resampled
    differences are not on the side of 0 where most of them are; at most 1. Its
    floor is 2 / (1 + B): 0.002 with 1,000 resamples. Davison & Hinkley,
    Bootstrap Methods and their Application (1997), chapter 4.

    Choice: the percentile interval turned round, and not the distribution
    shifted to 0: so p < 0.05 only where the 95 % interval beside it excludes
    0. With 1,000 resamples the two part at a count of 25 alone: up to 24 both
    hold and from 26 on neither, while at 25 p is 0.052 and the interval, whose
    limit is 97.5 % of the way from the 25th value to the 26th, mostly excludes
    0.

    Choice: never below 2^(1 - units), the smallest p-value that a two-sided
    test by turned signs can have: two units have three distinct resamples, in
    which a difference that both share is never turned round.

    Args:
        differences: One a resample, `[resamples]`.
        units: How many cases or groups the resamples were drawn from.

    Returns:
        Range [2 / (1 + B), 1]; NaN if a difference is not defined.
    """
    differences = np.asarray(differences, np.float64)
    if not np.isfinite(differences).all():
        return float("nan")
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
    corrected = [float("nan")] * len(p_values)
    defined = [i for i, p in enumerate(p_values) if math.isfinite(p)]
    highest = 0.0
    for rank, i in enumerate(sorted(defined, key=lambda i: p_values[i])):
        highest = max(highest, (len(p_values) - rank) * p_values[i])
        corrected[i] = min(1.0, highest)
    return corrected
