"""SSIM window by window; VIF beside its authors' program."""

import math

import numpy as np
import pytest

from g2npan_tf.baselines.similarity import structural_similarity
from g2npan_tf.baselines.similarity import visual_information
from tests.fused_triple import average
from tests.fused_triple import constant
from tests.fused_triple import textured

A, B = textured(0, (48, 60)), textured(1, (48, 60))


def test_ssim_window_by_window():
    a, b = A[:20, :23].astype(float), average(A, B)[:20, :23].astype(float)
    far = np.arange(-5, 6)
    weights = np.exp(-(far[:, None] ** 2 + far**2) / (2 * 1.5**2))
    weights /= weights.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    places = []
    for i in range(20 - 10):
        for j in range(23 - 10):
            x, y = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mx, my = np.sum(weights * x), np.sum(weights * y)
            vx = np.sum(weights * (x - mx) ** 2)
            vy = np.sum(weights * (y - my) ** 2)
            both = np.sum(weights * (x - mx) * (y - my))
            places.append(
                ((2 * mx * my + c1) * (2 * both + c2))
                / ((mx**2 + my**2 + c1) * (vx + vy + c2))
            )
    value = structural_similarity(a, b)
    assert value == pytest.approx(np.mean(places), abs=1e-10)
    unit = structural_similarity(a / 255, b / 255, 1.0)
    assert value == pytest.approx(unit, abs=1e-10)


def pattern(kind, width, height):
    """Images of integers, as those of the reference values."""
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    steep = (37 * x + 91 * y + x * y) % 256
    mixed = (((17 * x) ^ (29 * y)) + 3 * x + 5 * y) % 256
    patch = (20 <= x) & (x < 40) & (10 <= y) & (y < 30)
    kinds = {
        "steep": steep,
        "mixed": mixed,
        "ramp": (x + 2 * y) % 256,
        "patched": np.where(patch, mixed, steep),
        "flat": np.full((height, width), 128),
    }
    return kinds[kind].astype(np.uint8)


# By the authors' MATLAB program (vifp_mscale) under GNU Octave.
@pytest.mark.parametrize(
    ("reference", "image", "width", "height", "expected"),
    [
        ("steep", "mixed", 64, 64, 0.001631957152),
        ("steep", "mixed", 65, 63, 0.001795919229),
        ("patched", "mixed", 96, 80, 0.021161656886),
        ("steep", "mixed", 256, 256, 0.001479863055),
        ("mixed", "ramp", 256, 256, 0.000781270580),
        ("steep", "patched", 300, 260, 0.987692685764),
        # Too small for all four scales.
        ("ramp", "mixed", 37, 41, 0.000864977000),
        ("steep", "mixed", 24, 24, 0.001421718516),
        ("steep", "mixed", 48, 40, 0.000627753510),
        ("steep", "steep", 256, 256, 0.999999999992),
        ("steep", "flat", 64, 64, 0.0),
        ("steep", "mixed", 16, 16, math.nan),
        ("flat", "steep", 64, 64, math.nan),
    ],
)
def test_vif_is_that_of_its_authors(reference, image, width, height, expected):
    first, second = (pattern(x, width, height) for x in (reference, image))
    value = visual_information(first, second)
    assert value == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_vif_rises_with_contrast_and_falls_with_noise():
    # From 118 to 138 around 128, so that nothing is cut off.
    faint = 128 + (A.astype(float) - 128) / 4
    noise = np.random.default_rng(0).normal(0, 10, A.shape)
    stronger = visual_information(faint, 128 + 2 * (faint - 128))
    assert stronger > 1 > visual_information(faint, faint + noise) > 0
    assert visual_information(A, constant(90, A.shape)) == 0
    assert visual_information(A, 255 - A) == 0
