"""Fusion in wavelet domains: discrete (decimated) and stationary wavelet."""

import numpy as np
import pywt

from datasets.fusion.selection import choose_larger
from datasets.fusion.selection import fuse_levels
from datasets.fusion.selection import window_maximum
from datasets.fusion.selection import window_mean

# Choice: the 5/3 wavelet, of eight tried the smooth one that leaves the range
# of the sources least on real pairs; a fourth level adds blocks.
_DISCRETE_WAVELET = "bior2.2"
_DISCRETE_LEVELS = 3
# Choice: four levels, as the pyramids, of Rockinger's Haar wavelet.
_STATIONARY_LEVELS = 4


def discrete_wavelet(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Fuse decimated wavelet coefficients by area-based maximum selection.

    A coefficient's activity is the largest magnitude in its 3 x 3 window; the
    map of winners is then made consistent by a 3 x 3 majority vote.

    Source: H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion
    using the wavelet transform", Graphical Models and Image Processing
    57(3), 235-245, 1995.

    Choice: the approximation is the mean of the sources; windows are
    3 x 3, as small as they can be, because the images are small.
    """
    base_a, *details_a = decompose_discrete(source_a)
    base_b, *details_b = decompose_discrete(source_b)
    fused = [(base_a + base_b) * np.float32(0.5)]
    for bands_a, bands_b in zip(details_a, details_b, strict=True):
        fused.append(tuple(map(_choose_area, bands_a, bands_b)))
    image = reconstruct_discrete(fused, source_a.shape)
    return np.clip(image, 0.0, 1.0)


def stationary_wavelet(
    source_a: np.ndarray, source_b: np.ndarray
) -> np.ndarray:
    """Fuse undecimated wavelet coefficients, the larger magnitude winning.

    Nothing is thrown away between the levels, so that the result does not
    depend on where the image lies in the frame.

    Source: O. Rockinger, "Image sequence fusion using a shift-invariant
    wavelet transform", IEEE International Conference on Image Processing,
    vol. 3, 288-291, 1997.

    Choice: the approximation is the mean of the sources.
    """
    levels = fuse_levels(*map(decompose_stationary, (source_a, source_b)))
    return np.clip(reconstruct_stationary(levels), 0.0, 1.0)


def decompose_discrete(
    image: np.ndarray,
    num_levels: int = _DISCRETE_LEVELS,
    wavelet: str = _DISCRETE_WAVELET,
) -> list:
    """Decimated transform, as deep as the size allows; PyWavelets' list."""
    deepest = pywt.dwt_max_level(min(image.shape), wavelet)
    return pywt.wavedec2(image, wavelet, level=min(num_levels, deepest))


def reconstruct_discrete(
    coefficients: list,
    shape: tuple[int, ...],
    wavelet: str = _DISCRETE_WAVELET,
) -> np.ndarray:
    """Invert `decompose_discrete`."""
    # Odd sides come back one longer.
    image = pywt.waverec2(coefficients, wavelet)
    return image[: shape[0], : shape[1]]


def decompose_stationary(
    image: np.ndarray, num_levels: int = _STATIONARY_LEVELS
) -> list[np.ndarray]:
    """Undecimated Haar transform of the image, mirrored at its frame.

    PyWavelets' inverse visits every phase alone; sums and differences of
    shifted images are the same transform and several times as fast.

    Returns:
        Levels from fine to coarse: the details of a level, float32
        `[3, height + 2 * margin, width + 2 * margin]` (differences along x,
        along y, along both); the last one is the approximation, without the
        first axis.
    """
    levels = []
    image = np.pad(image, _margin(num_levels), mode="symmetric")
    for level in range(num_levels):
        low, high = _split(image, 2**level, axis=0)
        image, along_x = _split(low, 2**level, axis=1)
        along_y, along_both = _split(high, 2**level, axis=1)
        levels.append(np.stack([along_x, along_y, along_both]))
    return [*levels, image]


def reconstruct_stationary(levels: list[np.ndarray]) -> np.ndarray:
    """Invert `decompose_stationary`, all shifts averaged."""
    *details, image = levels
    for level in reversed(range(len(details))):
        along_x, along_y, along_both = details[level]
        low = _join(image, along_x, 2**level, axis=1)
        high = _join(along_y, along_both, 2**level, axis=1)
        image = _join(low, high, 2**level, axis=0)
    margin = _margin(len(details))
    return image[margin:-margin, margin:-margin]


def _margin(num_levels: int) -> int:
    """Pixels around the frame: all levels together reach one less."""
    return 2**num_levels


def _split(image: np.ndarray, step: int, axis: int) -> tuple:
    """Haar's low-pass and high-pass filter with a hole of `step` pixels."""
    half = image * np.float32(0.5)
    shifted = np.roll(half, -step, axis)
    return half + shifted, half - shifted


def _join(
    low: np.ndarray, high: np.ndarray, step: int, axis: int
) -> np.ndarray:
    """Invert `_split`: the mean of both ways to get a pixel back."""
    shifted = np.roll(low - high, step, axis)
    return (low + high + shifted) * np.float32(0.5)


def _choose_area(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Choose by the window maximum, then by the majority of neighbours."""
    activity_a = window_maximum(np.abs(a), 3)
    activity_b = window_maximum(np.abs(b), 3)
    votes = window_mean(np.sign(activity_a - activity_b), 3)
    return choose_larger(a, b, votes, -votes)
