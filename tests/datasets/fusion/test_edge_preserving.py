"""Guided and cross bilateral filtering against their papers."""

import numpy as np
import pytest
from scipy import ndimage

from datasets.fusion import edge_preserving


def random_image(shape=(17, 19), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def naive_guided_filter(image, guide, radius, epsilon):
    """He et al. 2013, equations 5, 6 and 8, window by window."""
    lines = np.zeros((2, *image.shape))

    def window(row, column):
        rows = slice(max(row - radius, 0), row + radius + 1)
        return rows, slice(max(column - radius, 0), column + radius + 1)

    for index in np.ndindex(image.shape):
        p, i = image[window(*index)], guide[window(*index)]
        covariance = np.cov(i.ravel(), p.ravel(), bias=True)[0, 1]
        slope = covariance / (i.var() + epsilon)
        lines[:, *index] = slope, p.mean() - slope * i.mean()
    means = [
        [line[window(*index)].mean() for index in np.ndindex(image.shape)]
        for line in lines
    ]
    slopes, offsets = np.reshape(means, (2, *image.shape))
    return slopes * guide + offsets


@pytest.mark.parametrize(("radius", "epsilon"), [(2, 1e-3), (7, 0.3)])
def test_guided_filter_is_the_papers(radius, epsilon):
    arguments = (*np.float64(random_image((2, 9, 12))), radius, epsilon)
    found = edge_preserving.guided_filter(*arguments)
    expected = naive_guided_filter(*arguments)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_guided_filter_follows_the_guides_edges():
    guide = np.zeros((32, 32), np.float32)
    guide[:, 16:] = 1.0
    noise = random_image((32, 32)) / 4
    filtered = edge_preserving.guided_filter(guide + noise, guide, 7, 1e-6)
    # The noise is gone, the edge is as high as it was.
    assert filtered.std(axis=0).max() < noise.std() / 4
    assert filtered[:, 16].mean() - filtered[:, 15].mean() > 0.95


def test_base_layer_and_saliency_equal_scipys():
    image = random_image((33, 47))
    base = ndimage.uniform_filter(image.astype(float), 31, mode="reflect")
    found = edge_preserving.base_layer(image)
    np.testing.assert_allclose(found, base, atol=1e-5)
    edges = np.abs(ndimage.laplace(image.astype(float), mode="reflect"))
    blurred = ndimage.gaussian_filter(edges, 5.0, mode="reflect", radius=5)
    found = edge_preserving.saliency(image)
    np.testing.assert_allclose(found, blurred, atol=1e-5)


def test_the_sharp_half_of_each_source_is_taken():
    sharp = random_image((128, 128))
    blurred = ndimage.gaussian_filter(sharp, 3.0)
    left, right = sharp.copy(), sharp.copy()
    left[:, 64:], right[:, :64] = blurred[:, 64:], blurred[:, :64]
    fused = edge_preserving.guided_filter_fusion(left, right)
    error = np.abs(fused - sharp)[:, [*range(48), *range(80, 128)]]
    assert error.mean() < 0.1 * np.abs(blurred - sharp).mean()


@pytest.mark.parametrize(("row", "column"), [(8, 9), (6, 11)])
def test_cross_bilateral_filter_is_the_papers_at_a_pixel(row, column):
    image, guide = random_image((2, 17, 19))
    window = np.s_[row - 5 : row + 6, column - 5 : column + 6]
    y, x = np.mgrid[-5:6, -5:6]
    unlike = 255 * (guide[window].astype(float) - guide[row, column])
    weight = np.exp(-(y**2 + x**2) / (2 * 1.8**2) - unlike**2 / (2 * 25**2))
    expected = np.average(image[window], weights=weight)
    filtered = edge_preserving.cross_bilateral_filter(image, guide)
    assert filtered[row, column] == pytest.approx(expected, rel=1e-4)


def test_cross_bilateral_filter_does_not_cross_the_guides_edges():
    guide = np.zeros((32, 32), np.float32)
    guide[:, 16:] = 1.0
    image = guide * np.float32(0.5)
    filtered = edge_preserving.cross_bilateral_filter(image, guide)
    np.testing.assert_allclose(filtered, image, atol=1e-5)


@pytest.mark.parametrize(("row", "column"), [(8, 9), (3, 14)])
def test_strength_is_the_sum_of_the_eigenvalues(row, column):
    detail = random_image()
    window = detail[row - 2 : row + 3, column - 2 : column + 3]
    expected = sum(
        np.linalg.eigvalsh(np.cov(window, rowvar=rowvar)).sum()
        for rowvar in (True, False)
    )
    strength = edge_preserving.detail_strength(detail)
    assert strength[row, column] == pytest.approx(expected, rel=1e-4)


def test_flat_places_are_averaged_and_detail_wins():
    detail, flat = random_image(), np.full((17, 19), 0.6, np.float32)
    fuse = edge_preserving.cross_bilateral_fusion
    np.testing.assert_allclose(fuse(flat / 3, flat), 0.4, atol=1e-6)
    error = np.abs(fuse(detail, flat) - detail).mean()
    assert error < 0.05 * np.abs(detail - flat).mean()
