import math

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.baselines import rsfe
from tests.fused_triple import average
from tests.fused_triple import check_refusals
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


def test_value_by_loops():
    assert rsfe(A, B, F) == pytest.approx(by_loops(A, B, F), abs=1e-12)


def test_worked_example():
    # Differences of 9 in A: one horizontal, one vertical, one diagonal. F
    # has the same at 3 and B none: a third is left.
    a = np.array([[0, 0], [0, 9]], np.uint8)
    assert rsfe(a, constant(5, (2, 2)), a // 3) == pytest.approx(-2 / 3)


def test_diagonals_weigh_the_squared_difference_by_its_root_half():
    # A has a horizontal step, F a point: 1 + 1/sqrt(2) more squares.
    a = np.array([[0, 9, 0]] * 3, np.uint8)
    f = np.zeros((3, 3), np.uint8)
    f[1, 1] = 9
    root = math.sqrt(0.5)
    expected = math.sqrt((4 + 4 * root) / (6 + 8 * root)) - 1
    assert rsfe(a, a, f) == pytest.approx(expected, abs=1e-12)


def test_the_larger_difference_of_the_two_sources_is_wanted():
    # Each source has one half of the columns' steps, and F all of them.
    f = np.tile(np.array([[0, 40]], np.uint8), (6, 4))
    a, b = f.copy(), f.copy()
    a[:, 4:] = 40
    b[:, :3] = 0
    assert rsfe(a, b, f) == 0.0
    assert rsfe(a, b, a) == pytest.approx(math.sqrt(3 / 7) - 1, abs=1e-12)


def test_sign_tells_loss_from_added_noise():
    rng = np.random.default_rng(0)
    noisy = (F + rng.normal(0, 40, F.shape)).clip(0, 255).astype(np.uint8)
    blurred = ndimage.gaussian_filter(F, 2)
    assert rsfe(F, F, blurred) < -0.1
    assert rsfe(F, F, noisy) > 0.1
    assert rsfe(F, F, F) == 0.0


def test_differences_do_not_wrap_around():
    # 10 - 12 is -2; in uint8 it would be 254.
    a = np.tile(np.array([[10, 12]], np.uint8), (6, 3))
    inverted = 255 - a
    assert rsfe(a, a, inverted) == 0.0
    assert rsfe(a, a, a - 5) == 0.0


def test_constant_images():
    flat = constant(100)
    assert rsfe(A, B, flat) == -1.0
    assert rsfe(flat, flat, A) == math.inf
    assert math.isnan(rsfe(flat, flat, flat))


def test_bad_input_is_refused():
    check_refusals(rsfe)
