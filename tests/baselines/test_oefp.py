import math

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.baselines import oefp
from g2npan_tf.baselines.oefp import edge_preservation
from tests.fused_triple import average
from tests.fused_triple import constant
from tests.fused_triple import textured

MAXIMUM = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))
A, B = textured(0), textured(1)
F = average(A, B)


def edges(image):
    """Strength and orientation with scipy's filter and pixel by pixel."""
    x, y = (
        ndimage.sobel(image.astype(float), axis, mode="constant")
        for axis in (1, 0)
    )
    angle = [
        math.pi / 2 if dx == 0 else math.atan(dy / dx)
        for dx, dy in zip(x.flat, y.flat, strict=True)
    ]
    return np.sqrt(x**2 + y**2).ravel(), np.array(angle)


def by_loops(a, b, fused, wrapped=False):
    kept = there = 0.0
    strength_f, angle_f = edges(fused)
    for source in (a, b):
        for g, alpha, gf, af in zip(
            *edges(source), strength_f, angle_f, strict=True
        ):
            ratio = 1.0 if g == gf else min(g, gf) / max(g, gf)
            delta = abs(alpha - af)
            alike = 1 - delta / (math.pi / 2)
            if wrapped:
                alike = abs(delta - math.pi / 2) * 2 / math.pi
            quality = 0.9994 / (1 + math.exp(-15 * (ratio - 0.5)))
            quality *= 0.9879 / (1 + math.exp(-22 * (alike - 0.8)))
            kept += quality * g
            there += g
    return kept / there


@pytest.mark.parametrize("wrapped", [False, True])
def test_value_by_loops_and_scipy(wrapped):
    value = oefp(A, B, F, wrapped=wrapped)
    assert value == pytest.approx(by_loops(A, B, F, wrapped), rel=1e-12)


def test_equal_images_give_the_published_maximum():
    # Not 1; and not 0.975333, which ports give that set G = g_F where both
    # gradients are equal.
    assert oefp(A, A, A) == pytest.approx(MAXIMUM, abs=1e-12)
    assert pytest.approx(0.974794, abs=5e-7) == MAXIMUM
    one = edge_preservation(np.array(1.0), np.array(1.0))
    assert float(one) == pytest.approx(MAXIMUM, abs=1e-15)
    # The smallest gradients of 8-bit images: a single grey level.
    faint = constant(0, (5, 5))
    faint[2, 2] = 1
    assert oefp(faint, faint, faint) == pytest.approx(MAXIMUM, abs=1e-12)


def test_constant_images():
    # Zero padding draws an edge around a grey image, none around black.
    assert oefp(*[constant(90)] * 3) == pytest.approx(MAXIMUM, abs=1e-12)
    assert math.isnan(oefp(constant(0), constant(0), constant(90)))
    assert 0 < oefp(A, B, constant(90)) < 0.2
