"""Fusion by one weight per source: weighted average and PCA."""

import math

import numpy as np


def weighted_average(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Mean of the two sources: the field's plainest baseline.

    Source: S. Li, X. Kang, L. Fang, J. Hu, H. Yin, "Pixel-level image
    fusion: A survey of the state of the art", Information Fusion 33,
    100-112, 2017, spatial-domain methods.

    Choice: weight 0.5 for each source; nothing favours one beforehand.
    """
    return (source_a + source_b) * np.float32(0.5)


def pca(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Weighted sum with the first principal component as weights.

    Source: V. P. S. Naidu, J. R. Raol, "Pixel-level image fusion using
    wavelets and principal component analysis", Defence Science Journal
    58(3), 338-352, 2008.
    """
    weight_a = np.float32(principal_weight(source_a, source_b))
    fused = source_b + weight_a * (source_a - source_b)
    return np.clip(fused, 0.0, 1.0)


def principal_weight(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the first variable in the first principal component of two.

    Choice: absolute components, because sources that are negatively
    correlated would otherwise get weights below 0 or a division by 0; one
    half for equal variances, where the component may not be unique.

    Returns:
        Weight of `a`, range [0, 1]; the weight of `b` is the rest to 1.
    """
    deviation_a = a - a.mean(dtype=np.float64)
    deviation_b = b - b.mean(dtype=np.float64)
    difference = float(np.mean(deviation_a**2) - np.mean(deviation_b**2))
    covariance = float(np.mean(deviation_a * deviation_b))
    if difference == 0.0:
        return 0.5
    # A 2 x 2 covariance's leading axis lies at half this angle.
    angle = 0.5 * math.atan2(2.0 * covariance, difference)
    component_a, component_b = abs(math.cos(angle)), abs(math.sin(angle))
    return component_a / (component_a + component_b)
