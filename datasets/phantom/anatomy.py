"""Tissue maps of axial head slices: scalp, skull, cortex, deep structures.

Everything is drawn in millimetres, in head coordinates (x to the image's
right, y to the back), so that all modalities of a case share one map and are
co-registered by construction. The brain is drawn mirrored (x >= 0) with
noise of its own on each side.
"""

import dataclasses

import cv2
import numpy as np

from datasets.phantom.geometry import Plane
from datasets.phantom.geometry import band_noise
from datasets.phantom.geometry import ellipse
from datasets.phantom.geometry import sample
from datasets.phantom.geometry import spread
from datasets.phantom.tissues import Tissue

LEVELS = ("vertex", "body", "ganglia", "midbrain", "fossa")
# Half width and half length of the head at each level, mm.
_HEAD_AXES = {
    "vertex": (63.0, 80.0),
    "body": (70.0, 88.0),
    "ganglia": (72.0, 90.0),
    "midbrain": (71.0, 91.0),
    "fossa": (70.0, 88.0),
}
# Where a commissure closes the fissure between the hemispheres: y range, mm.
_BRIDGE = {"vertex": None, "body": (-32.0, 36.0), "ganglia": (-36.0, 34.0)}

# Deep structures of one side: tissue, centre x, y, half axes, degrees; mm.
# Later rows are painted over earlier ones.
_DEEP: dict[str, tuple[tuple[Tissue, float, float, float, float, float], ...]]
_DEEP = {
    "vertex": (),
    "body": (
        (Tissue.NUCLEUS, 16.5, -14, 4, 14, -8),
        (Tissue.CSF, 9.5, -14, 5, 20, -9),
        (Tissue.CSF, 15, 16, 5.5, 19, -22),
        (Tissue.WHITE, 0, 0, 2.2, 26, 0),
    ),
    "ganglia": (
        (Tissue.NUCLEUS, 26, -8, 5.5, 17, -14),
        (Tissue.PALLIDUM, 20, -4, 3.5, 9, -20),
        (Tissue.NUCLEUS, 10.5, 8, 8.5, 13, -24),
        (Tissue.NUCLEUS, 13.5, -23, 5, 8.5, -18),
        (Tissue.CSF, 7.5, -25, 4, 11.5, -24),
        (Tissue.CSF, 23, 33, 5, 13, -24),
        (Tissue.CSF, 0, 6, 1.8, 11, 0),
        (Tissue.CALCIFICATION, 21, 31, 2, 3.5, -24),
        (Tissue.CALCIFICATION, 0, 21, 2, 2.5, 0),
    ),
    "midbrain": (
        (Tissue.CSF, 0, -16, 13, 9, 0),
        (Tissue.CSF, 0, 7, 22, 18, 0),
        (Tissue.WHITE, 5, 6, 13, 14, 20),
        (Tissue.GREY, 0, 12, 4.5, 4, 0),
        (Tissue.CSF, 0, 13, 1.3, 1.6, 0),
        (Tissue.NUCLEUS, 7.5, -1, 1.5, 5, 50),
        (Tissue.CSF, 31, 2, 1.8, 8, 20),
        (Tissue.VESSEL, 0, -7, 1.6, 1.6, 0),
        (Tissue.VESSEL, 9, -17, 1.8, 1.8, 0),
    ),
    "fossa": (
        (Tissue.CSF, 0, -6, 19, 12, 0),
        (Tissue.WHITE, 0, 0, 15, 11, 0),
        (Tissue.WHITE, 13, 10, 7, 9, -40),
        (Tissue.CSF, 0, 13, 6, 4, 0),
        (Tissue.NUCLEUS, 12, 20, 3.2, 5, -35),
        (Tissue.VESSEL, 0, -14, 1.8, 1.8, 0),
    ),
}


