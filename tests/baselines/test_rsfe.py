import math

import numpy as np
import pytest

from g2npan_tf.baselines import rsfe
from tests.fused_triple import average
from tests.fused_triple import constant
from tests.fused_triple import textured

A, B = textured(0), textured(1)
F = average(A, B)
# Where the neighbour is (row, column), and the squared difference's weight.
DIRECTIONS = ((0, -1, 1), (-1, 0, 1), (-1, -1, 0.5**0.5), (-1, 1, 0.5**0.5))


def differences(image, row, column):
    """Over all pixels that have that neighbour, one by one."""
    height, width = image.shape
    return np.array(
        [
            abs(int(image[i, j]) - int(image[i + row, j + column]))
            for i in range(height)
            for j in range(width)
            if 0 <= i + row and 0 <= j + column < width
        ]
    )


def by_loops(a, b, fused):
    wanted = found = 0.0
    for row, column, weight in DIRECTIONS:
        of_a, of_b, of_f = (differences(x, row, column) for x in (a, b, fused))
        wanted += weight * np.sum(np.maximum(of_a, of_b) ** 2) / a.size
        found += weight * np.sum(of_f**2) / a.size
    return (math.sqrt(found) - math.sqrt(wanted)) / math.sqrt(wanted)


@pytest.mark.parametrize("fused", [F, 255 - F, A, A // 3])
def test_value_by_loops(fused):
    assert rsfe(A, B, fused) == pytest.approx(by_loops(A, B, fused), abs=1e-12)


def test_worked_example():
    # Differences of 9 in A: one horizontal, one vertical, one diagonal. F
    # has the same at 3 and B none: a third is left.
    a = np.array([[0, 0], [0, 9]], np.uint8)
    assert rsfe(a, constant(5, (2, 2)), a // 3) == pytest.approx(-2 / 3)


def test_sign_is_that_of_added_detail():
    rng = np.random.default_rng(0)
    noisy = (F + rng.normal(0, 40, F.shape)).clip(0, 255).astype(np.uint8)
    assert rsfe(F, F, noisy) > 0.1
    assert rsfe(F, F, F) == 0.0


def test_constant_images():
    flat = constant(100)
    assert rsfe(A, B, flat) == -1.0
    assert rsfe(flat, flat, A) == math.inf
    assert math.isnan(rsfe(flat, flat, flat))
