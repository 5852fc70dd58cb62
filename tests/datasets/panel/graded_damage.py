"""Graded damage to a good fusion, with which the simulated panel is checked.

Each function fuses two sources by the Laplacian pyramid and damages the
result; the first of its levels does no damage.
"""

from collections.abc import Callable

import cv2
import numpy as np

from datasets.fusion import fuse
from datasets.pretraining import distortions

ALGORITHM = "laplacian_pyramid"


def blur(source_a: np.ndarray, source_b: np.ndarray, sd: float) -> np.ndarray:
    """Gaussian blur of the fused image; standard deviation in pixels."""
    fused = fuse(source_a, source_b, ALGORITHM)
    return distortions.gaussian_blur(fused, sd) if sd else fused


def noise(source_a: np.ndarray, source_b: np.ndarray, sd: float) -> np.ndarray:
    """White noise on the luminance, seeded; standard deviation in levels."""
    fused = fuse(source_a, source_b, ALGORITHM)
    draws = np.random.default_rng(0).normal(0.0, sd, (*fused.shape[:2], 1))
    return distortions.to_uint8(fused + draws)


def contrast_loss(
    source_a: np.ndarray, source_b: np.ndarray, gain: float
) -> np.ndarray:
    """Deviations from the mean of the head multiplied by a gain of 1 to 0."""
    fused = fuse(source_a, source_b, ALGORITHM)
    head = distortions.shown(np.maximum(source_a, source_b))
    return distortions.contrast_loss(fused, gain, head)


def colour_loss(
    source_a: np.ndarray, source_b: np.ndarray, gain: float
) -> np.ndarray:
    """Chroma multiplied by a gain of 1 to 0; nothing on grey images."""
    fused = fuse(source_a, source_b, ALGORITHM)
    luma = cv2.cvtColor(fused, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    return distortions.to_uint8(luma + gain * (fused.astype(np.float64) - luma))


def misregistration(
    source_a: np.ndarray, source_b: np.ndarray, pixels: float
) -> np.ndarray:
    """Ghost edges: the MR is shifted down by some pixels before the fusion."""
    shift = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, pixels]])
    size = source_b.shape[1::-1]
    shifted = cv2.warpAffine(source_b, shift, size, flags=cv2.INTER_LANCZOS4)
    return fuse(source_a, shifted, ALGORITHM)


def jpeg(
    source_a: np.ndarray, source_b: np.ndarray, quality: int
) -> np.ndarray:
    """JPEG compression of the fused image; quality 101 stands for none."""
    fused = fuse(source_a, source_b, ALGORITHM)
    return fused if quality > 100 else distortions.jpeg(fused, quality)


# Choice: levels from just visible to useless.
DISTORTIONS: dict[str, tuple[Callable[..., np.ndarray], tuple]] = {
    "blur": (blur, (0, 0.5, 1, 1.5, 2, 3)),
    "noise": (noise, (0, 4, 8, 16, 32, 64)),
    "contrast_loss": (contrast_loss, (1, 0.85, 0.7, 0.5, 0.3, 0.1)),
    "colour_loss": (colour_loss, (1, 0.8, 0.6, 0.4, 0.2)),
    "misregistration": (misregistration, (0, 0.25, 0.5, 1, 2, 4)),
    "jpeg": (jpeg, (101, 75, 50, 30, 15, 5)),
}