@dataclasses.dataclass(frozen=True)
class Shape:
    """What makes one head differ from the next; lengths in mm.

    Attributes:
        level: One of `LEVELS`, from the top of the head down.
        axes: Half width and half length of the head.
        fat: Thickness of subcutaneous fat.
        skull: Thickness of the skull.
        atrophy: Width of the outer CSF space and of sulci; 1 = young adult.
        ventricles: Scale of the ventricles.
    """

    level: str
    axes: tuple[float, float]
    fat: float
    skull: float
    atrophy: float
    ventricles: float


def draw_shape(rng: np.random.Generator) -> Shape:
    """Draws the proportions of one head."""
    level = LEVELS[rng.choice(len(LEVELS), p=(0.15, 0.25, 0.3, 0.18, 0.12))]
    width, length = _HEAD_AXES[level]
    scale = rng.normal(1.0, 0.025, 2)
    age = rng.uniform()
    return Shape(
        level,
        (width * scale[0], length * scale[1]),
        fat=rng.uniform(2.0, 5.0),
        skull=rng.uniform(5.0, 7.5),
        atrophy=0.6 + 1.2 * age + rng.uniform(-0.2, 0.2),
        ventricles=0.75 + 0.5 * age + rng.uniform(-0.15, 0.15),
    )


def head_depth(
    rng: np.random.Generator, plane: Plane, shape: Shape
) -> np.ndarray:
    """Depth below the skin, mm, negative outside; an irregular egg."""
    theta = np.arctan2(plane.y, plane.x)
    cos, sin = np.abs(np.cos(theta)), np.abs(np.sin(theta))
    power = rng.uniform(2.05, 2.4)
    width = shape.axes[0] * (1 + rng.uniform(0.01, 0.06) * np.sin(theta))
    radius = (
        (cos / width) ** power + (sin / shape.axes[1]) ** power
    ) ** (-1 / power)
    for order in range(2, 6):
        phase = rng.uniform(0, 2 * np.pi)
        swing = rng.normal(0, 0.012) / order
        radius = radius * (1 + swing * np.cos(order * theta + phase))
    if shape.level in ("midbrain", "fossa"):
        nose = np.exp(-(((theta + np.pi / 2) / 0.16) ** 2))
        radius = radius + rng.uniform(5, 9) * nose
    return (radius - np.hypot(plane.x, plane.y)).astype(np.float32)


