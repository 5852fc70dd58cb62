"""Fusion with guided filtering of the weight maps (GFF)."""

import cv2
import numpy as np

# Parameters of the paper, for luminance in [0, 1].
_BASE_WINDOW = 31
_SALIENCY_RADIUS = 5
_SALIENCY_SIGMA = 5.0
_BASE_RADIUS, _BASE_EPSILON = 45, 0.3
_DETAIL_RADIUS, _DETAIL_EPSILON = 7, 1e-6


def guided_filter_fusion(
    source_a: np.ndarray, source_b: np.ndarray
) -> np.ndarray:
    """Fuse base and detail layers with weights that follow the sources' edges.

    Source: S. Li, X. Kang, J. Hu, "Image fusion with guided filtering", IEEE
    Transactions on Image Processing 22(7), 2864-2875, 2013, with its
    parameters.

    Args:
        source_a: Luminance. float32 `[height, width]`, range [0, 1].
        source_b: Luminance. Same shape, dtype and range.

    Returns:
        Fused luminance. float32 `[height, width]`, range [0, 1].
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
    """Large-scale part of an image: its mean in a 31 x 31 window.

    Args:
        image: float32 `[height, width]`.

    Returns:
        float32 `[height, width]`.
    """
    size = (_BASE_WINDOW, _BASE_WINDOW)
    return cv2.blur(image, size, borderType=cv2.BORDER_REFLECT)


def saliency(image: np.ndarray) -> np.ndarray:
    """Gaussian mean of the absolute 3 x 3 Laplacian.

    Args:
        image: float32 `[height, width]`.

    Returns:
        float32 `[height, width]`, non-negative.
    """
    laplacian = cv2.Laplacian(image, -1, ksize=1, borderType=cv2.BORDER_REFLECT)
    size = 2 * _SALIENCY_RADIUS + 1
    return cv2.GaussianBlur(
        np.abs(laplacian),
        (size, size),
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
        image: What is smoothed. float32 `[height, width]`.
        guide: Whose edges are kept. Same shape and dtype, range [0, 1].
        radius: Half side of the square window, pixels.
        epsilon: Variance of the guide below which it counts as flat.

    Returns:
        float32 `[height, width]`.
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


def _mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean over that part of the window that lies in the frame."""
    return _sum(values, radius) / _sum(np.ones_like(values), radius)


def _sum(values: np.ndarray, radius: int) -> np.ndarray:
    """Sum over that part of the window that lies in the frame."""
    side = 2 * radius + 1
    return cv2.boxFilter(
        values,
        -1,
        (side, side),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )


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
