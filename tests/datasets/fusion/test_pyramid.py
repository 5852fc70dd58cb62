"""Laplacian and contrast pyramids."""

import numpy as np
import pytest
from scipy import ndimage

from datasets.fusion import pyramid

WAYS = {
    "laplacian": (pyramid.decompose_laplacian, pyramid.reconstruct_laplacian),
    "contrast": (pyramid.decompose_contrast, pyramid.reconstruct_contrast),
}


def random_image(shape=(33, 47)):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (33, 47)])
@pytest.mark.parametrize("name", WAYS)
def test_reconstruction_is_exact(name, shape):
    decompose, reconstruct = WAYS[name]
    image = random_image(shape)
    rebuilt = reconstruct(decompose(image))
    np.testing.assert_allclose(rebuilt, image, atol=2e-6)


def test_pyramid_has_four_bands_and_a_rest_of_halved_sides():
    levels = pyramid.decompose_laplacian(random_image((128, 100)))
    shapes = [level.shape for level in levels]
    assert shapes == [(128, 100), (64, 50), (32, 25), (16, 13), (8, 7)]


def test_reduction_is_burt_and_adelsons_with_a_binomial_kernel():
    smooth = random_image()
    for axis in (0, 1):
        kernel = np.array([1, 4, 6, 4, 1]) / 16
        smooth = ndimage.correlate1d(smooth, kernel, axis, mode="mirror")
    found = pyramid.decompose_gaussian(random_image())[1]
    np.testing.assert_allclose(found, smooth[::2, ::2], atol=1e-6)


def test_laplacian_bands_of_a_constant_are_zero():
    *bands, _ = pyramid.decompose_laplacian(np.full((33, 47), 0.5, np.float32))
    assert max(np.abs(band).max() for band in bands) < 1e-6


def test_laplacian_pyramid_takes_fine_detail_whole_from_its_source():
    smooth = np.full((64, 64), 0.5, np.float32)
    detail = smooth + np.float32(0.2) * (-1.0) ** np.arange(64, dtype="f4")
    fused = pyramid.laplacian_pyramid(smooth, detail)
    np.testing.assert_allclose(fused, detail, atol=1e-2)


def test_contrast_is_webers_against_the_coarser_level():
    image = random_image() + np.float32(0.1)
    fine, coarse, *_ = pyramid.decompose_gaussian(image + pyramid._DARK)
    background = pyramid.expand(coarse, fine)
    expected = (fine - background) / background
    found = pyramid.decompose_contrast(image)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_contrast_does_not_depend_on_the_lighting():
    levels, brighter = (
        pyramid.decompose_contrast(image)[:-1]
        for image in (random_image(), 2 * random_image() + pyramid._DARK)
    )
    for one, two in zip(levels, brighter, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
