"""Lesions: tumour with oedema, infarct, bleed, white matter disease."""

import dataclasses

import numpy as np
from numpy.random import Generator

from datasets.phantom.geometry import Plane
from datasets.phantom.geometry import noise
from datasets.phantom.tissues import Tissue

# Share of cases and radius, mm.
KINDS = {
    "none": (0.20, 1.0, 1.0),
    "tumour": (0.28, 6.0, 13.0),
    "infarct": (0.22, 12.0, 24.0),
    "bleed": (0.14, 5.0, 12.0),
    "spots": (0.16, 3.0, 3.0),
}
_BRAIN = (Tissue.GREY, Tissue.WHITE, Tissue.NUCLEUS, Tissue.PALLIDUM)


@dataclasses.dataclass(frozen=True)
class Lesion:
    """What is wrong in a slice, and where; lengths in mm."""

    kind: str  # Key of `KINDS`.
    centre: tuple[float, float]  # x, y in head coordinates.
    radius: float  # Without its oedema.
    push: float  # Displacement of the tissue at the lesion's margin.


def draw_lesion(rng: Generator, axes: tuple[float, float]) -> Lesion:
    """Draws kind, size and place; `axes` are those of the head, mm."""
    shares = [row[0] for row in KINDS.values()]
    kind = list(KINDS)[rng.choice(len(KINDS), p=shares)]
    radius = rng.uniform(*KINDS[kind][1:])
    outward = {"infarct": 0.62}.get(kind, rng.uniform(0.3, 0.55))
    angle = rng.choice([0, np.pi]) + rng.uniform(-1.0, 1.1)
    centre = (
        float(axes[0] * outward * np.cos(angle)),
        float(axes[1] * outward * np.sin(angle)),
    )
    massive = kind in ("tumour", "bleed")
    return Lesion(kind, centre, radius, 0.45 * radius if massive else 0.0)


def mass_effect(plane: Plane, lesion: Lesion) -> Plane:
    """Where the points of the slice lay before the lesion grew."""
    if lesion.push == 0:
        return plane
    dx, dy = plane.x - lesion.centre[0], plane.y - lesion.centre[1]
    distance = np.maximum(np.hypot(dx, dy), 1e-3)
    reach = distance / (2.2 * lesion.radius)
    pull = -lesion.push * reach * np.exp(1 - reach) / distance
    return plane.moved(dx * pull, dy * pull)


def _blob(
    rng: Generator, plane: Plane, lesion: Lesion, rough: float
) -> np.ndarray:
    """Signed distance to an irregular outline, mm, negative inside."""
    distance = np.hypot(plane.x - lesion.centre[0], plane.y - lesion.centre[1])
    bumps = noise(rng, plane, max(lesion.radius * 1.6, 8), 0.4)
    fringe = noise(rng, plane, 7, 0.4)
    return distance + rough * lesion.radius * bumps + fringe - lesion.radius


def paint_lesion(
    rng: Generator, plane: Plane, lesion: Lesion, labels: np.ndarray
) -> None:
    """Paints the lesion over brain tissue."""
    brain = np.isin(labels, _BRAIN)
    if lesion.kind == "spots":
        _paint_spots(rng, plane, labels)
        return
    edge = _blob(rng, plane, lesion, 0.2)
    if lesion.kind == "infarct":
        labels[brain & (edge < 0)] = Tissue.INFARCT
    elif lesion.kind == "bleed":
        labels[(labels == Tissue.WHITE) & (edge < 3)] = Tissue.OEDEMA
        labels[brain & (edge < 0)] = Tissue.BLEED
    elif lesion.kind == "tumour":
        _paint_tumour(rng, plane, lesion, edge, labels)


def _paint_tumour(
    rng: Generator,
    plane: Plane,
    lesion: Lesion,
    edge: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Solid or ring-enhancing tumour in fingers of oedema."""
    swelling = lesion.radius * rng.uniform(0.4, 1.5)
    fingers = edge + 4 * noise(rng, plane, 22) < swelling
    brain = np.isin(labels, _BRAIN)
    labels[(labels == Tissue.WHITE) & fingers] = Tissue.OEDEMA
    labels[brain & (edge < 0)] = Tissue.TUMOUR
    if rng.uniform() < 0.6:
        labels[brain & (edge < 0)] = Tissue.RIM
        labels[brain & (edge < -2.5)] = Tissue.NECROSIS


def _paint_spots(rng: Generator, plane: Plane, labels: np.ndarray) -> None:
    """White matter disease: small bright spots of T2."""
    spots = noise(rng, plane, 13, 0.3) > rng.uniform(1.5, 2.2)
    labels[(labels == Tissue.WHITE) & spots] = Tissue.OEDEMA
