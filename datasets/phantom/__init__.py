"""Embedded source pairs: axial head slices made by code, no download.

The pictures are drawn, not measured; no patient is behind them.
"""

import functools

import numpy as np

from datasets.groups import Entry
from datasets.groups import SourcePair
from datasets.phantom import brain
from datasets.phantom import head
from datasets.phantom import lesions
from datasets.phantom.geometry import Plane
from datasets.phantom.geometry import make_plane
from datasets.phantom.modalities import render_ct
from datasets.phantom.modalities import render_emission
from datasets.phantom.modalities import render_mr

MODALITIES = ("PET-MRI", "SPECT-MRI", "CT-MRI")
OVERSAMPLING = 2


def list_pairs(
    num_cases: int, size: int, seed: int, first: int = 0
) -> list[Entry[SourcePair]]:
    """Names a pair for each case, from number `first` on; draws none.

    The modality cycles PET-MRI, SPECT-MRI, CT-MRI and the MR weighting T1,
    T2, so that six neighbouring cases hold every combination once.
    """
    entries = []
    for case in range(first, first + num_cases):
        modality = MODALITIES[case % len(MODALITIES)]
        case_id = f"phantom_{case:03d}"
        load = functools.partial(phantom_pair, case, size, seed)
        entries.append(Entry(f"{modality}_{case_id}", case_id, modality, load))
    return entries


def phantom_pair(case: int, size: int = 128, seed: int = 0) -> SourcePair:
    """Draws the pair of one case: PET, SPECT or CT, and MR.

    Choice: a case has a stream of randomness of its own, so that it depends
    neither on the number of cases nor on their order.
    """
    rng = np.random.default_rng([seed, case])
    shape_rng, a_rng, b_rng = rng.spawn(3)
    plane, labels = draw_slice(shape_rng, OVERSAMPLING * size)
    channel = MODALITIES[case % len(MODALITIES)].split("-")[0]
    if channel == "CT":
        source_a = render_ct(a_rng, plane, labels, size)
    else:
        source_a = render_emission(a_rng, plane, labels, channel, size)
    weighting = ("T1", "T2")[case % 2]
    source_b = render_mr(b_rng, plane, labels, weighting, size)
    return SourcePair(source_a, source_b)


def draw_slice(rng: np.random.Generator, size: int) -> tuple[Plane, np.ndarray]:
    """Draws one head, whose anatomy `size` does not change.

    Returns:
        The plane and its `Tissue` labels, uint8 `[size, size]`.
    """
    shape = head.draw_shape(rng)
    lesion = lesions.draw_lesion(rng, shape.axes)
    # A face needs room in front.
    shift = rng.normal((0.0, 4.0 if shape.has_face else 0.0), 2.0)
    view, turn = rng.uniform(194, 224), rng.normal(0, 4)
    plane = make_plane(size, view, turn, shift)
    depth = head.head_depth(rng, plane, shape)
    labels, inside = head.paint_shell(rng, plane, shape, depth)
    inside = head.cavity_depth(rng, plane, shape, inside)
    pushed = lesions.mass_effect(plane, lesion)
    brain.paint_cerebrum(rng, pushed, shape, inside, labels)
    if shape.has_face:
        head.paint_face(rng, plane, depth, inside, labels)
    if shape.level == "fossa":
        brain.paint_cerebellum(rng, pushed, inside, labels)
    brain.paint_deep(rng, pushed, shape, labels)
    lesions.paint_lesion(rng, plane, lesion, labels)
    return plane, labels
