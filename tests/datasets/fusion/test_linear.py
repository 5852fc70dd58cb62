"""The two linear algorithms."""

import numpy as np
import pytest

from datasets.fusion import linear


def random_pair(seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((2, 33, 47), dtype=np.float32)


def test_weighted_average_is_the_mean():
    a, b = random_pair()
    expected = np.mean([a, b], axis=0)
    np.testing.assert_allclose(linear.weighted_average(a, b), expected, 1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_principal_weight_equals_the_eigenvectors(seed):
    a, b = random_pair(seed)
    b = np.float32(0.3) * b + np.float32(0.1 * seed) * a
    _, vectors = np.linalg.eigh(np.cov(a.ravel(), b.ravel()))
    leading = np.abs(vectors[:, 1])
    expected = leading[0] / leading.sum()
    weight = linear.principal_weight(a, b)
    assert weight == pytest.approx(expected, rel=1e-4)
    fused = weight * a + (1 - weight) * b
    np.testing.assert_allclose(linear.pca(a, b), fused, rtol=1e-5)


def test_principal_weight_favours_the_source_with_more_contrast():
    a, b = random_pair()
    assert linear.principal_weight(a, b * np.float32(0.2)) > 0.9
    assert linear.principal_weight(a * np.float32(0.2), b) < 0.1


@pytest.mark.parametrize(
    "pair",
    [(random_pair()[0], 1 - random_pair()[0]), np.full((2, 4, 4), 0.7, "f4")],
    ids=["negatives", "constants"],
)
def test_principal_weight_without_a_leading_axis_is_one_half(pair):
    assert linear.principal_weight(*pair) == pytest.approx(0.5, abs=1e-3)
