import numpy as np
import pytest

from datasets.fusion import linear


def random_pair(seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((2, 33, 47), dtype=np.float32)


def test_weighted_average_is_the_mean():
    a, b = random_pair()
    np.testing.assert_allclose(
        linear.weighted_average(a, b), np.mean([a, b], axis=0), rtol=1e-6
    )


@pytest.mark.parametrize("seed", range(5))
def test_principal_weight_equals_the_eigenvectors(seed):
    a, b = random_pair(seed)
    b = np.float32(0.3) * b + np.float32(0.1 * seed) * a
    _, vectors = np.linalg.eigh(np.cov(a.ravel(), b.ravel()))
    leading = np.abs(vectors[:, 1])
    assert linear.principal_weight(a, b) == pytest.approx(
        leading[0] / leading.sum(), rel=1e-4
    )


def test_principal_weight_favours_the_source_with_more_contrast():
    a, b = random_pair()
    assert linear.principal_weight(a, b * np.float32(0.2)) > 0.9
    assert linear.principal_weight(a * np.float32(0.2), b) < 0.1


def test_principal_weight_of_negatives_of_each_other_is_one_half():
    a, _ = random_pair()
    assert linear.principal_weight(a, 1 - a) == pytest.approx(0.5, abs=1e-3)


def test_principal_weight_of_constants_is_one_half():
    constant = np.full((4, 4), 0.7, np.float32)
    assert linear.principal_weight(constant, constant / 2) == 0.5


def test_pca_is_the_weighted_sum():
    a, b = random_pair()
    weight = linear.principal_weight(a, b)
    np.testing.assert_allclose(
        linear.pca(a, b), weight * a + (1 - weight) * b, rtol=1e-5
    )
