"""Fusion by edge-preserving filters: guided (GFF) and cross bilateral (CBF)."""

import cv2
import numpy as np

# Parameters of Li et al. 2013, for luminance in [0, 1].
_BASE_WINDOW = 31
_SALIENCY_WINDOW, _SALIENCY_SIGMA = 11, 5.0
_BASE_RADIUS, _BASE_EPSILON = 45, 0.3
_DETAIL_RADIUS, _DETAIL_EPSILON = 7, 1e-6
# Parameters of Kumar 2015; sigma_r there is 25 of 255 grey levels.
_SIGMA_SPACE = 1.8
_SIGMA_RANGE = 25 / 255
_RADIUS = 5
_STATISTICS_WINDOW = 5
# Choice: detail below a tenth of a grey level is no detail, so that flat
# places are averaged instead of decided by rounding errors.
_TINY = np.float32((0.1 / 255) ** 2)


def guided_filter_fusion(
    source_a: np.ndarray, source_b: np.ndarray
) -> np.ndarray:
    """Fuse base and detail layers with weights that follow the sources' edges.

    Source: S. Li, X. Kang, J. Hu, "Image fusion with guided filtering", IEEE
    Transactions on Image Processing 22(7), 2864-2875, 2013, with its
    parameters.
    """
    base_a, base_b = base_layer(source_a), base_layer(source_b)
    # 1 where a source is the more salient one, 0 where the other is.
    balance = np.sign(saliency(source_a) - saliency(source_b))
    map_a, map_b = (1 + balance) / 2, (1 - balance) / 2
    base = _blend(
        (base_a, base_b),
        guided_filter(map_a, source_a, _BASE_RADIUS, _BASE_EPSILON),
        guided_filter(map_b, source_b, _BASE_RADIUS, _BASE_EPSILON),
    )
    detail = _blend(
        (source_a - base_a, source_b - base_b),
        guided_filter(map_a, source_a, _DETAIL_RADIUS, _DETAIL_EPSILON),
        guided_filter(map_b, source_b, _DETAIL_RADIUS, _DETAIL_EPSILON),
    )
    return np.clip(base + detail, 0.0, 1.0)


def base_layer(image: np.ndarray) -> np.ndarray:
    """Large-scale part of an image: its mean in a 31 x 31 window."""
    size = (_BASE_WINDOW, _BASE_WINDOW)
    return cv2.blur(image, size, borderType=cv2.BORDER_REFLECT)


def saliency(image: np.ndarray) -> np.ndarray:
    """Gaussian mean of the absolute 3 x 3 Laplacian."""
    laplacian = cv2.Laplacian(image, -1, ksize=1, borderType=cv2.BORDER_REFLECT)
    return cv2.GaussianBlur(
        np.abs(laplacian),
        (_SALIENCY_WINDOW, _SALIENCY_WINDOW),
        _SALIENCY_SIGMA,
        borderType=cv2.BORDER_REFLECT,
    )


def guided_filter(
    image: np.ndarray, guide: np.ndarray, radius: int, epsilon: float
) -> np.ndarray:
    """Smooth an image along the edges of another one.

    Source: K. He, J. Sun, X. Tang, "Guided image filtering", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 35(6),
    1397-1409, 2013, algorithm 1.

    Args:
        image: What is smoothed. float32 `[height, width]`, as the result.
        guide: Whose edges are kept. Same shape and dtype, range [0, 1].
        radius: Half side of the square window, pixels.
        epsilon: Variance of the guide below which it counts as flat.
    """
    # Variances by difference of means: float64, because epsilon is 1e-6.
    image, guide = image.astype(np.float64), guide.astype(np.float64)
    mean_image, mean_guide = _mean(image, radius), _mean(guide, radius)
    covariance = _mean(image * guide, radius) - mean_image * mean_guide
    variance = _mean(guide * guide, radius) - mean_guide**2
    slope = covariance / (variance + epsilon)
    offset = mean_image - slope * mean_guide
    filtered = _mean(slope, radius) * guide + _mean(offset, radius)
    return filtered.astype(np.float32)


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
    """
    size = _STATISTICS_WINDOW
    total = 2 * _sum(detail * detail, size, size)
    of_columns = _sum(_sum(detail, 1, size) ** 2, size, 1)
    of_rows = _sum(_sum(detail, size, 1) ** 2, 1, size)
    traces = (total - (of_columns + of_rows) / size) / (size - 1)
    return np.maximum(traces, 0.0)


def _mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean over that part of a square window that lies in the frame."""
    side, outside = 2 * radius + 1, cv2.BORDER_CONSTANT
    total = _sum(values, side, side, outside)
    return total / _sum(np.ones_like(values), side, side, outside)


def _sum(
    values: np.ndarray,
    width: int,
    height: int,
    border: int = cv2.BORDER_REFLECT,
) -> np.ndarray:
    """Sum in a window of the given sides."""
    size = (width, height)
    return cv2.boxFilter(values, -1, size, normalize=False, borderType=border)


def _blend(
    layers: tuple[np.ndarray, np.ndarray],
    weight_a: np.ndarray,
    weight_b: np.ndarray,
) -> np.ndarray:
    """Weighted mean of two layers.

    Choice: weights are clipped to [0, 1], which the filter may leave, and are
    one half each where both are 0.
    """
    tiny = np.float32(1e-6)
    weight_a = np.clip(weight_a, 0.0, 1.0) + tiny
    weight_b = np.clip(weight_b, 0.0, 1.0) + tiny
    layer_a, layer_b = layers
    return layer_b + weight_a / (weight_a + weight_b) * (layer_a - layer_b)
