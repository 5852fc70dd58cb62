import numpy as np
import pytest

from datasets.fusion import cross_bilateral


def random_pair(shape=(17, 19), seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((2, *shape), dtype=np.float32)


@pytest.mark.parametrize(("row", "column"), [(8, 9), (6, 11)])
def test_filter_is_the_papers_at_a_pixel(row, column):
    image, guide = random_pair()
    total = norm = 0.0
    for y in range(row - 5, row + 6):
        for x in range(column - 5, column + 6):
            distance = (y - row) ** 2 + (x - column) ** 2
            unlike = (float(guide[y, x]) - float(guide[row, column])) * 255
            weight = np.exp(-distance / (2 * 1.8**2)) * np.exp(
                -(unlike**2) / (2 * 25**2)
            )
            total += weight * image[y, x]
            norm += weight
    filtered = cross_bilateral.cross_bilateral_filter(image, guide)
    assert filtered[row, column] == pytest.approx(total / norm, rel=1e-4)


def test_filter_does_not_cross_the_guides_edges():
    guide = np.zeros((32, 32), np.float32)
    guide[:, 16:] = 1.0
    image = guide * np.float32(0.5)
    filtered = cross_bilateral.cross_bilateral_filter(image, guide)
    np.testing.assert_allclose(filtered, image, atol=1e-5)


@pytest.mark.parametrize(("row", "column"), [(8, 9), (3, 14)])
def test_strength_is_the_sum_of_the_eigenvalues(row, column):
    detail, _ = random_pair()
    window = detail[row - 2 : row + 3, column - 2 : column + 3]
    expected = sum(
        np.linalg.eigvalsh(np.cov(window, rowvar=rowvar)).sum()
        for rowvar in (True, False)
    )
    strength = cross_bilateral.detail_strength(detail)
    assert strength[row, column] == pytest.approx(expected, rel=1e-4)


def test_flat_places_are_averaged():
    a = np.full((33, 33), 0.2, np.float32)
    b = np.full((33, 33), 0.6, np.float32)
    fused = cross_bilateral.cross_bilateral_fusion(a, b)
    np.testing.assert_allclose(fused, 0.4, atol=1e-6)


def test_the_source_with_more_detail_wins():
    detail, _ = random_pair()
    flat = np.full_like(detail, 0.5)
    fused = cross_bilateral.cross_bilateral_fusion(detail, flat)
    assert np.abs(fused - detail).mean() < 0.05 * np.abs(detail - 0.5).mean()
