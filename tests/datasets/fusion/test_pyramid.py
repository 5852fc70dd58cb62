import numpy as np
import pytest
from scipy import ndimage

from datasets.fusion import pyramid

_SIZES = [(1, 1), (1, 9), (3, 5), (33, 47), (128, 128)]


def random_image(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", _SIZES)
def test_laplacian_reconstruction_is_exact(shape):
    image = random_image(shape)
    levels = pyramid.decompose_laplacian(image)
    rebuilt = pyramid.reconstruct_laplacian(levels)
    np.testing.assert_allclose(rebuilt, image, atol=1e-6)


def test_pyramid_has_four_bands_and_a_rest_of_halved_sides():
    levels = pyramid.decompose_laplacian(random_image((128, 100)))
    shapes = [level.shape for level in levels]
    assert shapes == [(128, 100), (64, 50), (32, 25), (16, 13), (8, 7)]


def test_reduction_is_burt_and_adelsons_with_a_binomial_kernel():
    image = random_image((33, 47))
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    smooth = ndimage.correlate1d(image, kernel, axis=0, mode="mirror")
    smooth = ndimage.correlate1d(smooth, kernel, axis=1, mode="mirror")
    np.testing.assert_allclose(
        pyramid.decompose_gaussian(image)[1], smooth[::2, ::2], atol=1e-6
    )


def test_laplacian_bands_of_a_constant_are_zero():
    *bands, _ = pyramid.decompose_laplacian(np.full((33, 47), 0.5, np.float32))
    assert max(np.abs(band).max() for band in bands) < 1e-6


def test_laplacian_pyramid_takes_fine_detail_whole_from_its_source():
    smooth = np.full((64, 64), 0.5, np.float32)
    detail = smooth + np.float32(0.2) * (-1.0) ** np.arange(64, dtype="f4")
    fused = pyramid.laplacian_pyramid(smooth, detail)
    np.testing.assert_allclose(fused, detail, atol=1e-2)


@pytest.mark.parametrize("shape", _SIZES)
def test_contrast_reconstruction_is_exact(shape):
    image = random_image(shape)
    levels = pyramid.decompose_contrast(image)
    rebuilt = pyramid.reconstruct_contrast(levels)
    np.testing.assert_allclose(rebuilt, image, atol=2e-6)


def test_contrast_is_webers_against_the_coarser_level():
    image = random_image((33, 47)) + np.float32(0.1)
    fine, coarse, *_ = pyramid.decompose_gaussian(image + pyramid._DARK)
    background = pyramid.expand(coarse, fine)
    np.testing.assert_allclose(
        pyramid.decompose_contrast(image)[0],
        (fine - background) / background,
        atol=1e-5,
    )


def test_contrast_does_not_depend_on_the_lighting():
    image = random_image((33, 47))
    brighter = 2 * image + pyramid._DARK
    for level, brighter_level in zip(
        pyramid.decompose_contrast(image)[:-1],
        pyramid.decompose_contrast(brighter)[:-1],
        strict=True,
    ):
        np.testing.assert_allclose(brighter_level, level, atol=1e-5)
