"""Sources as another workstation would show them: colours and windows."""

import cv2
import numpy as np
from numpy.random import Generator

from datasets.fusion import color
from datasets.groups import SourcePair
from datasets.random_fusion.damage import gamma
from datasets.random_fusion.damage import hue
from datasets.random_fusion.kinds import Kind
from datasets.random_fusion.kinds import between
from datasets.random_fusion.kinds import by_factor
from datasets.random_fusion.kinds import draw_step
from datasets.random_fusion.kinds import one_of
from datasets.random_fusion.kinds import take


def table(image: np.ndarray, name: int, low: float) -> np.ndarray:
    """Another colour table over the luminance; black below `low` levels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shown = np.clip(grey / low, 0, 1)[..., np.newaxis]
    coloured = cv2.cvtColor(cv2.applyColorMap(grey, name), cv2.COLOR_BGR2RGB)
    return np.rint(coloured * shown).astype(np.uint8)


def exchanged(image: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Channels in another order."""
    return np.ascontiguousarray(image[..., list(order)])


# Choice: those of OpenCV's tables that are in use for PET and SPECT.
_TABLES = (
    cv2.COLORMAP_JET,
    cv2.COLORMAP_HOT,
    cv2.COLORMAP_RAINBOW,
    cv2.COLORMAP_INFERNO,
    cv2.COLORMAP_PLASMA,
    cv2.COLORMAP_TURBO,
    cv2.COLORMAP_BONE,
)
_ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
COLOURS = {
    "kept": Kind(2, np.copy),
    "table": Kind(3, table, {"name": one_of(*_TABLES), "low": between(4, 30)}),
    "hue": Kind(2, hue, {"angle": between(-180, 180)}),
    "exchanged": Kind(2, exchanged, {"order": one_of(*_ORDERS)}),
}


def window(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Another display window; its ends are shares of full scale."""
    scaled = (image / 255.0 - low) / (high - low)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


WINDOWS = {
    "gamma": Kind(2, gamma, {"exponent": by_factor(0.5, 1.7)}),
    "window": Kind(
        1, window, {"low": between(0, 0.15), "high": between(0.65, 1.2)}
    ),
}


def alter(pair: SourcePair, rng: Generator) -> SourcePair:
    """Shows a pair in other colours and other windows; grey stays grey."""
    steps = [draw_step(WINDOWS, rng) for _ in range(2)]
    colour = draw_step(COLOURS, rng)
    sources = [pair.source_a, pair.source_b]
    images = [
        take(WINDOWS, step, image)
        for step, image in zip(steps, sources, strict=True)
    ]
    if not color.is_grey(images[0]):
        images[0] = take(COLOURS, colour, images[0])
    return SourcePair(*images)
