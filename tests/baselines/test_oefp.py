import math

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.baselines import oefp
from g2npan_tf.baselines.oefp import edge_preservation
from tests.fused_triple import average
from tests.fused_triple import check_refusals
from tests.fused_triple import constant
from tests.fused_triple import textured

MAXIMUM = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))
A, B = textured(0), textured(1)
F = average(A, B)


def square(level, background=0):
    image = constant(background, (9, 9))
    image[2:7, 2:7] = level
    return image


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


def test_equal_gradients_below_one_count_as_kept():
    # The smallest gradients of 8-bit images: a single grey level.
    faint = constant(0, (5, 5))
    faint[2, 2] = 1
    assert oefp(faint, faint, faint) == pytest.approx(MAXIMUM, abs=1e-12)
    one = edge_preservation(np.array(1.0), np.array(1.0))
    assert float(one) == pytest.approx(MAXIMUM, abs=1e-15)


def test_half_of_every_step_is_a_strength_of_one_half():
    strength, orientation = 0.9994 / 2, 0.9879 / (1 + math.exp(-4.4))
    value = oefp(square(100), square(100), square(50))
    assert value == pytest.approx(strength * orientation, abs=1e-12)


def test_stronger_and_weaker_count_alike():
    weaker = oefp(square(100), square(100), square(40))
    stronger = oefp(square(40), square(40), square(100))
    assert weaker == pytest.approx(stronger, abs=1e-12)


def test_is_a_ratio_of_sums_and_not_a_mean_over_pixels():
    # More black background, which a mean of local values rewards, adds
    # nothing.
    images = [np.pad(square(level), 4) for level in (100, 60, 80)]
    wide = [np.pad(image, 40) for image in images]
    assert oefp(*wide) == pytest.approx(oefp(*images), abs=1e-12)
    assert oefp(square(100), square(60), square(0)) < 1e-3


def test_a_stronger_source_weighs_more():
    a, b = square(200), square(200).T.copy()
    b[2:7, 2:7] = np.eye(5, dtype=np.uint8) * 20
    assert oefp(a, b, a) > oefp(a, b, b)


def test_opposite_orientations_are_far_apart_unless_wrapped():
    # One grey step more or less of slope: +-pi/2 are neighbours modulo pi.
    ramp = np.repeat(np.arange(0, 240, 8, dtype=np.uint8)[:, None], 30, 1)
    left, right = ramp.copy(), ramp.copy()
    left += np.arange(30, dtype=np.uint8)[None] // 3
    right += np.arange(30, dtype=np.uint8)[None, ::-1] // 3
    literal = oefp(left, left, right)
    assert oefp(left, left, right, wrapped=True) > literal + 0.3


def test_constant_images():
    # Zero padding draws an edge around a grey image, none around black.
    assert oefp(*[constant(90)] * 3) == pytest.approx(MAXIMUM, abs=1e-12)
    assert math.isnan(oefp(constant(0), constant(0), constant(90)))
    assert 0 < oefp(A, B, constant(90)) < 0.2


def test_bad_input_is_refused():
    check_refusals(oefp)
