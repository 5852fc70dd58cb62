import numpy as np
import pytest
from scipy import ndimage

from datasets.fusion import guided_filter


def random_image(shape=(33, 47), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def naive_guided_filter(image, guide, radius, epsilon):
    """He et al. 2013, equations 5, 6 and 8, window by window."""
    height, width = image.shape
    lines = np.zeros((2, height, width))

    def window(row, column):
        rows = slice(max(row - radius, 0), row + radius + 1)
        return rows, slice(max(column - radius, 0), column + radius + 1)

    for index in np.ndindex(height, width):
        p, i = image[window(*index)], guide[window(*index)]
        slope = np.cov(i.ravel(), p.ravel(), bias=True)[0, 1] / (
            i.var() + epsilon
        )
        lines[:, *index] = slope, p.mean() - slope * i.mean()
    means = [
        [line[window(*index)].mean() for index in np.ndindex(height, width)]
        for line in lines
    ]
    slopes, offsets = np.reshape(means, (2, height, width))
    return slopes * guide + offsets


@pytest.mark.parametrize(("radius", "epsilon"), [(2, 1e-3), (7, 0.3)])
def test_guided_filter_is_the_papers(radius, epsilon):
    image = random_image((9, 12)).astype(np.float64)
    guide = random_image((9, 12), seed=1).astype(np.float64)
    np.testing.assert_allclose(
        guided_filter.guided_filter(image, guide, radius, epsilon),
        naive_guided_filter(image, guide, radius, epsilon),
        atol=1e-5,
    )


def test_guided_filter_follows_the_guides_edges():
    guide = np.zeros((32, 32), np.float32)
    guide[:, 16:] = 1.0
    noise = random_image((32, 32)) / 4
    filtered = guided_filter.guided_filter(guide + noise, guide, 7, 1e-6)
    # The noise is gone, the edge is as high as it was.
    assert filtered.std(axis=0).max() < noise.std() / 4
    assert filtered[:, 16].mean() - filtered[:, 15].mean() > 0.95


def test_base_layer_is_the_mean_in_31_pixels():
    image = random_image()
    np.testing.assert_allclose(
        guided_filter.base_layer(image),
        ndimage.uniform_filter(image.astype(float), 31, mode="reflect"),
        atol=1e-5,
    )


def test_saliency_is_the_blurred_absolute_laplacian():
    image = random_image().astype(np.float64)
    expected = ndimage.gaussian_filter(
        np.abs(ndimage.laplace(image, mode="reflect")),
        5.0,
        mode="reflect",
        radius=5,
    )
    np.testing.assert_allclose(
        guided_filter.saliency(image.astype(np.float32)), expected, atol=1e-5
    )


def test_the_sharp_half_of_each_source_is_taken():
    sharp = random_image((128, 128))
    blurred = ndimage.gaussian_filter(sharp, 3.0)
    left, right = sharp.copy(), sharp.copy()
    left[:, 64:], right[:, :64] = blurred[:, 64:], blurred[:, :64]
    fused = guided_filter.guided_filter_fusion(left, right)
    error = np.abs(fused - sharp)[:, [*range(48), *range(80, 128)]]
    assert error.mean() < 0.1 * np.abs(blurred - sharp).mean()
