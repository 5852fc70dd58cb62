import math

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.baselines import hossny
from tests.fused_triple import average
from tests.fused_triple import check_refusals
from tests.fused_triple import constant
from tests.fused_triple import textured

A, B = textured(0), textured(1)
F = average(A, B)


def entropy(*images):
    levels = np.stack([image.ravel() for image in images])
    return stats.entropy(np.unique(levels, axis=1, return_counts=True)[1])


def test_equal_images_give_exactly_two():
    assert hossny(A, A, A) == 2.0


def test_worked_example():
    # A = F: share 1/2. B is independent of F: share 0. Twice the sum is 1.
    a = np.array([[0, 0], [9, 9]], np.uint8)
    b = np.array([[0, 9], [0, 9]], np.uint8)
    assert hossny(a, b, a) == pytest.approx(1.0, abs=1e-15)


def test_value_from_scipy_entropies():
    expected = 0.0
    for source in (A, B):
        separate = entropy(source) + entropy(F)
        expected += 2 * (separate - entropy(source, F)) / separate
    assert hossny(A, B, F) == pytest.approx(expected, rel=1e-12)


def test_each_source_is_normalised_by_its_own_entropy():
    # Qu's unnormalised sum, and one quotient for both, are other measures.
    separate = [entropy(s) + entropy(F) for s in (A, B)]
    joint = [entropy(s, F) for s in (A, B)]
    information = np.subtract(separate, joint)
    value = hossny(A, B, F)
    assert value != pytest.approx(information.sum(), rel=1e-3)
    flat = average(A, constant(128)) // 8
    shares = [
        (entropy(s) + entropy(A) - entropy(s, A)) / (entropy(s) + entropy(A))
        for s in (A, flat)
    ]
    assert hossny(A, flat, A) == pytest.approx(2 * sum(shares), rel=1e-12)


def test_relabelled_grey_levels_change_nothing():
    # All 256 levels count: 8-bit input is neither stretched nor binned.
    inverted = 255 - F
    assert hossny(A, B, inverted) == pytest.approx(hossny(A, B, F), rel=1e-12)
    assert hossny(A // 2, B // 2, F) != pytest.approx(hossny(A, B, F))


def test_constant_images():
    flat = constant(100)
    assert hossny(A, B, flat) == 0.0
    assert hossny(A, flat, flat) == 0.0
    assert hossny(A, flat, A) == pytest.approx(1.0, abs=1e-15)
    assert math.isnan(hossny(flat, flat, flat))


def test_bad_input_is_refused():
    check_refusals(hossny)
