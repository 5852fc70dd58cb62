"""How far readers agree, and what their grades say together.

Grades are `[images, readers]`, NaN where not graded.
"""

import numpy as np

from g2npan_tf.evaluation.statistics import srcc
from g2npan_tf.evaluation.statistics import with_others

# Deviations that count as outliers, in standard deviations (BT.500).
_NORMAL_LIMIT = 2.0
_OTHER_LIMIT = np.sqrt(20.0)
_NORMAL_KURTOSIS = (2.0, 4.0)
# A reader with more outliers than this, to both sides alike, is rejected.
_MAX_OUTLIERS = 0.05
_MAX_IMBALANCE = 0.3
_CONFIDENCE = 0.95


def rejected_readers(grades: np.ndarray) -> np.ndarray:
    """Screens readers who are inconsistent with all others.

    An outlier is a grade two standard deviations from the image's mean, or
    the root of 20 where the grades' kurtosis is not that of a normal
    distribution (2 to 4). A reader is rejected with outliers in more than 5 %
    of the images whose directions differ by less than 30 %: one who grades at
    random, not one who is strict or lenient.

    Source: Rec. ITU-R BT.500-13, annex 2, sec. 2.3.1.

    Choice: images on which all agree are passed over (the rule would count
    every grade), and a reader's share is of the images that reader graded.

    Returns:
        Boolean `[readers]`. With five readers or fewer nobody can deviate by
        two standard deviations, so none is rejected.
    """
    graded = ~np.isnan(grades)
    several = grades[graded.sum(axis=1) >= 2]
    deviation = several - np.nanmean(several, axis=1, keepdims=True)
    variance = np.nanmean(deviation**2, axis=1, keepdims=True)
    fourth = np.nanmean(deviation**4, axis=1, keepdims=True)
    kurtosis = fourth / np.where(variance > 0, variance, 1.0) ** 2
    low, high = _NORMAL_KURTOSIS
    normal = (low <= kurtosis) & (kurtosis <= high)
    limit = np.where(normal, _NORMAL_LIMIT, _OTHER_LIMIT)
    limit = limit * np.nanstd(several, axis=1, ddof=1, keepdims=True)
    above = np.sum((deviation >= limit) & (variance > 0), axis=0)
    below = np.sum((deviation <= -limit) & (variance > 0), axis=0)
    outliers = above + below
    share = outliers / np.maximum(graded.sum(axis=0), 1)
    imbalance = np.abs(above - below) / np.maximum(outliers, 1)
    return (share > _MAX_OUTLIERS) & (imbalance < _MAX_IMBALANCE)


def mean_opinions(
    grades: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean opinion score of each image, its spread and its interval.

    Choice: Student's t in place of the 1.96 of BT.500 (annex 2, sec. 2.2.1),
    which holds for many readers: three readers' factor is 4.30.

    Returns:
        Mean, standard deviation (of n - 1) and half the width of the mean's
        95 % interval, float64 `[images]` each; all NaN where there is no
        grade, the last two where there is only one.
    """
    count = np.sum(~np.isnan(grades), axis=1)
    mean = np.nansum(grades, axis=1) / np.where(count > 0, count, np.nan)
    squares = np.nansum((grades - mean[:, None]) ** 2, axis=1)
    degrees = np.where(count > 1, count - 1, np.nan)
    std = np.sqrt(squares / degrees)
    from scipy import stats

    factor = stats.t.ppf(0.5 + _CONFIDENCE / 2, degrees)
    return mean, std, factor * std / np.sqrt(count)


def intraclass_correlation(grades: np.ndarray) -> tuple[float, float]:
    """Absolute agreement of readers: ICC(2,1) and ICC(2,k).

    Source: P. E. Shrout, J. L. Fleiss, "Intraclass correlations: uses in
    assessing rater reliability", Psychological Bulletin 86(2), 1979.

    Returns:
        Of a single reader and of the mean of all, range (-inf, 1], of images
        that all have graded; NaN with fewer than two of them or of readers,
        or where all grades are equal.
    """
    complete = grades[~np.isnan(grades).any(axis=1)]
    images, readers = complete.shape
    if images < 2 or readers < 2 or np.ptp(complete) == 0:
        return float("nan"), float("nan")
    by_image = complete.mean(axis=1, keepdims=True)
    by_reader = complete.mean(axis=0, keepdims=True)
    rest = complete - by_image - by_reader + complete.mean()
    between = readers * by_image.var(ddof=1)
    error = np.sum(rest**2) / ((images - 1) * (readers - 1))
    offset = by_reader.var(ddof=1) - error / images
    spread = between + (readers - 1) * error + readers * offset
    single = (between - error) / spread
    return float(single), float((between - error) / (between + offset))


def agreement_with_others(grades: np.ndarray) -> np.ndarray:
    """SRCC of each reader with the mean of the other readers, `[readers]`.

    NaN where fewer than three images were graded by the reader and by another.
    """
    found = np.full(grades.shape[1], np.nan)
    for reader in range(len(found)):
        images, others, own = with_others(grades, reader)
        if len(images) >= 3:
            found[reader] = srcc(others, own)
    return found
