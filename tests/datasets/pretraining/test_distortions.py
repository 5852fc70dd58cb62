"""Each damage does what its name says, more of it at each level."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from datasets.pretraining import distortions
from datasets.pretraining.slices import draw_slice

NAMES = list(distortions.DISTORTIONS)
GREY = np.full((128, 128, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def head():
    image = draw_slice(2, 128, seed=0, modality="MR")
    image.flags.writeable = False
    return image


def rng():
    return np.random.default_rng(7)


def damaged(image, name):
    levels = distortions.DISTORTIONS[name][1]
    return [
        distortions.distort(image, name, level, rng())
        for level in range(1, len(levels) + 1)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_similarity_falls_with_every_level_of_grey_bytes(head, name):
    images = damaged(head, name)
    similarity = [
        structural_similarity(image[..., 0], head[..., 0], data_range=255)
        for image in [head, *images]
    ]
    assert similarity[0] == 1
    assert (np.diff(similarity) < 0).all()
    for image, again in zip(images, damaged(head, name), strict=True):
        assert image.dtype == np.uint8
        assert image.shape == head.shape
        assert (image == image[..., :1]).all()
        np.testing.assert_array_equal(image, again)


@pytest.mark.parametrize("name", distortions.WITH_CHANCE)
def test_other_seeds_give_other_noise(head, name):
    other = distortions.distort(head, name, 2, np.random.default_rng(8))
    assert (other != damaged(head, name)[1]).any()


@pytest.mark.parametrize(
    "function", [distortions.white_noise, distortions.correlated_noise]
)
def test_noise_has_the_stated_deviation_and_spares_the_background(function):
    grey = GREY.copy()
    grey[:, :32] = 0
    noisy = function(grey, 8, rng())
    assert not noisy[:, :32].any()
    assert noisy[:, 32:].std() == pytest.approx(8, rel=0.05)


def test_noise_of_ct_has_little_power_at_both_ends_of_its_spectrum():
    noise = distortions.correlated_noise(GREY, 8, rng())[..., 0] - 128.0
    power = np.abs(np.fft.fft2(noise)) ** 2
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(128)] * 2))
    low, middle, high = (
        power[(radius > a) & (radius < b)].mean()
        for a, b in ((0, 0.03), (0.15, 0.25), (0.47, 0.5))
    )
    assert middle > 10 * max(low, high)


def test_ringing_leaves_the_middle_of_k_space_only():
    noise = rng().integers(60, 200, (64, 64, 1), np.uint8).repeat(3, axis=-1)
    spectrum = np.fft.fft2(distortions.ringing(noise, 0.5)[..., 0])
    outside = np.abs(np.fft.fftfreq(64)) > 0.25 + 1e-9
    kept = np.abs(spectrum[~outside][:, ~outside]).mean()
    assert np.abs(spectrum[outside]).mean() < 0.05 * kept


def test_contrast_loss_halves_what_is_shown_and_spares_the_ground():
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:4], image[4:6] = 100, 200
    flat = distortions.contrast_loss(image, 0.5)
    rows = [0, 0, 125, 125, 175, 175, 0, 0]
    assert (flat == np.array(rows)[:, None, None]).all()
    assert not distortions.contrast_loss(0 * image, 0.5).any()


def test_damage_is_dealt_in_rounds_without_repeats():
    dealt = distortions.draw(rng(), 30)
    assert len(set(dealt)) == 30
    assert {name for name, _ in dealt[: len(NAMES)]} == set(NAMES)
    assert dealt == distortions.draw(rng(), 30)
    everything = distortions.draw(rng(), 10**6)
    assert sorted(everything) == sorted(
        (name, level)
        for name, (_, levels) in distortions.DISTORTIONS.items()
        for level in range(1, len(levels) + 1)
    )
