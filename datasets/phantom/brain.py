"""Cortex, white matter, ventricles, nuclei, brain stem and cerebellum."""

import cv2
import numpy as np
from numpy.random import Generator

from datasets.phantom.geometry import Plane
from datasets.phantom.geometry import band_noise
from datasets.phantom.geometry import ellipse
from datasets.phantom.geometry import noise
from datasets.phantom.geometry import sample
from datasets.phantom.geometry import warped
from datasets.phantom.head import Shape
from datasets.phantom.tissues import Tissue

# Where a commissure closes the fissure between the hemispheres: y range, mm.
_BRIDGES = {
    "body": (-32.0, 36.0),
    "ganglia": (-36.0, 34.0),
    "midbrain": (-20.0, 40.0),
    "fossa": (-20.0, 40.0),
}

# Deep structures of one side: tissue, centre x, y, half axes, degrees; mm.
# Later rows are painted over earlier ones.
_DEEP: dict[str, tuple[tuple[Tissue, float, float, float, float, float], ...]]
_DEEP = {
    "vertex": (),
    "body": (
        (Tissue.NUCLEUS, 16.5, -14, 4, 14, -8),
        (Tissue.CSF, 9.5, -14, 4.5, 20, -9),
        (Tissue.CSF, 15, 16, 5, 18, -22),
        (Tissue.WHITE, 0, 0, 2.2, 26, 0),
        (Tissue.CALCIFICATION, 17, 19, 1.5, 3, -22),
    ),
    "ganglia": (
        (Tissue.NUCLEUS, 26, -8, 5.5, 17, -14),
        (Tissue.PALLIDUM, 20, -4, 3.5, 9, -20),
        (Tissue.NUCLEUS, 10.5, 8, 8.5, 13, -24),
        (Tissue.NUCLEUS, 13.5, -23, 5, 8.5, -18),
        (Tissue.CSF, 7.5, -25, 3.8, 11.5, -24),
        (Tissue.CSF, 23, 33, 4.5, 12, -24),
        (Tissue.CSF, 0, 6, 1.6, 11, 0),
        (Tissue.CSF, 0, 24, 6, 3, 0),
        (Tissue.CALCIFICATION, 21, 31, 2, 3.5, -24),
        (Tissue.CALCIFICATION, 0, 21, 2, 2.5, 0),
    ),
    "midbrain": (
        (Tissue.CSF, 0, -16, 13, 9, 0),
        (Tissue.CSF, 0, 7, 22, 18, 0),
        (Tissue.STEM, 5, 6, 13, 14, 20),
        (Tissue.GREY, 0, 12, 4.5, 4, 0),
        (Tissue.CSF, 0, 13, 1.3, 1.6, 0),
        (Tissue.NUCLEUS, 7.5, -1, 1.5, 5, 50),
        (Tissue.CSF, 31, 2, 1.8, 8, 20),
        (Tissue.VESSEL, 0, -7, 1.6, 1.6, 0),
        (Tissue.VESSEL, 9, -17, 1.8, 1.8, 0),
    ),
    "fossa": (
        (Tissue.CSF, 0, -6, 19, 12, 0),
        (Tissue.STEM, 0, 0, 15, 11, 0),
        (Tissue.WHITE, 13, 10, 7, 9, -40),
        (Tissue.CSF, 0, 13, 6, 4, 0),
        (Tissue.NUCLEUS, 12, 20, 3.2, 5, -35),
        (Tissue.VESSEL, 0, -14, 1.8, 1.8, 0),
    ),
}


def hemisphere_depth(
    plane: Plane, shape: Shape, inside: np.ndarray
) -> np.ndarray:
    """Depth below the surface of the hemisphere, mm, negative outside."""
    surface = inside - (0.6 + 1.3 * shape.atrophy)
    midline = np.abs(plane.x) - 0.5 - 0.6 * shape.atrophy
    if shape.level in _BRIDGES:
        first, last = _BRIDGES[shape.level]
        ahead = np.maximum(first - plane.y, plane.y - last)
        midline = np.where(ahead > 0, midline, np.hypot(midline, 1.5 * ahead))
    return np.minimum(surface, midline).astype(np.float32)


