"""How far a readers' MOS may be from a score: split conformal prediction."""

import dataclasses

import numpy as np

from g2npan_tf.core import mos

# The share of images whose MOS an interval is to hold.
COVERAGE = 0.9


@dataclasses.dataclass(frozen=True)
class Interval:
    """How far MOS may be from scores, and what that was found from."""

    half_width: float  # In MOS.
    coverage: float
    images: int
    cases: int


def half_width(
    residuals: np.ndarray, cases: np.ndarray, coverage: float = COVERAGE
) -> float:
    """How far the MOS of a share of images is from their scores at most.

    Split conformal prediction: of n absolute residuals, the one of rank
    ceil((n + 1) * coverage). A further residual that is exchangeable with
    these is at most as large with a probability of at least `coverage`.
    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005);
    Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094-1111, section 2.2.

    Choice: the nonconformity score is the absolute residual in MOS. It needs
    no second model of how wrong the first one is, for which there are too few
    images, and two constants in the graph give its interval.

    Choice: cases, not images, are exchangeable, since images of one case are
    alike. So every case has the same total weight, shared by its images, as in
    Dunn, Wasserman and Ramdas, J. Am. Stat. Assoc. 118 (2023) 2491-2502. But
    the further residual counts as one image of n + 1, not as one case: with
    fewer than nine cases, as in most validation parts, no finite width would
    be sure to hold 90 % of another case's images. So `coverage` is guaranteed
    only where every case has one image; elsewhere it depends on how well these
    cases represent others, and `evaluate.py` reports it for the test part.

    Args:
        residuals: Score minus readers' MOS of images that no network learned
            from. Shape `[n]`, n > 0.
        cases: The case of each. Text `[n]`.
        coverage: The share, in (0, 1).

    Returns:
        At least 0; infinite where n is below `coverage / (1 - coverage)`.
    """
    distances = np.abs(np.asarray(residuals, np.float64))
    _, owner, sizes = np.unique(cases, return_inverse=True, return_counts=True)
    order = np.argsort(distances)
    below = np.cumsum(1 / sizes[owner][order]) * len(distances) / len(sizes)
    # The margins are for sums of weights such as thirds, which are not exact.
    rank = np.ceil((len(distances) + 1) * coverage - 1e-9)
    place = np.searchsorted(below, rank - 1e-6)
    return float([*distances[order], np.inf][place])


def interval(residuals: np.ndarray, cases: np.ndarray) -> Interval:
    """`half_width`, at most the whole scale, and what it was found from."""
    found = min(half_width(residuals, cases), mos.MOS_MAX - mos.MOS_MIN)
    return Interval(found, COVERAGE, len(residuals), len(np.unique(cases)))


def of_other_folds(
    residuals: np.ndarray, cases: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Half-widths of pooled test parts, each found from the other folds.

    A run on every image gets its interval from all folds in the same way
    (`training.like.interval`), so the share inside these is what to expect
    of that run.

    Args:
        residuals: Score minus readers' MOS of test images. Shape `[n]`.
        cases: The case of each. Text `[n]`.
        folds: The fold of each, at least two different ones. Text `[n]`.

    Returns:
        `[n]`, in MOS.
    """
    widths = np.empty(len(residuals))
    for fold in np.unique(folds):
        others = folds != fold
        found = interval(residuals[others], cases[others])
        widths[~others] = found.half_width
    return widths


def limits(
    scores: np.ndarray, half_widths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of intervals, cut to the scale."""
    low, high = scores - half_widths, scores + half_widths
    return np.maximum(low, mos.MOS_MIN), np.minimum(high, mos.MOS_MAX)
