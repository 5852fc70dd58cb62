"""Images of a tissue map: MR signal, CT numbers, PET and SPECT uptake.

Tissue maps are uint8 `[n, n]`, drawn on `plane`; images are uint8
`[size, size, 3]`, RGB, grey ones with three equal channels.
"""

import cv2
import numpy as np
from numpy.random import Generator

from datasets.phantom.geometry import Plane
from datasets.phantom.geometry import noise
from datasets.phantom.tissues import Tissue
from datasets.phantom.tissues import contrast

# Colour tables as control points: level 0..1, then R, G, B 0..255.
# Choice: our own tables after those that stations show: FDG as a rainbow,
# perfusion as a dark "hot iron" over violet.
_COLOURS = {
    "PET": np.array(
        [
            (0.04, 0, 0, 0),
            (0.14, 0, 0, 64),
            (0.30, 0, 64, 200),
            (0.42, 60, 130, 150),
            (0.52, 250, 240, 0),
            (0.72, 255, 170, 0),
            (0.90, 255, 40, 0),
            (1.00, 255, 0, 220),
        ]
    ),
    "SPECT": np.array(
        [
            (0.07, 0, 0, 0),
            (0.16, 38, 58, 58),
            (0.24, 40, 20, 90),
            (0.42, 90, 20, 140),
            (0.58, 200, 80, 110),
            (0.78, 255, 110, 20),
            (0.92, 255, 200, 90),
            (1.00, 255, 255, 230),
        ]
    ),
}


# T1 slices are shown brighter than T2 slices, whose CSF is the brightest.
_MR_GAIN = {"T1": (0.95, 1.2), "T2": (0.75, 1.1)}
# Resolution of the cameras: full width at half maximum, mm.
_RESOLUTION = {"PET": (6.0, 7.5), "SPECT": (8.0, 10.5)}


def colourise(level: np.ndarray, channel: str) -> np.ndarray:
    """Pseudo-colours of uptake, a share of full scale clipped to 0..1."""
    table = _COLOURS[channel]
    bands = [np.interp(level, table[:, 0], table[:, k]) for k in (1, 2, 3)]
    return np.rint(np.stack(bands, axis=-1)).astype(np.uint8)


def _to_grey(level: np.ndarray) -> np.ndarray:
    grey = np.rint(np.clip(level, 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _shrink(field: np.ndarray, size: int) -> np.ndarray:
    """Area average: partial volume of the display pixel."""
    return cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA)


def _blur(field: np.ndarray, plane: Plane, width: float) -> np.ndarray:
    """Gaussian point spread of `width` mm, full width at half maximum."""
    sigma = width / 2.355 / plane.spacing
    return cv2.GaussianBlur(field, (0, 0), sigma)


def render_mr(
    rng: Generator, plane: Plane, labels: np.ndarray, channel: str, size: int
) -> np.ndarray:
    """T1 or T2 slice with texture, bias field and Rician noise."""
    signal = contrast(labels, channel)
    fat = np.isin(labels, (Tissue.SKIN, Tissue.FAT, Tissue.DIPLOE))
    # Lobules of fat, and how far the sequence lets it shine.
    lobules = rng.uniform(0.55, 1.05) * (1 + 0.12 * noise(rng, plane, 6, 0.5))
    signal = np.where(fat, signal * lobules, signal)
    grain = 0.04 * noise(rng, plane, 5, 0.5) + 0.03 * noise(rng, plane, 14)
    bias = 0.08 * noise(rng, plane, 180, 0.4)
    signal = signal * (1 + grain) * np.exp(bias)
    signal = signal * rng.uniform(*_MR_GAIN[channel])
    signal = _shrink(_blur(signal, plane, rng.uniform(0.6, 1.6)), size)
    spread = rng.uniform(0.008, 0.022)
    real, imaginary = rng.normal(0, spread, (2, size, size))
    # The window's lower end hides most of the noise of air.
    return _to_grey(np.hypot(signal + real, imaginary) - 1.5 * spread)


def render_ct(
    rng: Generator, plane: Plane, labels: np.ndarray, size: int
) -> np.ndarray:
    """CT slice in a brain window whose top end shows bone.

    Choice: the last 3 to 20 % of the grey scale hold 100 to 1100 HU, so that
    diploe differs from the tables of the skull.
    """
    units = contrast(labels, "CT") + 1.5 * noise(rng, plane, 20, 0.5)
    units = _blur(units, plane, rng.uniform(1.8, 2.6))
    units = units + rng.uniform(1.5, 4) * noise(rng, plane, 4, 0.6)
    units = _shrink(units, size)
    width = rng.uniform(65, 120)
    low = rng.uniform(18, 38) - width / 2
    bone = rng.uniform(0.8, 0.97)
    points = (low, low + width, 1100.0)
    return _to_grey(np.interp(units, points, (0.0, bone, 1.0)))


def render_emission(
    rng: Generator, plane: Plane, labels: np.ndarray, channel: str, size: int
) -> np.ndarray:
    """PET or SPECT slice: regional uptake, counts, blur, pseudo-colours."""
    uptake = contrast(labels, channel)
    uptake = uptake * (1 + 0.11 * noise(rng, plane, 45, 0.5))
    uptake = uptake * (1 + 0.08 * noise(rng, plane, 16, 0.5))
    low, high = _RESOLUTION[channel]
    blurred = _blur(uptake, plane, rng.uniform(low, high))
    # Counts, then the filter of the reconstruction: noise is smooth as well.
    white = rng.standard_normal(uptake.shape, np.float32)
    grain = _blur(white, plane, 0.8 * low)
    grain = grain / grain.std() * rng.uniform(0.03, 0.06)
    blurred = blurred + grain * np.sqrt(np.maximum(blurred, 0) + 0.03)
    blurred = _shrink(blurred, size)
    cortex = np.percentile(blurred[blurred > 0.4], 95)
    top = cortex * rng.uniform(1.15, 1.35)
    return colourise(np.clip(blurred / top, 0, 1), channel)
