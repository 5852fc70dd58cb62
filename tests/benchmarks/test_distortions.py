"""Graded damage does what its name says."""

import numpy as np
import pytest

from benchmarks import distortions
from datasets.fusion import fuse


@pytest.fixture(scope="module")
def sources():
    rng = np.random.default_rng(0)
    mr = np.zeros((48, 48, 3), np.uint8)
    mr[8:40, 8:40] = rng.integers(60, 200, (32, 32, 1), np.uint8)
    functional = np.zeros_like(mr)
    functional[12:36, 12:36] = (200, 120, 30)
    return functional, mr


@pytest.mark.parametrize("name", distortions.DISTORTIONS)
def test_the_first_level_does_no_damage(sources, name):
    damage, levels = distortions.DISTORTIONS[name]
    fused = fuse(*sources, distortions.ALGORITHM)
    np.testing.assert_array_equal(damage(*sources, levels[0]), fused)


@pytest.mark.parametrize("name", distortions.DISTORTIONS)
def test_damage_grows_with_the_level(sources, name):
    damage, levels = distortions.DISTORTIONS[name]
    fused = fuse(*sources, distortions.ALGORITHM).astype(float)
    images = [damage(*sources, level) for level in levels]
    assert all(image.dtype == np.uint8 for image in images)
    errors = [np.abs(image - fused).mean() for image in images]
    assert errors[0] == 0
    assert (np.diff(errors) > 0).all()


def test_noise_has_the_stated_deviation():
    grey = np.full((64, 64, 3), 128, np.uint8)
    noisy = distortions.noise(grey, grey, 8)
    assert noisy.std() == pytest.approx(8, rel=0.05)
    assert (noisy == noisy[..., :1]).all()


def test_contrast_loss_spares_the_ground(sources):
    flat = distortions.contrast_loss(*sources, 0.3)
    fused = fuse(*sources, distortions.ALGORITHM)
    ground = np.maximum(*sources).max(axis=-1) <= 10
    np.testing.assert_array_equal(flat[ground], fused[ground])


def test_contrast_loss_of_a_black_pair_is_black():
    black = np.zeros((16, 16, 3), np.uint8)
    assert not distortions.contrast_loss(black, black, 0.5).any()


def test_misregistration_moves_the_mr(sources):
    functional, mr = sources
    moved = distortions.misregistration(functional, mr, 4)
    by_hand = fuse(functional, np.roll(mr, 4, axis=0), distortions.ALGORITHM)
    np.testing.assert_array_equal(moved, by_hand)
