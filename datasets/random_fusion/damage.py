"""What may happen to a fused image: blur, noise, colour, compression.

Images are uint8 `[height, width, 3]`, RGB.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from datasets.pretraining import distortions
from datasets.pretraining.distortions import to_uint8
from datasets.random_fusion.kinds import Kind
from datasets.random_fusion.kinds import between
from datasets.random_fusion.kinds import by_factor
from datasets.random_fusion.kinds import odd
from datasets.random_fusion.kinds import one_of
from datasets.random_fusion.kinds import seed
from datasets.random_fusion.kinds import whole

_BLOCK = 8


def _seeded(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Makes a function that takes a generator take the seed of one."""

    def damage(image: np.ndarray, seed: int, **values: Any) -> np.ndarray:
        return function(image, rng=np.random.default_rng(seed), **values)

    return damage


def box_blur(image: np.ndarray, side: int) -> np.ndarray:
    """Mean in a window."""
    return cv2.blur(image, (side, side))


def motion_blur(image: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Mean along a line; length in pixels, angle in degrees."""
    side = 2 * int(np.ceil(length / 2)) + 1
    line = np.zeros((side, side), np.float32)
    line[side // 2] = np.clip(
        (length + 1) / 2 - np.abs(np.arange(side) - side // 2), 0, 1
    )
    centre = ((side - 1) / 2, (side - 1) / 2)
    turned = cv2.warpAffine(
        line, cv2.getRotationMatrix2D(centre, angle, 1), (side, side)
    )
    return cv2.filter2D(image, -1, turned / turned.sum())


def colour_noise(
    image: np.ndarray, sd: float, rng: np.random.Generator
) -> np.ndarray:
    """White noise on each channel, background included."""
    return to_uint8(image + rng.normal(0.0, sd, image.shape))


def speckle(
    image: np.ndarray, sd: float, rng: np.random.Generator
) -> np.ndarray:
    """White noise times the image; standard deviation as a share of it."""
    return to_uint8(image * (1 + rng.normal(0.0, sd, (*image.shape[:2], 1))))


def counts(
    image: np.ndarray, peak: float, rng: np.random.Generator
) -> np.ndarray:
    """Poisson noise of the luminance; counts at full scale."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) / 255
    noise = rng.poisson(grey * peak) / peak - grey
    return to_uint8(image + 255.0 * noise[..., np.newaxis])


def gamma(image: np.ndarray, exponent: float) -> np.ndarray:
    """A power of the grey levels."""
    return to_uint8(255.0 * (image / 255.0) ** exponent)


def brightness(image: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """A gain of all levels and an offset, in levels, where not background."""
    return to_uint8(gain * image + offset * distortions.shown(image))


def saturation(image: np.ndarray, gain: float) -> np.ndarray:
    """Differences of colour from grey, times a gain."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    return to_uint8(grey + gain * (image - grey.astype(np.float64)))


def hue(image: np.ndarray, angle: float) -> np.ndarray:
    """Turns the hue, in degrees."""
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + angle) % 360
    return to_uint8(255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def mosaic(image: np.ndarray, part: float) -> np.ndarray:
    """Blocks: a part of each pixel is the mean of its block of 8 x 8."""
    height, width = image.shape[:2]
    size = (-(-width // _BLOCK), -(-height // _BLOCK))
    means = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    blocks = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    return to_uint8((1 - part) * image + part * blocks)


def halo(image: np.ndarray, amount: float, sd: float) -> np.ndarray:
    """Unsharp masking."""
    smooth = cv2.GaussianBlur(image, (0, 0), sd).astype(np.float64)
    return to_uint8(image + amount * (image - smooth))


def posterise(image: np.ndarray, levels: int) -> np.ndarray:
    """Fewer grey levels a channel."""
    step = 255.0 / (levels - 1)
    return to_uint8(step * np.rint(image / step))


def resample(
    image: np.ndarray, factor: float, interpolation: int
) -> np.ndarray:
    """Down by a factor and up again."""
    height, width = image.shape[:2]
    small = (max(round(width / factor), 1), max(round(height / factor), 1))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(reduced, (width, height), interpolation=interpolation)


def checkerboard(image: np.ndarray, strength: float, period: int) -> np.ndarray:
    """The pattern of transposed convolutions, as a share of the levels."""
    rows, columns = np.indices(image.shape[:2]) % period < period // 2
    pattern = np.where(rows ^ columns, 1 + strength, 1 - strength)
    return to_uint8(image * pattern[..., np.newaxis])


def shift(image: np.ndarray, right: float, down: float) -> np.ndarray:
    """Moves an image by parts of a pixel; its border pixels are repeated."""
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float64)
    size = (image.shape[1], image.shape[0])
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)


_SEED = {"seed": seed}
DAMAGE = {
    "gaussian_blur": Kind(
        2, distortions.gaussian_blur, {"sd": by_factor(0.25, 1.3)}
    ),
    "box_blur": Kind(0.5, box_blur, {"side": whole(2, 4)}),
    "motion_blur": Kind(
        0.8,
        motion_blur,
        {"length": by_factor(1.1, 4), "angle": between(0, 180)},
    ),
    "median": Kind(0.5, distortions.median, {"side": odd(3, 5)}),
    "bilateral": Kind(0.7, distortions.bilateral, {"sd": by_factor(5, 60)}),
    "ringing": Kind(1, distortions.ringing, {"share": between(0.4, 0.97)}),
    "contrast_loss": Kind(
        1.2, distortions.contrast_loss, {"gain": between(0.65, 0.98)}
    ),
    "jpeg": Kind(1.5, distortions.jpeg, {"quality": whole(15, 95)}),
    "white_noise": Kind(
        1.5,
        _seeded(distortions.white_noise),
        {"sd": by_factor(1, 18)} | _SEED,
    ),
    "correlated_noise": Kind(
        0.7,
        _seeded(distortions.correlated_noise),
        {"sd": by_factor(1, 18)} | _SEED,
    ),
    "blurred_noise": Kind(
        0.7,
        _seeded(distortions.blurred_noise),
        {"sd": by_factor(2, 25)} | _SEED,
    ),
    "colour_noise": Kind(
        0.8, _seeded(colour_noise), {"sd": by_factor(1, 14)} | _SEED
    ),
    "speckle": Kind(
        0.7, _seeded(speckle), {"sd": by_factor(0.01, 0.18)} | _SEED
    ),
    "counts": Kind(0.7, _seeded(counts), {"peak": by_factor(40, 3000)} | _SEED),
    "gamma": Kind(1.5, gamma, {"exponent": by_factor(0.75, 1.4)}),
    "brightness": Kind(
        1.2,
        brightness,
        {"gain": by_factor(0.8, 1.2), "offset": between(-10, 15)},
    ),
    "saturation": Kind(1.5, saturation, {"gain": between(0.4, 1.5)}),
    "hue": Kind(1, hue, {"angle": between(-30, 30)}),
    "mosaic": Kind(0.6, mosaic, {"part": by_factor(0.04, 0.5)}),
    "halo": Kind(
        2, halo, {"amount": by_factor(0.1, 1.2), "sd": by_factor(0.6, 5)}
    ),
    "checkerboard": Kind(
        0.7,
        checkerboard,
        {"strength": by_factor(0.01, 0.15), "period": one_of(2, 4)},
    ),
    "posterise": Kind(0.7, posterise, {"levels": whole(6, 40)}),
    "resample": Kind(
        1.2,
        resample,
        {
            "factor": by_factor(1.05, 2.2),
            "interpolation": one_of(cv2.INTER_LINEAR, cv2.INTER_CUBIC),
        },
    ),
}
