"""What every paper on image fusion prints: EN, SD, SF, AG, MI, SCD, SSIM, VIF.

Papers differ in what they call by these names; each `Choice:` says which form
this is. All images are as `check_grey` takes them. EN, SD, SF and AG look at
the fused image alone, so that noise raises them too.
"""

import math
from collections.abc import Callable

import numpy as np

from g2npan_tf.baselines.grey_levels import NUM_LEVELS
from g2npan_tf.baselines.grey_levels import check_grey
from g2npan_tf.baselines.grey_levels import check_one_grey
from g2npan_tf.baselines.grey_levels import joint_counts
from g2npan_tf.baselines.grey_levels import shannon
from g2npan_tf.baselines.grey_levels import shared_information
from g2npan_tf.baselines.rsfe import neighbour_differences
from g2npan_tf.baselines.rsfe import root_mean_square
from g2npan_tf.baselines.similarity import structural_similarity
from g2npan_tf.baselines.similarity import visual_information

_BIT = math.log(2)


def entropy(fused: np.ndarray) -> float:
    """EN: Shannon's entropy of the 256 grey levels in bits, range [0, 8].

    Source: J. W. Roberts, J. van Aardt, F. Ahmed, "Assessment of image fusion
    procedures using entropy, image quality, and multispectral
    classification", Journal of Applied Remote Sensing 2(1), 023522, 2008.
    """
    check_one_grey(fused)
    return shannon(np.bincount(fused.ravel(), minlength=NUM_LEVELS)) / _BIT


def standard_deviation(fused: np.ndarray) -> float:
    """SD: contrast, the grey levels' deviation from their mean.

    Source: J. Ma, Y. Ma, C. Li, "Infrared and visible image fusion methods
    and applications: a survey", Information Fusion 45, 153-178, 2019.

    Choice: the mean of squares is over all pixels; the survey prints the sum.

    Returns:
        Grey levels, range [0, 127.5].
    """
    check_one_grey(fused)
    return float(np.std(fused))


def spatial_frequency(fused: np.ndarray) -> float:
    """SF: root of the mean squared differences along rows and columns.

    Source: A. M. Eskicioglu, P. S. Fisher, "Image quality measures and their
    performance", IEEE Trans. Communications 43(12), 2959-2965, 1995.

    Choice: both means are over all pixels, as in the paper; ports that divide
    by the number of differences have up to 0.4 % more at 128 x 128. No
    diagonals: with them it is what rSFe compares.

    Returns:
        Grey levels, range [0, 255 sqrt(2)).
    """
    check_one_grey(fused)
    return root_mean_square(neighbour_differences(fused)[:2], fused.size)


def average_gradient(fused: np.ndarray) -> float:
    """AG: mean of `sqrt((dx^2 + dy^2) / 2)`, sharpness.

    Source: G. Cui, H. Feng, Z. Xu, Q. Li, Y. Chen, "Detail preserved fusion
    of visible and infrared images using regional saliency extraction and
    multi-scale image decomposition", Optics Communications 341, 199-209,
    2015.

    Choice: dx and dy are differences to the next pixel, and the mean is over
    the pixels that have both neighbours. Ports with central differences (as
    NumPy's gradient takes them) give less.

    Returns:
        Grey levels, range [0, 255]; NaN for a single row or column.
    """
    check_one_grey(fused)
    along_row, along_column = neighbour_differences(fused)[:2]
    squares = along_row[:-1] ** 2 + along_column[:, :-1] ** 2
    return float(np.mean(np.sqrt(squares / 2))) if squares.size else math.nan


def mutual_information(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """MI: what the fused image tells of both sources, I(A,F) + I(B,F).

    Source: G. Qu, D. Zhang, P. Yan, "Information measure for performance of
    image fusion", Electronics Letters 38(7), 313-315, 2002.

    Choice: bits, of all 256 grey levels. Ports give nats (0.693 of this).

    Returns:
        Range [0, 16].
    """
    check_grey(source_a, source_b, fused)
    shared = (
        shared_information(joint_counts(source, fused))
        for source in (source_a, source_b)
    )
    return sum(shared) / _BIT


def correlations_of_differences(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """SCD: whether what F has beyond one source looks like the other one.

    `r(F - B, A) + r(F - A, B)` with Pearson's correlation r.

    Source: V. Aslantas, E. Bendes, "A new image quality metric for image
    fusion: the sum of the correlations of differences", AEU International
    Journal of Electronics and Communications 69(12), 1890-1896, 2015.

    Choice: a correlation with a constant counts 0.

    Returns:
        Range [-2, 2]; NaN if both correlations are with constants.
    """
    check_grey(source_a, source_b, fused)
    a, b, f = (x.astype(np.float64) for x in (source_a, source_b, fused))
    found = [_correlation(f - b, a), _correlation(f - a, b)]
    return math.nan if np.isnan(found).all() else float(np.nansum(found))


def mean_similarity(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """SSIM: mean similarity of the fused image to both sources.

    Source: `structural_similarity`; from 11 x 11 pixels on.

    Choice: the mean of the two; many papers print the sum, twice this.

    Returns:
        Range [-1, 1]; 1 if all three are equal.
    """
    return _mean(structural_similarity, source_a, source_b, fused)


def mean_visual_information(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """VIF: mean share of each source's visual information that F has.

    Source: `visual_information`.

    Choice: the mean of the two with the source as reference; many papers
    print the sum, twice this. Not VIFF (Han et al., Information Fusion 14(2),
    2013), which selects a source block by block.

    Returns:
        Range [0, inf); NaN if a source is constant or below 17 x 17.
    """
    return _mean(visual_information, source_a, source_b, fused)


def _mean(
    measure: Callable[[np.ndarray, np.ndarray], float],
    source_a: np.ndarray,
    source_b: np.ndarray,
    fused: np.ndarray,
) -> float:
    """Mean of a measure of source and fused image over both sources."""
    check_grey(source_a, source_b, fused)
    return (measure(source_a, fused) + measure(source_b, fused)) / 2


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation over all pixels; NaN if one is constant."""
    first, second = first - first.mean(), second - second.mean()
    scale = math.sqrt(np.sum(first * first) * np.sum(second * second))
    return float(np.sum(first * second)) / scale if scale else math.nan
