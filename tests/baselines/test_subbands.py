import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.baselines import subbands


def random_image(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (33, 47), (128, 128)])
def test_sum_of_the_bands_is_the_image(shape):
    image = random_image(shape)
    bands = subbands.decompose(image)
    assert bands.shape == (13, *shape)
    np.testing.assert_allclose(bands.sum(axis=0), image, atol=1e-6)


def test_bands_move_with_the_image():
    image = ndimage.gaussian_filter(random_image((128, 128)), 1.0)
    moved = subbands.decompose(image[3:, 5:])[:, 48:-48, 48:-48]
    bands = subbands.decompose(image)[:, 51:-48, 53:-48]
    np.testing.assert_allclose(moved, bands, atol=1e-3)


def test_each_direction_has_its_band():
    rows, columns = np.mgrid[:64, :64]
    waves = [columns, rows + columns, rows, rows - columns]
    for direction, wave in enumerate(waves):
        image = np.cos(wave * np.pi / 4).astype(np.float32)
        bands = subbands.decompose(image)[:, 16:-16, 16:-16]
        energy = np.sum(bands[:-1] ** 2, axis=(1, 2)).reshape(3, 4).sum(axis=0)
        assert energy.argmax() == direction
        assert energy.max() > 0.5 * energy.sum()
