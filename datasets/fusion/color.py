"""Luminance of RGB images, and colour put back around a fused luminance."""

import numpy as np

# Y of full-range YCbCr.
_WEIGHTS = np.array([0.299, 0.587, 0.114])


def luminance(image: np.ndarray) -> np.ndarray:
    """Y of uint8 RGB (ITU-R BT.601-7, full range), float32 in [0, 1]."""
    return np.minimum(image @ (_WEIGHTS / 255.0), 1.0).astype(np.float32)


def replace_luminance(
    image: np.ndarray, old: np.ndarray, new: np.ndarray
) -> np.ndarray:
    """Exchange an image's luminance, in [0, 1], and keep its chroma.

    Red, green and blue are luminance plus a function of chroma alone, so the
    exchange adds the same difference to each of them (T.-M. Tu, S.-C. Su,
    H.-C. Shyu, P. S. Huang, "A new look at IHS-like image fusion methods",
    Information Fusion 2(3), 177-186, 2001; the same holds for YCbCr). No
    forward and backward transform means no rounding but the last: an unchanged
    luminance gives the image back exactly, and grey stays grey.

    Returns:
        uint8 RGB `[height, width, 3]`, clipped to the gamut.
    """
    difference = (new - old)[..., np.newaxis] * np.float32(255.0)
    return np.clip(np.rint(image + difference), 0, 255).astype(np.uint8)


def is_grey(image: np.ndarray) -> bool:
    """Whether all three channels of an RGB image are equal everywhere."""
    return bool((image == image[..., :1]).all())
