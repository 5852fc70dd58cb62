import numpy as np
import pytest
from scipy import ndimage

from datasets.fusion import pcnn


def random_image(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (33, 47), (128, 128)])
def test_sum_of_the_bands_is_the_image(shape):
    image = random_image(shape)
    bands = pcnn.decompose(image)
    assert bands.shape == (13, *shape)
    np.testing.assert_allclose(bands.sum(axis=0), image, atol=1e-6)


def test_bands_move_with_the_image():
    image = ndimage.gaussian_filter(random_image((128, 128)), 1.0)
    moved = pcnn.decompose(image[3:, 5:])[:, 48:-48, 48:-48]
    bands = pcnn.decompose(image)[:, 51:-48, 53:-48]
    np.testing.assert_allclose(moved, bands, atol=1e-3)


def test_each_direction_has_its_band():
    rows, columns = np.mgrid[:64, :64]
    waves = [columns, rows + columns, rows, rows - columns]
    for direction, wave in enumerate(waves):
        image = np.cos(wave * np.pi / 4).astype(np.float32)
        bands = pcnn.decompose(image)[:, 16:-16, 16:-16]
        energy = np.sum(bands[:-1] ** 2, axis=(1, 2)).reshape(3, 4).sum(axis=0)
        assert energy.argmax() == direction
        assert energy.max() > 0.5 * energy.sum()


def test_spatial_frequency_of_a_ramp_is_its_slope():
    rows, columns = np.mgrid[:16, :16].astype(np.float32)
    band = 0.03 * rows - 0.04 * columns
    frequency = pcnn.spatial_frequency(band)
    np.testing.assert_allclose(frequency[4:-4, 4:-4], 0.05, rtol=1e-4)


def test_firing_times_are_the_published_networks():
    stimulus = random_image((12, 14)).astype(np.float64)
    kernel = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 2.0
    kernel[::2, ::2] = np.sqrt(0.5)
    link = threshold = pulse = times = np.zeros_like(stimulus)
    for _ in range(200):
        link = link * np.exp(-1.0) + ndimage.convolve(
            pulse, kernel, mode="constant"
        )
        threshold = threshold * np.exp(-0.2) + 20 * pulse
        pulse = (stimulus * (1 + 3 * link) > threshold).astype(float)
        times = times + pulse
    np.testing.assert_array_equal(
        pcnn.firing_times(stimulus.astype(np.float32)), times
    )


def test_stronger_stimulus_fires_more_often():
    levels = [0.0, 0.05, 0.2, 0.8]
    times = [
        pcnn.firing_times(np.full((5, 5), level, np.float32))[2, 2]
        for level in levels
    ]
    assert times[0] == 0
    assert times == sorted(set(times))


def test_stronger_neighbours_make_a_neuron_fire_more_often():
    stimulus = np.zeros((5, 5), np.float32)
    stimulus[2, 2] = 0.2
    alone = pcnn.firing_times(stimulus)[2, 2]
    stimulus[stimulus == 0] = 0.9
    assert pcnn.firing_times(stimulus)[2, 2] > alone


def test_smooth_part_is_the_brighter_source():
    dark = np.full((33, 33), 0.2, np.float32)
    fused = pcnn.pcnn_fusion(dark, dark + np.float32(0.5))
    np.testing.assert_allclose(fused, 0.7, atol=1e-5)
