"""Luminance of RGB images, and colour put back around a fused luminance."""

import numpy as np

from g2npan_tf.core.errors import InputError

# Y of full-range YCbCr (ITU-R BT.601); I of the linear IHS transform.
_LUMINANCE_WEIGHTS = {
    "ycbcr": (0.299, 0.587, 0.114),
    "ihs": (1 / 3, 1 / 3, 1 / 3),
}


def luminance(image: np.ndarray, color_space: str) -> np.ndarray:
    """Y of YCbCr or I of IHS.

    Source: ITU-R BT.601-7 (Y, full range); T.-M. Tu, S.-C. Su, H.-C. Shyu,
    P. S. Huang, "A new look at IHS-like image fusion methods", Information
    Fusion 2(3), 177-186, 2001 (I).

    Returns:
        float32 `[height, width]`, range [0, 1].

    Raises:
        InputError: If the colour space is unknown.
    """
    if color_space not in _LUMINANCE_WEIGHTS:
        known = ", ".join(_LUMINANCE_WEIGHTS)
        raise InputError(
            f"color_space must be one of {known}. Received: {color_space!r}"
        )
    weights = np.asarray(_LUMINANCE_WEIGHTS[color_space]) / 255.0
    return np.minimum(image @ weights, 1.0).astype(np.float32)


def replace_luminance(
    image: np.ndarray, old: np.ndarray, new: np.ndarray
) -> np.ndarray:
    """Exchange an image's luminance, in [0, 1], and keep its chroma.

    In both colour spaces red, green and blue are luminance plus a function
    of chroma alone, so the exchange adds the same difference to each of them
    (Tu et al. 2001, "fast IHS"; the same holds for YCbCr). No forward and
    backward transform means no rounding but the last: an unchanged luminance
    gives the image back exactly, and grey stays grey.

    Returns:
        uint8 RGB `[height, width, 3]`, clipped to the gamut.
    """
    difference = (new - old)[..., np.newaxis] * np.float32(255.0)
    return np.clip(np.rint(image + difference), 0, 255).astype(np.uint8)


def is_grey(image: np.ndarray) -> bool:
    """Whether all three channels of an RGB image are equal everywhere."""
    return bool((image == image[..., :1]).all())
