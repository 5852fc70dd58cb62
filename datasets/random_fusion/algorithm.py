"""An algorithm drawn at random: its description, and what it makes."""

import dataclasses
import functools

import cv2
import numpy as np
from numpy.random import Generator

from datasets.fusion import check_sources
from datasets.fusion import color
from datasets.random_fusion.colours import COLOUR_MODELS
from datasets.random_fusion.damage import DAMAGE
from datasets.random_fusion.damage import shift
from datasets.random_fusion.kinds import Kind
from datasets.random_fusion.kinds import Step
from datasets.random_fusion.kinds import between
from datasets.random_fusion.kinds import by_factor
from datasets.random_fusion.kinds import draw_step
from datasets.random_fusion.kinds import take
from datasets.random_fusion.measures import MEASURES
from datasets.random_fusion.rules import BASE_RULES
from datasets.random_fusion.rules import DETAIL_RULES
from datasets.random_fusion.rules import mix
from datasets.random_fusion.transforms import TRANSFORMS

# Choice: shares of the algorithms that mix two others, that see one source
# shifted, and that fuse at twice the size and shrink the result, as images of
# published algorithms are shrunk; then of those with 0, 1, 2 and 3 damages.
_MIXED = 0.2
_SHIFTED = 0.06
_ENLARGED = 0.12
_NUM_DAMAGES = (0.73, 0.21, 0.05, 0.01)
_SHIFT_SD = 0.7  # Pixels.
# Choice: no detail gain is exactly 1, so that no algorithm is one of
# `datasets.fusion.ALGORITHMS`.
_draw_gain = by_factor(0.95, 1.3)
_draw_bias = by_factor(0.75, 1.35)


@dataclasses.dataclass(frozen=True)
class Fusion:
    """How two luminances are joined, by `join`."""

    transform: Step
    measure: Step
    detail_rule: Step
    base_rule: Step
    gain: float  # Of the details.
    bias: float  # Factor of the activity of the first source.


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """Makes one image from two; equal algorithms make equal images."""

    shift: tuple[float, float]  # Of the grey source, pixels right and down.
    is_enlarged: bool  # Whether it fuses at twice the size.
    first: Fusion
    second: Fusion | None
    mixing: Step | None  # How the results of both are mixed.
    tone: Step  # Of the fused channel.
    colour: Step
    damage: tuple[Step, ...]


def draw(rng: Generator) -> Algorithm:
    """Draws an algorithm."""
    is_mixed = rng.uniform() < _MIXED
    is_shifted = rng.uniform() < _SHIFTED
    is_enlarged = bool(rng.uniform() < _ENLARGED)
    num_damages = rng.choice(len(_NUM_DAMAGES), p=_NUM_DAMAGES)
    right, down = rng.normal(0.0, _SHIFT_SD, 2)
    return Algorithm(
        shift=(float(right), float(down)) if is_shifted else (0.0, 0.0),
        is_enlarged=is_enlarged,
        first=draw_fusion(rng),
        second=draw_fusion(rng) if is_mixed else None,
        mixing=draw_step(MIXES, rng) if is_mixed else None,
        tone=draw_step(TONES, rng),
        colour=draw_step(COLOUR_MODELS, rng),
        damage=tuple(draw_step(DAMAGE, rng) for _ in range(num_damages)),
    )


def draw_fusion(rng: Generator) -> Fusion:
    """Draws the way in which luminances are joined."""
    return Fusion(
        transform=draw_step(TRANSFORMS, rng),
        measure=draw_step(MEASURES, rng),
        detail_rule=draw_step(DETAIL_RULES, rng),
        base_rule=draw_step(BASE_RULES, rng),
        gain=_draw_gain(rng),
        bias=_draw_bias(rng),
    )


