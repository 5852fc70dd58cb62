import math

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.baselines import hossny
from tests.fused_triple import average
from tests.fused_triple import constant
from tests.fused_triple import textured

A, B = textured(0), textured(1)
F = average(A, B)


def entropy(*images):
    levels = np.stack([image.ravel() for image in images])
    return stats.entropy(np.unique(levels, axis=1, return_counts=True)[1])


def test_worked_example():
    # A = F: share 1/2. B is independent of F: share 0. Twice the sum is 1.
    a = np.array([[0, 0], [9, 9]], np.uint8)
    b = np.array([[0, 9], [0, 9]], np.uint8)
    assert hossny(a, b, a) == pytest.approx(1.0, abs=1e-15)
    assert hossny(A, A, A) == 2.0


@pytest.mark.parametrize("second", [B, average(A, constant(128)) // 8])
def test_value_from_scipy_entropies(second):
    # Each source is normalised by its own entropy, as the second one shows.
    expected = 0.0
    for source in (A, second):
        separate = entropy(source) + entropy(F)
        expected += 2 * (separate - entropy(source, F)) / separate
    assert hossny(A, second, F) == pytest.approx(expected, rel=1e-12)


def test_constant_images():
    flat = constant(100)
    assert hossny(A, B, flat) == 0.0
    assert hossny(A, flat, flat) == 0.0
    assert hossny(A, flat, A) == pytest.approx(1.0, abs=1e-15)
    assert math.isnan(hossny(flat, flat, flat))