def paint_shell(
    rng: np.random.Generator,
    plane: Plane,
    shape: Shape,
    depth: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Scalp and skull.

    Returns:
        Labels, uint8 `[n, n]`, and depth below the skull's inner face, mm.
    """
    uneven = spread(band_noise(rng, 70, 70), plane)
    fat = shape.fat * (1 + 0.2 * uneven)
    skull = shape.skull * (1 + 0.12 * spread(band_noise(rng, 60, 60), plane))
    temple = np.exp(-(((plane.y + 28) / 22) ** 2)) * (
        np.abs(plane.x) > 0.5 * shape.axes[0]
    )
    low = {"vertex": 0.0, "body": 2.0, "ganglia": 6.0}.get(shape.level, 8.0)
    muscle = low * temple
    labels = np.zeros(depth.shape, np.uint8)
    inner = depth - 1.8
    labels[depth > 0] = Tissue.SKIN
    labels[inner > 0] = Tissue.FAT
    inner = inner - fat
    labels[inner > 0] = Tissue.MUSCLE
    inner = inner - muscle
    labels[inner > 0] = Tissue.BONE
    marrow = (inner > 1.7) & (inner < skull - 1.7)
    labels[marrow] = Tissue.DIPLOE
    return labels, (inner - skull).astype(np.float32)


def _open_front(plane: Plane, shape: Shape, inside: np.ndarray) -> np.ndarray:
    """Ends the cranial cavity behind the orbits in low slices."""
    if shape.level not in ("midbrain", "fossa"):
        return inside
    x = np.abs(plane.x)
    back = 16.0 if shape.level == "fossa" else 0.0
    front = -24 + back * 0.4 - 24 * np.exp(-(((x - 36) / 15) ** 2))
    return np.minimum(inside, plane.y - front)


def paint_face(
    rng: np.random.Generator,
    plane: Plane,
    depth: np.ndarray,
    cavity: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Orbits, air cells and skull base in front of the cranial cavity."""
    front = (cavity < 0) & (depth > 6) & (plane.y < 20)
    front &= (plane.y < -20) | (labels == Tissue.CSF)
    labels[front & (labels != Tissue.MUSCLE)] = Tissue.MUSCLE
    mirrored = Plane(np.abs(plane.x), plane.y, plane.spacing)
    orbit = ellipse(mirrored, (28, -60), (17, 26), 14)
    labels[front & (orbit < 2.5)] = Tissue.BONE
    labels[front & (cavity > -4)] = Tissue.BONE
    cells = np.abs(spread(band_noise(rng, 14, 14), plane))
    ethmoid = (mirrored.x < 11) & (plane.y < -34) & (depth > 8)
    labels[ethmoid] = np.where(cells > 0.25, Tissue.AIR, Tissue.BONE)[ethmoid]
    orbital = (orbit < 0) & (depth > 2)
    labels[orbital] = Tissue.FAT
    nerve = np.abs(mirrored.x - 12 - (plane.y + 36) * -0.42)
    labels[orbital & (nerve < 1.6) & (plane.y > -66)] = Tissue.WHITE
    labels[orbital & (np.abs(orbit + 3) < 1.2)] = Tissue.MUSCLE
    globe = ellipse(mirrored, (30, -74), (12, 12))
    labels[globe < 1.0] = Tissue.SKIN
    labels[globe < 0] = Tissue.EYE
    lens = ellipse(mirrored, (30, -83), (4.5, 2.2))
    labels[lens < 0] = Tissue.MUSCLE


def _hemisphere(plane: Plane, shape: Shape, inside: np.ndarray) -> np.ndarray:
    """Depth below the surface of the hemisphere, mm."""
    surface = inside - (0.8 + 1.4 * shape.atrophy)
    midline = np.abs(plane.x) - 0.6 - 0.6 * shape.atrophy
    bridge = _BRIDGE.get(shape.level, (-20.0, 40.0))
    if bridge is not None:
        ahead = np.maximum(bridge[0] - plane.y, plane.y - bridge[1])
        midline = np.where(ahead > 0, midline, np.hypot(midline, 1.5 * ahead))
    return np.minimum(surface, midline).astype(np.float32)


def sulci(
    rng: np.random.Generator,
    plane: Plane,
    shape: Shape,
    depth: np.ndarray,
) -> np.ndarray:
    """Folded lines of CSF that run into the hemisphere.

    Zero crossings of ring-spectrum noise, radial in each hemisphere and
    warped, end at a depth that varies along the surface.

    Returns:
        Mask, bool `[n, n]`.
    """
    side = np.where(plane.x < 0, np.float32(97), np.float32(0))
    x, y = np.abs(plane.x) - 30, plane.y
    angle = np.arctan2(y, x * 2.1) / (2 * np.pi) * 224
    radius = np.hypot(y, x * 2.1)
    radial = sample(band_noise(rng, 45, 224 / 17), angle + side, radius + side)
    plain = sample(band_noise(rng, 21, 21, 0.15), x + 2 * side, y + side)
    field = 0.75 * radial + 0.75 * plain
    slope = np.hypot(*np.gradient(field, plane.spacing))
    distance = np.abs(field) / np.maximum(slope, 0.08)
    reach = 15 + 6 * spread(band_noise(rng, 30, 30), plane)
    width = (0.55 + 0.5 * shape.atrophy) * np.clip(1.15 - depth / reach, 0, 1)
    return (distance < width) & (depth < reach)


def paint_cerebrum(
    rng: np.random.Generator,
    plane: Plane,
    shape: Shape,
    inside: np.ndarray,
    labels: np.ndarray,
) -> None:
    """CSF space, cortical ribbon and white matter of the hemispheres."""
    labels[inside > -0.6] = Tissue.DURA
    labels[inside > 0] = Tissue.CSF
    warp = [3.0 * spread(band_noise(rng, 38, 38), plane) for _ in "xy"]
    bent = plane.moved(*warp)
    depth = _hemisphere(plane, shape, inside)
    brain = (depth > 0) & ~sulci(rng, bent, shape, depth)
    if shape.level == "ganglia":
        brain &= ~_sylvian(bent, shape)
    ribbon = cv2.distanceTransform(
        brain.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5
    )
    thickness = 3.0 + 0.5 * spread(band_noise(rng, 25, 25), plane)
    grey = brain & (ribbon * plane.spacing < thickness)
    labels[brain] = Tissue.WHITE
    labels[grey] = Tissue.GREY
    falx = (inside > 0) & (np.abs(plane.x) < 0.7) & (depth < -0.2)
    labels[falx & (np.abs(plane.y) > 38)] = Tissue.DURA
    sinus = ellipse(plane, (0, np.max(plane.y[inside > 0]) - 3), (3.5, 4.5))
    labels[(sinus < 0) & (inside > 0)] = Tissue.VESSEL


def _sylvian(plane: Plane, shape: Shape) -> np.ndarray:
    """The lateral fissure and the cleft over the insula."""
    x = np.abs(plane.x)
    arc = np.abs(x - 39 + 0.012 * (plane.y + 4) ** 2)
    cleft = (arc < 0.7 + 0.6 * shape.atrophy) & (np.abs(plane.y + 4) < 18)
    line = np.abs(plane.y + 8 - 0.25 * (x - 40))
    return cleft | ((line < 0.6 + 0.5 * shape.atrophy) & (x > 38))


def paint_cerebellum(
    rng: np.random.Generator,
    plane: Plane,
    inside: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Folia behind the petrous bones."""
    x, y = np.abs(plane.x), plane.y
    region = (y > 6 - 0.0 * x) & (inside > 1.5)
    wall = np.abs(y - 4 + 0.45 * (x - 18)) < 4.5
    cells = spread(band_noise(rng, 9, 9), plane)
    petrous = wall & (x > 17) & (inside > 0)
    behind = region & (y - 4 + 0.45 * (x - 18) > 4.5)
    warp = 2.0 * spread(band_noise(rng, 25, 25), plane)
    rings = np.hypot(x - 14, (y - 14) * 1.15) + warp
    folia = np.sin(2 * np.pi * rings / 5.0)
    labels[behind] = np.where(folia > 0.82, Tissue.CSF, Tissue.GREY)[behind]
    white = behind & (rings < 21 + 5 * np.sin(rings * 0 + np.arctan2(y - 14, x - 14) * 9))
    labels[white & (rings < 24)] = Tissue.WHITE
    labels[petrous] = np.where(cells > 0.8, Tissue.AIR, Tissue.BONE)[petrous]


def paint_deep(
    rng: np.random.Generator,
    plane: Plane,
    shape: Shape,
    labels: np.ndarray,
) -> None:
    """Ventricles, deep grey matter, brain stem."""
    warp = [1.0 * spread(band_noise(rng, 30, 30), plane) for _ in "xy"]
    bent = plane.moved(*warp)
    mirrored = Plane(np.abs(bent.x), bent.y, plane.spacing)
    brain = np.isin(labels, (Tissue.GREY, Tissue.WHITE, Tissue.CSF))
    for tissue, x, y, a, b, degrees in _DEEP[shape.level]:
        scale = shape.ventricles if tissue == Tissue.CSF else 1.0
        a, b = a * scale * rng.uniform(0.9, 1.1), b * rng.uniform(0.9, 1.1)
        centre = (x * rng.uniform(0.95, 1.05), y + rng.normal(0, 0.8))
        angle = degrees + rng.normal(0, 3)
        if tissue == Tissue.CALCIFICATION and rng.uniform() < 0.4:
            continue
        inside = ellipse(mirrored, centre, (a, b), angle) < 0
        labels[inside & brain] = tissue