def apply(
    algorithm: Algorithm, source_a: np.ndarray, source_b: np.ndarray
) -> np.ndarray:
    """Fuses two co-registered images, uint8 RGB `[h, w, 3]`.

    Two grey sources give an exactly grey image.

    Raises:
        InputError: If a source's shape or dtype is wrong.
    """
    check_sources(source_a, source_b)
    is_grey = color.is_grey(source_a)
    if is_grey:  # The coloured one, if any, comes first.
        source_a, source_b = source_b, source_a
        is_grey = color.is_grey(source_a)
    other = shift(color.luminance(source_b), *algorithm.shift)
    image = source_a.astype(np.float32) / 255
    if algorithm.is_enlarged:
        image, other = _enlarge(image), _enlarge(other)
    fuse = functools.partial(_fuse, algorithm, other)
    fused = take(COLOUR_MODELS, algorithm.colour, image, fuse)
    fused = np.rint(np.clip(fused, 0, 1) * 255).astype(np.uint8)
    if algorithm.is_enlarged:
        fused = cv2.resize(
            fused, source_a.shape[1::-1], interpolation=cv2.INTER_AREA
        )
    for step in algorithm.damage:
        fused = take(DAMAGE, step, fused)
    if is_grey:
        fused = np.repeat(fused[..., 1:2], 3, axis=-1)
    return fused


def join(fusion: Fusion, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Fuses two luminances, float32 `[h, w]`, range [0, 1]."""
    bias, gain = np.float32(fusion.bias), np.float32(fusion.gain)

    def detail(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        active_x, active_y = (take(MEASURES, fusion.measure, z) for z in (x, y))
        activities = (bias * active_x, active_y)
        return gain * take(DETAIL_RULES, fusion.detail_rule, x, y, *activities)

    base = functools.partial(take, BASE_RULES, fusion.base_rule)
    fused = take(TRANSFORMS, fusion.transform, a, b, detail, base)
    return np.clip(fused, 0, 1).astype(np.float32)


def _enlarge(image: np.ndarray) -> np.ndarray:
    """Doubles the size."""
    large = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0, 1)


def _fuse(
    algorithm: Algorithm, other: np.ndarray, channel: np.ndarray
) -> np.ndarray:
    """Fuses one channel of the coloured source with the other source."""
    fused = join(algorithm.first, channel, other)
    if algorithm.second is not None and algorithm.mixing is not None:
        second = join(algorithm.second, channel, other)
        fused = take(MIXES, algorithm.mixing, fused, second)
    return take(TONES, algorithm.tone, fused)


def _by_frequency(a: np.ndarray, b: np.ndarray, sd: float) -> np.ndarray:
    """The coarse part of `a` and the fine part of `b`."""
    return b + cv2.GaussianBlur(a - b, (0, 0), sd)


def _power(image: np.ndarray, exponent: float) -> np.ndarray:
    return np.maximum(image, 0) ** np.float32(exponent)


def _linear(image: np.ndarray, gain: float, offset: float) -> np.ndarray:
    return np.float32(gain) * image + np.float32(offset)


def _stretched(image: np.ndarray, tail: float) -> np.ndarray:
    """Stretched to the whole range, as published code often does at the end.

    A share `tail` of the pixels at each end goes beyond it.
    """
    low, high = np.quantile(image, (tail, 1 - tail))
    return (image - np.float32(low)) / np.float32(max(high - low, 1e-3))


def _equalised(image: np.ndarray, limit: float) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation."""
    levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    equal = cv2.createCLAHE(limit, (4, 4)).apply(levels)
    return equal.astype(np.float32) / 255


TONES = {
    "kept": Kind(8, np.copy),
    "power": Kind(1.5, _power, {"exponent": by_factor(0.85, 1.2)}),
    "linear": Kind(
        1.5,
        _linear,
        {"gain": between(0.85, 1.12), "offset": between(-0.02, 0.04)},
    ),
    "stretched": Kind(1, _stretched, {"tail": by_factor(0.0001, 0.01)}),
    "equalised": Kind(0.4, _equalised, {"limit": between(1.0, 2.5)}),
}
MIXES = {
    "alpha": Kind(2, mix, {"weight": between(0.15, 0.85)}),
    "by_frequency": Kind(2, _by_frequency, {"sd": by_factor(0.8, 8)}),
    "maximum": Kind(1, np.maximum),
}
