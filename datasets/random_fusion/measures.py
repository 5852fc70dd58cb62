"""How active or salient a place is, for the rules of selection to compare.

Each measure maps coefficients or luminance, float32 `[height, width]`, to
values of the same shape, at least 0; larger is more active.
"""

import functools

import cv2
import numpy as np

from datasets.fusion.convolutional_sparse import dictionary
from datasets.fusion.edge_preserving import detail_strength
from datasets.fusion.edge_preserving import saliency
from datasets.fusion.pcnn import spatial_frequency
from datasets.fusion.selection import window_maximum
from datasets.fusion.selection import window_mean
from datasets.random_fusion.kinds import Kind
from datasets.random_fusion.kinds import by_factor
from datasets.random_fusion.kinds import odd
from datasets.random_fusion.kinds import one_of
from datasets.random_fusion.kinds import seed
from datasets.random_fusion.kinds import whole
from g2npan_tf.baselines.tang import firing_times

_TINY = np.float32(1e-6)
# Choice: side to which spectral residuals shrink an image (Hou and Zhang:
# 64), and the levels whose entropy is taken.
_RESIDUAL_SIDE = 64
_ENTROPY_LEVELS = 8


def energy(values: np.ndarray, side: int) -> np.ndarray:
    """Mean square in a window."""
    return np.maximum(window_mean(values * values, side), 0.0)


def largest(values: np.ndarray, side: int) -> np.ndarray:
    """Largest magnitude in a window (Li et al. 1995)."""
    return window_maximum(np.abs(values), side)


def variance(values: np.ndarray, side: int) -> np.ndarray:
    """Variance in a window."""
    mean = window_mean(values, side)
    return np.maximum(window_mean(values * values, side) - mean * mean, 0.0)


def gradient(values: np.ndarray, side: int) -> np.ndarray:
    """Mean Sobel strength in a window."""
    strength = cv2.magnitude(
        cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1)
    )
    return window_mean(strength, side)


def modified_laplacian(values: np.ndarray, side: int) -> np.ndarray:
    """Sum-modified Laplacian (Nayar and Nakagawa 1994)."""
    kernel = np.array([[-1, 2, -1]], np.float32)
    total = np.abs(cv2.filter2D(values, -1, kernel))
    total += np.abs(cv2.filter2D(values, -1, kernel.T))
    return window_mean(total, side)


def entropy(values: np.ndarray, side: int) -> np.ndarray:
    """Entropy of the levels in a window, in bits, on the image's own range."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) * ((_ENTROPY_LEVELS - 1) / max(high - low, 1e-6))
    levels = np.rint(scaled).astype(np.uint8)
    total = np.zeros_like(values)
    for level in range(_ENTROPY_LEVELS):
        share = window_mean((levels == level).astype(np.float32), side)
        total -= share * np.log2(np.maximum(share, _TINY))
    return np.maximum(total, 0.0)


def spectral_residual(values: np.ndarray, sd: float) -> np.ndarray:
    """Visual saliency: what the amplitude spectrum has beyond its trend.

    X. Hou, L. Zhang, "Saliency detection: a spectral residual approach",
    CVPR 2007.
    """
    height, width = values.shape
    size = (min(_RESIDUAL_SIDE, width), min(_RESIDUAL_SIDE, height))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    amplitude = np.abs(spectrum) + 1e-6
    log = np.log(amplitude)
    residual = np.exp(log - cv2.blur(log, (3, 3)))
    seen = np.abs(np.fft.ifft2(residual * spectrum / amplitude)) ** 2
    seen = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), sd)
    return np.maximum(cv2.resize(seen, (width, height)), 0.0)


def pulses(values: np.ndarray, iterations: int) -> np.ndarray:
    """Firing times of a pulse-coupled network; the stimulus breaks ties."""
    stimulus = np.abs(values)
    stimulus = stimulus / max(float(stimulus.max()), 1e-6)
    return firing_times(stimulus, iterations) + stimulus / 2


def sparse(values: np.ndarray, threshold: float, side: int) -> np.ndarray:
    """l1 norm of thresholded DCT codes: one step of sparse coding."""
    total = np.zeros_like(values)
    for kernel in _atoms():
        code = np.abs(cv2.filter2D(values, -1, kernel))
        total += np.maximum(code - np.float32(threshold), 0.0)
    return window_mean(total, side)


@functools.lru_cache(maxsize=1)
def _atoms() -> np.ndarray:
    """The eight smoothest filters, `[8, 8, 8]`."""
    return dictionary()[:8].astype(np.float32)


def network(
    values: np.ndarray, filters: int, side: int, seed: int
) -> np.ndarray:
    """l1 norm of the features of a small random convolutional network.

    Two layers with rectifiers, the form of fusion by the features of a
    network that was not made for it (H. Li, X.-J. Wu, J. Kittler, "Infrared
    and visible image fusion using a deep learning framework", ICPR 2018).
    """
    total = np.zeros_like(values)
    for first, second in _kernels(filters, side, seed):
        feature = np.maximum(cv2.filter2D(values, -1, first), 0.0)
        total += np.maximum(cv2.filter2D(feature, -1, second), 0.0)
    return total


@functools.lru_cache(maxsize=4)
def _kernels(filters: int, side: int, seed: int) -> np.ndarray:
    """Normal draws; filters of the first layer have no constant part."""
    draws = np.random.default_rng(seed).normal(size=(filters, 2, side, side))
    draws[:, 0] -= draws[:, 0].mean(axis=(1, 2), keepdims=True)
    return draws.astype(np.float32)


MEASURES = {
    "magnitude": Kind(4, np.abs),
    "energy": Kind(4, energy, {"side": odd(3, 11)}),
    "largest": Kind(3, largest, {"side": odd(3, 9)}),
    "variance": Kind(2, variance, {"side": odd(3, 11)}),
    "gradient": Kind(2, gradient, {"side": odd(1, 9)}),
    "modified_laplacian": Kind(2, modified_laplacian, {"side": odd(1, 9)}),
    "saliency": Kind(1, saliency),
    "detail_strength": Kind(1, detail_strength),
    "spatial_frequency": Kind(2, spatial_frequency),
    "entropy": Kind(0.7, entropy, {"side": odd(5, 13)}),
    "spectral_residual": Kind(0.4, spectral_residual, {"sd": by_factor(1, 4)}),
    "pulses": Kind(0.7, pulses, {"iterations": whole(10, 30)}),
    "sparse": Kind(
        1, sparse, {"threshold": by_factor(0.002, 0.1), "side": odd(1, 9)}
    ),
    "network": Kind(
        3,
        network,
        {"filters": whole(3, 8), "side": one_of(3, 5), "seed": seed},
    ),
}
