"""Fusion by pixel significance with the cross bilateral filter (CBF)."""

import cv2
import numpy as np

# Parameters of the paper; sigma_r there is 25 of 255 grey levels.
_SIGMA_SPACE = 1.8
_SIGMA_RANGE = 25 / 255
_RADIUS = 5
_STATISTICS_WINDOW = 5
# Choice: detail below a tenth of a grey level is no detail, so that flat
# places are averaged instead of decided by rounding errors.
_TINY = np.float32((0.1 / 255) ** 2)


def cross_bilateral_fusion(
    source_a: np.ndarray, source_b: np.ndarray
) -> np.ndarray:
    """Weight each pixel by the strength of the detail that surrounds it.

    Detail is what the cross bilateral filter removes from a source when the
    other source guides it; its strength is the sum of the eigenvalues of the
    horizontal and of the vertical covariance matrix in a window.

    Source: B. K. Shreyamsha Kumar, "Image fusion based on pixel significance
    using cross bilateral filter", Signal, Image and Video Processing 9(5),
    1193-1204, 2015.

    Args:
        source_a: Luminance. float32 `[height, width]`, range [0, 1].
        source_b: Luminance. Same shape, dtype and range.

    Returns:
        Fused luminance. float32 `[height, width]`, range [0, 1].
    """
    detail_a = source_a - cross_bilateral_filter(source_a, source_b)
    detail_b = source_b - cross_bilateral_filter(source_b, source_a)
    weight_a = detail_strength(detail_a) + _TINY
    weight_b = detail_strength(detail_b) + _TINY
    share_a = weight_a / (weight_a + weight_b)
    fused = source_b + share_a * (source_a - source_b)
    return np.clip(fused, 0.0, 1.0)


def cross_bilateral_filter(image: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Mean over neighbours that are close in space and alike in the guide.

    Source: Kumar 2015; both kernels are Gaussian.

    Args:
        image: What is smoothed. float32 `[height, width]`.
        guide: Which decides what is alike. Same shape and dtype.

    Returns:
        float32 `[height, width]`.
    """
    border = [(_RADIUS, _RADIUS), (_RADIUS, _RADIUS)]
    images = np.pad(image, border, mode="symmetric")
    guides = np.pad(guide, border, mode="symmetric")
    height, width = image.shape
    total, weights = np.zeros_like(image), np.zeros_like(image)
    for row, column in np.ndindex(2 * _RADIUS + 1, 2 * _RADIUS + 1):
        window = np.s_[row : row + height, column : column + width]
        distance = (row - _RADIUS) ** 2 + (column - _RADIUS) ** 2
        exponent = guides[window] - guide
        exponent *= exponent
        exponent *= np.float32(-0.5 / _SIGMA_RANGE**2)
        exponent -= np.float32(0.5 * distance / _SIGMA_SPACE**2)
        weight = np.exp(exponent, out=exponent)
        weights += weight
        total += weight * images[window]
    return total / weights


def detail_strength(detail: np.ndarray) -> np.ndarray:
    """Sum of the eigenvalues of both covariance matrices of each window.

    The sum of a matrix's eigenvalues is its trace, so the variances of the
    window's columns and rows are all that is needed.

    Source: Kumar 2015; unbiased covariances.

    Args:
        detail: float32 `[height, width]`.

    Returns:
        float32 `[height, width]`, non-negative.
    """
    size = _STATISTICS_WINDOW
    total = 2 * _sum(detail * detail, size, size)
    of_columns = _sum(_sum(detail, 1, size) ** 2, size, 1)
    of_rows = _sum(_sum(detail, size, 1) ** 2, 1, size)
    traces = (total - (of_columns + of_rows) / size) / (size - 1)
    return np.maximum(traces, 0.0)


def _sum(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """Sum in a window of the given sides, mirrored at the frame."""
    return cv2.boxFilter(
        values,
        -1,
        (width, height),
        normalize=False,
        borderType=cv2.BORDER_REFLECT,
    )
