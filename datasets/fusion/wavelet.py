"""Fusion in wavelet domains: discrete (decimated) and stationary wavelet."""

import numpy as np
import pywt

from datasets.fusion.selection import choose_larger
from datasets.fusion.selection import window_maximum
from datasets.fusion.selection import window_mean

# Choice: the 9/7 wavelet of JPEG 2000; as deep as 128 x 128 pixels allow.
_DISCRETE_WAVELET = "bior4.4"
_DISCRETE_LEVELS = 3
# Rockinger's Haar wavelet. Choice: four levels, as the pyramids.
_STATIONARY_WAVELET = "haar"
_STATIONARY_LEVELS = 4


def discrete_wavelet(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Fuse decimated wavelet coefficients by area-based maximum selection.

    A coefficient's activity is the largest magnitude in its 3 x 3 window; the
    map of winners is then made consistent by a 3 x 3 majority vote.

    Source: H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion
    using the wavelet transform", Graphical Models and Image Processing
    57(3), 235-245, 1995.

    Choice: the approximation is the mean of the sources; 3 x 3 windows
    where the paper uses 5 x 5 on images of four times the side.

    Args:
        source_a: Luminance. float32 `[height, width]`, range [0, 1].
        source_b: Luminance. Same shape, dtype and range.

    Returns:
        Fused luminance. float32 `[height, width]`, range [0, 1].
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

    Args:
        source_a: Luminance. float32 `[height, width]`, range [0, 1].
        source_b: Luminance. Same shape, dtype and range.

    Returns:
        Fused luminance. float32 `[height, width]`, range [0, 1].
    """
    base_a, *details_a = decompose_stationary(source_a)
    base_b, *details_b = decompose_stationary(source_b)
    fused = [(base_a + base_b) * np.float32(0.5)]
    for bands_a, bands_b in zip(details_a, details_b, strict=True):
        a, b = np.stack(bands_a), np.stack(bands_b)
        fused.append(tuple(choose_larger(a, b, np.abs(a), np.abs(b))))
    image = reconstruct_stationary(fused, source_a.shape)
    return np.clip(image, 0.0, 1.0)


def decompose_discrete(image: np.ndarray) -> list:
    """Decimated wavelet transform, as deep as the image's size allows.

    Args:
        image: float32 `[height, width]`.

    Returns:
        PyWavelets' list: approximation, then three detail bands a level from
        coarse to fine, float32.
    """
    deepest = pywt.dwt_max_level(min(image.shape), _DISCRETE_WAVELET)
    return pywt.wavedec2(
        image, _DISCRETE_WAVELET, level=min(_DISCRETE_LEVELS, deepest)
    )


def reconstruct_discrete(
    coefficients: list, shape: tuple[int, ...]
) -> np.ndarray:
    """Invert `decompose_discrete`.

    Args:
        coefficients: PyWavelets' list as `decompose_discrete` returns it.
        shape: `(height, width)` of the image; odd sides come back one longer.

    Returns:
        float32 `[height, width]`.
    """
    image = pywt.waverec2(coefficients, _DISCRETE_WAVELET)
    return image[: shape[0], : shape[1]]


def decompose_stationary(image: np.ndarray) -> list:
    """Undecimated wavelet transform of the image, mirrored at its frame.

    Args:
        image: float32 `[height, width]`.

    Returns:
        PyWavelets' list: approximation, then three detail bands a level from
        coarse to fine, float32, sides a multiple of 2 to the levels.
    """
    step = 2**_STATIONARY_LEVELS
    # One step at least: the transform is periodic, the image is not.
    after = [step + -side % step for side in image.shape]
    padded = np.pad(image, [(step, pad) for pad in after], mode="symmetric")
    return pywt.swt2(
        padded,
        _STATIONARY_WAVELET,
        level=_STATIONARY_LEVELS,
        trim_approx=True,
        norm=True,
    )


def reconstruct_stationary(
    coefficients: list, shape: tuple[int, ...]
) -> np.ndarray:
    """Invert `decompose_stationary`.

    Args:
        coefficients: PyWavelets' list as `decompose_stationary` returns it.
        shape: `(height, width)` of the image without the mirrored margin.

    Returns:
        float32 `[height, width]`.
    """
    image = pywt.iswt2(coefficients, _STATIONARY_WAVELET, norm=True)
    margin = 2**_STATIONARY_LEVELS
    image = image[margin : margin + shape[0], margin : margin + shape[1]]
    return image.astype(np.float32)


def _choose_area(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Choose by the window maximum, then by the majority of neighbours."""
    activity_a = window_maximum(np.abs(a), 3)
    activity_b = window_maximum(np.abs(b), 3)
    votes = window_mean(np.sign(activity_a - activity_b), 3)
    return choose_larger(a, b, votes, -votes)
