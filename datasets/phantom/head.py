"""Shape of the head, scalp, skull and, in low slices, face."""

import dataclasses

import numpy as np
from numpy.random import Generator

from datasets.phantom.geometry import Plane
from datasets.phantom.geometry import ellipse
from datasets.phantom.geometry import noise
from datasets.phantom.tissues import Tissue

# From the top of the head down: share of cases; half width and half length
# of the head, mm; thickness of the temporal muscle, mm.
LEVELS = {
    "vertex": (0.14, 64.0, 80.0, 0.0),
    "body": (0.24, 70.0, 88.0, 2.0),
    "ganglia": (0.30, 72.0, 91.0, 6.0),
    "midbrain": (0.18, 71.0, 91.0, 9.0),
    "fossa": (0.14, 70.0, 88.0, 9.0),
}

# How many slices of a level cut the orbits, too; the tilt decides.
_FACE_SHARE = {"midbrain": 0.55, "fossa": 1.0}


@dataclasses.dataclass(frozen=True)
class Shape:
    """What makes one head differ from the next; lengths in mm."""

    level: str  # Key of `LEVELS`.
    axes: tuple[float, float]  # Half width and half length of the head.
    fat: float  # Thickness of subcutaneous fat.
    skull: float  # Thickness.
    atrophy: float  # Width of outer CSF space and sulci; 1 = middle age.
    ventricles: float  # Scale.
    has_face: bool  # Whether orbits and skull base lie in the slice.


def draw_shape(rng: Generator) -> Shape:
    """Draws the proportions of one head."""
    shares = [row[0] for row in LEVELS.values()]
    level = list(LEVELS)[rng.choice(len(LEVELS), p=shares)]
    _, width, length, _ = LEVELS[level]
    scale = rng.normal(1.0, 0.03, 2)
    age = rng.uniform()
    return Shape(
        level,
        (float(width * scale[0]), float(length * scale[1])),
        fat=rng.uniform(1.4, 4.5),
        skull=rng.uniform(5.0, 8.0),
        atrophy=0.4 + 1.1 * age + rng.uniform(-0.2, 0.3),
        ventricles=0.7 + 0.55 * age + rng.uniform(-0.15, 0.2),
        has_face=rng.uniform() < _FACE_SHARE.get(level, 0.0),
    )


def head_depth(rng: Generator, plane: Plane, shape: Shape) -> np.ndarray:
    """Depth below the skin, mm, negative outside; an irregular egg."""
    theta = np.arctan2(plane.y, plane.x)
    cos, sin = np.abs(np.cos(theta)), np.abs(np.sin(theta))
    power = np.float32(rng.uniform(2.05, 2.45))
    width = shape.axes[0] * (1 + rng.uniform(0.01, 0.07) * np.sin(theta))
    radius = ((cos / width) ** power + (sin / shape.axes[1]) ** power) ** (
        -1 / power
    )
    for order in range(2, 7):
        phase = rng.uniform(0, 2 * np.pi)
        swing = rng.normal(0, 0.03) / order**1.5
        radius = radius * (1 + swing * np.cos(order * theta + phase))
    if shape.has_face:
        nose = np.exp(-(((theta + np.pi / 2) / 0.16) ** 2))
        radius = radius + rng.uniform(5, 9) * nose
    return (radius - np.hypot(plane.x, plane.y)).astype(np.float32)


def paint_shell(
    rng: Generator, plane: Plane, shape: Shape, depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scalp and skull.

    Returns:
        Labels, uint8 `[n, n]`, and depth below the skull's inner face, mm.
    """
    fat = shape.fat * (1 + 0.25 * noise(rng, plane, 60))
    back = 0.25 * np.clip(np.abs(plane.y) / shape.axes[1], 0, 1) ** 4
    skull = shape.skull * (0.9 + back + 0.13 * noise(rng, plane, 45))
    temple = np.exp(-(((plane.y + 24) / 22) ** 2))
    temple = temple * (np.abs(plane.x) > 0.5 * shape.axes[0])
    labels = np.zeros(depth.shape, np.uint8)
    labels[depth > 0] = Tissue.SKIN
    inner = depth - 1.6
    labels[inner > 0] = Tissue.FAT
    inner = inner - fat
    labels[inner > 0] = Tissue.MUSCLE
    inner = inner - LEVELS[shape.level][3] * temple - 0.8
    labels[inner > 0] = Tissue.BONE
    marrow = 1.8 + 0.5 * noise(rng, plane, 9)
    labels[(inner > marrow) & (inner < skull - marrow)] = Tissue.DIPLOE
    return labels, (inner - skull).astype(np.float32)


def cavity_depth(
    rng: Generator, plane: Plane, shape: Shape, inside: np.ndarray
) -> np.ndarray:
    """Depth in the cranial cavity, which ends behind the orbits when low."""
    if not shape.has_face:
        return inside
    pole = np.exp(-(((np.abs(plane.x) - 38) / 15) ** 2))
    front = -22 + rng.normal(0, 2) - rng.uniform(20, 27) * pole
    if shape.level == "fossa":
        front = front + 7
    return np.minimum(inside, plane.y - front)


def paint_face(
    rng: Generator,
    plane: Plane,
    depth: np.ndarray,
    cavity: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Skull base, orbits and air cells in front of the cranial cavity."""
    front = (cavity < 0) & (depth > 6) & (plane.y < 0)
    front &= (plane.y < -20) | (labels == Tissue.CSF)
    labels[front] = Tissue.MUSCLE
    tilt, y = rng.normal(14, 2), rng.normal(-60, 1.5)
    orbit = ellipse(plane.mirrored(), (28, y), (17, 26), tilt)
    labels[front & (orbit < 3)] = Tissue.BONE
    labels[front & (cavity > -4)] = Tissue.BONE
    cells = np.abs(noise(rng, plane, 15))
    width = rng.uniform(8, 12)
    ethmoid = (np.abs(plane.x) < width) & (plane.y < -34) & (depth > 8)
    labels[ethmoid] = np.where(
        cells > rng.uniform(0.2, 0.5), Tissue.AIR, Tissue.SKIN
    )[ethmoid]
    _paint_orbit(rng, plane, orbit, y, depth, labels)


def _paint_orbit(
    rng: Generator,
    plane: Plane,
    orbit: np.ndarray,
    y: float,
    depth: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Fat, straight muscles, optic nerve and globe of both sides."""
    inside = (orbit < 0) & (depth > 2)
    labels[inside] = Tissue.FAT
    x = np.abs(plane.x)
    nerve = np.abs(x - 12 + 0.42 * (plane.y - y - 24))
    labels[inside & (nerve < 1.6) & (plane.y > y - 6)] = Tissue.WHITE
    labels[inside & (np.abs(orbit + 3) < 1.3)] = Tissue.MUSCLE
    # A tilted head shows the two eyes at different heights.
    for side in (-1, 1):
        radius = rng.uniform(8.5, 12.5)
        centre = (side * rng.normal(29, 0.7), y - 9 + rng.normal(0, 0.7))
        globe = ellipse(plane, centre, (radius, radius))
        labels[(globe < 1.3) & (depth > 0)] = Tissue.SKIN
        labels[(globe < 0) & (depth > 1)] = Tissue.EYE
        lens = ellipse(plane, (centre[0], centre[1] - radius + 3.5), (4.5, 2))
        if radius > 10:
            labels[(lens < 0) & (depth > 1)] = Tissue.MUSCLE
