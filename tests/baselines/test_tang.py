import sys

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.baselines.tang import component_score
from g2npan_tf.baselines.tang import decompose
from g2npan_tf.baselines.tang import firing_times
from g2npan_tf.baselines.tang import tang
from tests.fused_triple import textured

# The package's attribute of that name is the function.
module = sys.modules[tang.__module__]


SHAPE = (48, 64)


def blurred(image, sigma):
    smooth = ndimage.gaussian_filter(image.astype(float), sigma)
    return np.rint(smooth).astype(np.uint8)


def test_blur_and_lost_contrast_lower_the_value():
    image = textured(0, SHAPE)
    blurs = [tang(image), *(tang(blurred(image, s)) for s in (1.0, 2.0))]
    contrasts = [tang(textured(0, SHAPE, d)) for d in (40, 20, 10)]
    for values in (blurs, contrasts):
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 3


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (1, 1), (1, 9, 3)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_image_is_worth_nothing(shape, level):
    assert tang(np.full(shape, level, np.uint8)) == 0


@pytest.mark.parametrize(
    "image", [textured(0, (33, 47)), np.where(textured(0, SHAPE) > 128, 255, 0)]
)
def test_value_is_bounded_repeats_and_leaves_its_input(image):
    image = image.astype(np.uint8)
    before = image.copy()
    value = tang(image)
    assert isinstance(value, float)
    assert 0 < value < 200
    assert tang(image) == tang(np.stack([image] * 3, axis=-1)) == value
    np.testing.assert_array_equal(image, before)


def test_value_is_the_geometric_mean_of_both_components(monkeypatch):
    monkeypatch.setattr(
        module, "decompose", lambda grey: np.array([1.0, 2.0, 6.0, 12.0])
    )
    monkeypatch.setattr(module, "component_score", float)
    # Detail (1 + 2 + 6) / 3, the smooth part last.
    assert tang(textured(0, SHAPE)) == 6.0


@pytest.mark.parametrize(
    ("times", "score"),
    [([[0, 0, 0, 2], [9, 5, 4, 4]], 22 / 4), ([[7] * 4] * 2, 7)],
)
def test_component_score_is_the_mean_of_the_times_above_the_mean(
    times, score, monkeypatch
):
    times = np.array(times, np.float32)
    monkeypatch.setattr(module, "firing_times", lambda stimulus: times)
    assert component_score(np.ones((2, 4), np.float32)) == score


def test_sign_does_not_matter_and_rounding_does_not_fire():
    band = np.zeros((9, 9), np.float32)
    band[4, 4] = 0.3
    assert component_score(band) == component_score(-band) > 0
    faint = band / 200
    assert component_score(faint) == 0
    assert firing_times(faint).max() > 0
    np.testing.assert_array_equal(faint, band / 200)


def random_image(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (33, 47), (128, 128)])
def test_sum_of_the_bands_is_the_image(shape):
    image = random_image(shape)
    bands = decompose(image)
    assert bands.shape == (13, *shape)
    np.testing.assert_allclose(bands.sum(axis=0), image, atol=1e-6)


def test_bands_move_with_the_image():
    image = ndimage.gaussian_filter(random_image((128, 128)), 1.0)
    moved = decompose(image[3:, 5:])[:, 48:-48, 48:-48]
    bands = decompose(image)[:, 51:-48, 53:-48]
    np.testing.assert_allclose(moved, bands, atol=1e-3)


def test_each_direction_has_its_band():
    rows, columns = np.mgrid[:64, :64]
    waves = [columns, rows + columns, rows, rows - columns]
    for direction, wave in enumerate(waves):
        image = np.cos(wave * np.pi / 4).astype(np.float32)
        bands = decompose(image)[:, 16:-16, 16:-16]
        energy = np.sum(bands[:-1] ** 2, axis=(1, 2)).reshape(3, 4).sum(axis=0)
        assert energy.argmax() == direction
        assert energy.max() > 0.5 * energy.sum()


def test_firing_times_are_the_published_networks():
    stimulus = random_image((12, 14))
    kernel = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 2.0
    kernel[::2, ::2] = np.sqrt(0.5)
    link = threshold = pulse = times = np.zeros(stimulus.shape)
    for _ in range(200):
        link = link * np.exp(-1.0) + ndimage.convolve(
            pulse, kernel, mode="constant"
        )
        threshold = threshold * np.exp(-0.2) + 20 * pulse
        pulse = (stimulus * (1 + 3 * link) > threshold).astype(float)
        times = times + pulse
    np.testing.assert_array_equal(firing_times(stimulus), times)
    assert firing_times(np.zeros((5, 5), np.float32)).max() == 0