def find_sulci(
    rng: Generator, plane: Plane, shape: Shape, depth: np.ndarray
) -> np.ndarray:
    """Folded lines of CSF that run into the hemisphere.

    Zero crossings of ring-spectrum noise, mostly radial in each hemisphere,
    that end at a depth which varies along the surface.
    """
    side = np.where(plane.x < 0, np.float32(97), np.float32(0))
    x, y = np.abs(plane.x) - 30, plane.y
    angle = np.arctan2(y, x * 2.1) * (224 / (2 * np.pi))
    radius = np.hypot(y, x * 2.1)
    radial = sample(band_noise(rng, 60, 224 / 15), angle + side, radius + side)
    plain = sample(band_noise(rng, 22, 22, 0.15), x + 2 * side, y + side)
    field = radial + 0.55 * plain
    slope = np.hypot(*np.gradient(field, plane.spacing))
    distance = np.abs(field) / np.maximum(slope, 0.08)
    reach = 13 + 6 * noise(rng, plane, 28)
    width = (0.4 + 0.35 * shape.atrophy) * np.clip(1.3 - depth / reach, 0, 1)
    return (distance < width) & (depth < reach)


def _sylvian(plane: Plane, shape: Shape) -> np.ndarray:
    """The lateral fissure and the cleft over the insula."""
    x = np.abs(plane.x)
    arc = np.abs(x - 39 + 0.012 * (plane.y + 4) ** 2)
    cleft = (arc < 0.4 + 0.6 * shape.atrophy) & (np.abs(plane.y + 4) < 18)
    line = np.abs(plane.y + 8 - 0.25 * (x - 40))
    return cleft | ((line < 0.4 + 0.4 * shape.atrophy) & (x > 38))


def paint_cerebrum(
    rng: Generator,
    plane: Plane,
    shape: Shape,
    inside: np.ndarray,
    labels: np.ndarray,
) -> None:
    """CSF space, cortical ribbon, white matter, falx and sinus."""
    labels[inside > -0.8] = Tissue.DURA
    labels[inside > 0] = Tissue.CSF
    bent = warped(rng, plane, 3.0, 30)
    depth = hemisphere_depth(plane, shape, inside)
    brain = (depth > 0) & ~find_sulci(rng, bent, shape, depth)
    if shape.level == "ganglia":
        brain &= ~_sylvian(bent, shape)
    to_csf = cv2.distanceTransform(
        brain.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5
    )
    thickness = 3.0 + 0.5 * noise(rng, plane, 25)
    labels[brain] = Tissue.WHITE
    labels[brain & (to_csf * plane.spacing < thickness)] = Tissue.GREY
    falx = (inside > 0) & (np.abs(plane.x) < 0.6) & (depth < -0.2)
    labels[falx & (np.abs(plane.y) > 38)] = Tissue.DURA
    bottom = np.max(plane.y[inside > 0])
    sinus = ellipse(plane, (rng.normal(0, 1), bottom - 3), (3.5, 4.5))
    labels[(sinus < 0) & (inside > 0)] = Tissue.VESSEL


def paint_cerebellum(
    rng: Generator, plane: Plane, inside: np.ndarray, labels: np.ndarray
) -> None:
    """Petrous bones and, behind them, the folia around white matter."""
    bent = warped(rng, plane, 2.0, 25).mirrored()
    behind = bent.y - 6 + 0.5 * (bent.x - 18)
    region = (behind > 4) & (inside > 1.5)
    rings = np.hypot(bent.x - 13, (bent.y - 16) * 1.1)
    spokes = np.arctan2(bent.y - 16, bent.x - 13)
    folia = np.sin(2 * np.pi * rings / 4.8 + 1.5 * np.sin(5 * spokes))
    labels[region] = np.where(folia > 0.93, Tissue.CSF, Tissue.GREY)[region]
    white = region & (rings < 17 + 6 * np.sin(9 * spokes))
    labels[white] = Tissue.WHITE
    petrous = (np.abs(behind) < 4) & (bent.x > 16) & (inside > 0)
    cells = noise(rng, plane, 9) > 0.7
    labels[petrous] = np.where(cells, Tissue.AIR, Tissue.BONE)[petrous]


def paint_deep(
    rng: Generator, plane: Plane, shape: Shape, labels: np.ndarray
) -> None:
    """Ventricles, deep grey matter and brain stem."""
    bent = warped(rng, plane, 1.2, 30).mirrored()
    brain = np.isin(labels, (Tissue.GREY, Tissue.WHITE, Tissue.CSF))
    vessels = noise(rng, plane, 8, 0.4) > 1.6
    labels[vessels & (labels == Tissue.CSF)] = Tissue.VESSEL
    for tissue, x, y, a, b, degrees in _DEEP[shape.level]:
        scale = shape.ventricles if tissue == Tissue.CSF else 1.0
        axes = (a * scale * rng.uniform(0.9, 1.1), b * rng.uniform(0.9, 1.1))
        centre = (x * rng.uniform(0.95, 1.05), y + rng.normal(0, 0.8))
        inside = ellipse(bent, centre, axes, degrees + rng.normal(0, 3)) < 0
        if tissue != Tissue.CALCIFICATION or rng.uniform() < 0.6:
            labels[inside & brain] = tissue
