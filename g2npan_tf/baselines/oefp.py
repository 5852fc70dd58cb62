"""Edges that arrive in the fused image, Q^AB/F (OEFP in Table 1)."""

import math

import cv2
import numpy as np

from g2npan_tf.baselines.grey_levels import check_grey

_Edges = tuple[np.ndarray, np.ndarray]


def oefp(
    source_a: np.ndarray,
    source_b: np.ndarray,
    fused: np.ndarray,
    wrapped: bool = False,
) -> float:
    """Share of the sources' edges that the fused image keeps, Q^AB/F.

    The ratio of two sums over the image: edge strength times what is kept of
    it, and edge strength, both over both sources. Higher is better. Images
    as `check_grey` takes them.

    Source: C. S. Xydeas, V. Petrovic, "Objective image fusion performance
    measure", Electronics Letters 36(4), 308-309, 2000, with its constants
    and L = 1.

    Choice: Sobel's filter is a correlation with (-1 0 1; -2 0 2; -1 0 1) and
    its transpose on zero padding; an orientation without horizontal
    difference is +pi/2. True convolution turns all others round and changes
    the value by less than 6e-3.

    Orientations are compared modulo pi if `wrapped`, else literally.

    Returns:
        Range [0, 0.974794], the upper end for three equal images; the frame
        of a constant image is an edge, because of the padding. NaN if both
        sources are black.
    """
    check_grey(source_a, source_b, fused)
    edges = _edges(fused)
    kept = there = 0.0
    for source in (source_a, source_b):
        edges_source = _edges(source)
        quality = _edge_quality(edges_source, edges, wrapped)
        kept += float(np.sum(quality * edges_source[0]))
        there += float(np.sum(edges_source[0]))
    return kept / there if there else math.nan


def edge_preservation(
    strength: np.ndarray, orientation: np.ndarray
) -> np.ndarray:
    """Q^AF of edges, range [0, 0.974794]: two sigmoids.

    `strength` is the weaker gradient over the stronger one, `orientation` 1
    where the two agree and 0 where they are orthogonal.
    """
    kept_strength = 0.9994 / (1.0 + np.exp(-15.0 * (strength - 0.5)))
    kept_orientation = 0.9879 / (1.0 + np.exp(-22.0 * (orientation - 0.8)))
    return kept_strength * kept_orientation


def _edges(image: np.ndarray) -> _Edges:
    """Sobel's edge strength, and orientation in [-pi/2, pi/2]."""
    dx, dy = (
        cv2.Sobel(image, cv2.CV_64F, *order, borderType=cv2.BORDER_CONSTANT)
        for order in ((1, 0), (0, 1))
    )
    slope = np.divide(dy, dx, out=np.full_like(dx, np.inf), where=dx != 0)
    return np.hypot(dx, dy), np.arctan(slope)


def _edge_quality(source: _Edges, fused: _Edges, wrapped: bool) -> np.ndarray:
    """Q^AF per pixel; equal strengths, also zero, count as kept whole."""
    weaker = np.minimum(source[0], fused[0])
    stronger = np.maximum(source[0], fused[0])
    strength = np.divide(
        weaker, stronger, out=np.ones_like(weaker), where=stronger > 0
    )
    orientation = 1 - np.abs(source[1] - fused[1]) / (np.pi / 2)
    if wrapped:
        orientation = np.abs(orientation)
    return edge_preservation(strength, orientation)
