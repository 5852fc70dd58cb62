"""Colour models, by which a fused luminance becomes a coloured image.

Each takes the coloured source, float32 `[height, width, 3]` in [0, 1], RGB,
and a function that fuses one channel of it, float32 `[height, width]`, with
the other source. The result may leave the range.
"""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np

from datasets.random_fusion.kinds import Kind
from datasets.random_fusion.kinds import between

Fuse: TypeAlias = Callable[[np.ndarray], np.ndarray]
_TINY = np.float32(1e-3)


def _luma(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _replaced(image: np.ndarray, old: np.ndarray, fuse: Fuse) -> np.ndarray:
    """The same difference on all channels: chroma stays."""
    return image + (fuse(old) - old)[..., np.newaxis]


def _scaled(image: np.ndarray, old: np.ndarray, fuse: Fuse) -> np.ndarray:
    """The same factor on all channels: hue and saturation stay."""
    return image * ((fuse(old) + _TINY) / (old + _TINY))[..., np.newaxis]


def luma(image: np.ndarray, fuse: Fuse) -> np.ndarray:
    """Y of YCbCr exchanged."""
    return _replaced(image, _luma(image), fuse)


def intensity(image: np.ndarray, fuse: Fuse) -> np.ndarray:
    """I of IHS exchanged: the mean of the channels."""
    return _replaced(image, image.mean(axis=-1), fuse)


def value(image: np.ndarray, fuse: Fuse) -> np.ndarray:
    """V of HSV exchanged: the largest channel."""
    return _scaled(image, image.max(axis=-1), fuse)


def lightness(image: np.ndarray, fuse: Fuse) -> np.ndarray:
    """L of CIELAB exchanged."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)
    fused = fuse(np.ascontiguousarray(lab[..., 0]) / np.float32(100))
    lab[..., 0] = np.clip(fused, 0, 1) * 100
    return cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)


def brovey(image: np.ndarray, fuse: Fuse) -> np.ndarray:
    """All channels scaled with the luminance."""
    return _scaled(image, _luma(image), fuse)


def channels(image: np.ndarray, fuse: Fuse) -> np.ndarray:
    """Red, green and blue fused one by one."""
    planes = [np.ascontiguousarray(image[..., i]) for i in range(3)]
    return np.stack([fuse(plane) for plane in planes], axis=-1)


def overlay(image: np.ndarray, fuse: Fuse, alpha: float) -> np.ndarray:
    """The source laid over its fusion."""
    fused = luma(image, fuse)
    return fused + np.float32(alpha) * (image - fused)


def faded(image: np.ndarray, fuse: Fuse, chroma: float) -> np.ndarray:
    """Y of YCbCr exchanged, the chroma scaled."""
    old = _luma(image)[..., np.newaxis]
    fused = luma(image, fuse)
    return fused + np.float32(chroma - 1) * (image - old)


# Choice: most methods of the field keep the chroma in YCbCr or IHS.
COLOUR_MODELS = {
    "luma": Kind(8, luma),
    "intensity": Kind(2, intensity),
    "value": Kind(0.2, value),
    "lightness": Kind(1.5, lightness),
    "brovey": Kind(0.2, brovey),
    "channels": Kind(0.25, channels),
    "overlay": Kind(1.5, overlay, {"alpha": between(0.03, 0.4)}),
    "faded": Kind(1.5, faded, {"chroma": between(0.7, 1.2)}),
}
