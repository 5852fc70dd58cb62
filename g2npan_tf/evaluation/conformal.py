"""How far the readers' MOS is from a score, by split conformal prediction."""

import dataclasses

import numpy as np

from g2npan_tf.core import mos

# The share of images whose MOS an interval is to hold.
COVERAGE = 0.9


@dataclasses.dataclass(frozen=True)
class Interval:
    """How far MOS are from scores, and what that was found from."""

    half_width: float  # In MOS.
    coverage: float
    images: int
    cases: int


def half_width(
    residuals: np.ndarray, cases: np.ndarray, coverage: float = COVERAGE
) -> float:
    """How far from its score the MOS of an image is at most, mostly.

    Split conformal prediction: of n residuals that an image's own is
    exchangeable with, the one of rank ceil((n + 1) * coverage); with a
    further residual of any size among them, so large a share is not above it.
    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005);
    Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094-1111, section 2.2.

    Choice: the nonconformity score is the absolute residual in MOS: it needs
    no second model of how wrong the first one is, which a few images would
    not determine, and two constants of the graph give its interval.

    Choice: cases, not images, are exchangeable: images of one are alike. So
    every case counts alike, its images by an n-th of their number, as in
    Dunn, Wasserman and Ramdas, J. Am. Stat. Assoc. 118 (2023) 2491-2502.
    But the further residual counts as one image of n + 1, not as one case:
    of fewer than nine cases, as most validation parts have, nothing finite
    holds 90 % of another one's images for sure. So the share is promised
    for cases of one image, and for others as near as these cases stand for
    them: `evaluate.py` says what it is on the test part.

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
    # Whole numbers where every case is one image; sums of thirds are not.
    rank = np.ceil((len(distances) + 1) * coverage - 1e-9)
    place = np.searchsorted(below, rank - 1e-6)
    return float([*distances[order], np.inf][place])


def interval(residuals: np.ndarray, cases: np.ndarray) -> Interval:
    """The interval of `half_width`, at most the whole scale to each side."""
    found = min(half_width(residuals, cases), mos.MOS_MAX - mos.MOS_MIN)
    return Interval(found, COVERAGE, len(residuals), len(np.unique(cases)))


def of_other_folds(
    residuals: np.ndarray, cases: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Half-widths of pooled test parts, each found from the other folds.

    So a run on every image gets its interval (`training.like.interval`), but
    for a fold in place of it: what is inside is what may be hoped for there.

    Args:
        residuals: Score minus readers' MOS of test images. Shape `[n]`.
        cases: The case of each. Text `[n]`.
        folds: The fold of each, text `[n]`, of two at least.

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
