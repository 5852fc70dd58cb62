"""The score of damaged slices."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from datasets.pretraining import similarity


def pattern(seed=0, size=64):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 240, (8, 8), np.uint8)
    grey = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.maximum(grey, 20)[..., np.newaxis].repeat(3, axis=-1)


def published(image, reference):
    """Similarity of the paper's gradients, by scipy."""
    maps = []
    for pixels in (image, reference):
        grey = pixels[..., 0].astype(float)
        half = grey.reshape(32, 2, 32, 2).mean(axis=(1, 3))
        dx, dy = (
            ndimage.prewitt(half, axis, mode="mirror") / 3 for axis in (0, 1)
        )
        maps.append(np.sqrt(dx**2 + dy**2))
    one, two = maps
    return (2 * one * two + 170) / (one**2 + two**2 + 170)


def test_deviation_is_that_of_the_paper():
    reference = pattern()
    noise = np.random.default_rng(1).normal(0, 10, (64, 64, 1))
    image = np.clip(reference + noise, 0, 255).astype(np.uint8)
    expected = published(image, reference).std()
    value = similarity.gradient_deviation(image, reference)
    assert value == pytest.approx(expected, rel=1e-9)


def test_equal_images_do_not_deviate_and_black_ones_neither():
    image = pattern()
    assert similarity.gradient_deviation(image, image) == 0
    assert similarity.gradient_deviation(0 * image, 0 * image) == 0


def test_black_around_the_slice_changes_nothing():
    reference = np.zeros((128, 128, 3), np.uint8)
    reference[32:96, 32:96] = pattern()
    image = cv2.GaussianBlur(reference, (0, 0), 1)
    alone = [x[16:112, 16:112].copy() for x in (image, reference)]
    assert similarity.gradient_deviation(image, reference) == pytest.approx(
        similarity.gradient_deviation(*alone)
    )


def test_scores_fall_from_5_and_stay_on_the_scale():
    mos = [similarity.to_mos(d) for d in np.linspace(0, 1, 50)]
    assert mos[0] == 5
    assert min(mos) > 1
    assert (np.diff(mos) < 0).all()
    scale = similarity.DEVIATION_SCALE
    assert similarity.to_mos(scale) == pytest.approx(1 + 4 / np.e)
