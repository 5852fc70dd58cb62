"""Groups of a slice and its damaged versions, and their scores."""

import dataclasses

import cv2
import numpy as np
import pytest
from scipy import ndimage

from datasets.pretraining import distortions
from datasets.pretraining import groups
from datasets.pretraining.slices import list_phantoms


@pytest.fixture(scope="module")
def group():
    (entry,) = list_phantoms(1, 128, seed=0)
    return groups.DistortedGroup(entry, per_slice=14, seed=3)


@pytest.fixture(scope="module")
def examples(group):
    return dict(groups.distorted_examples(group))


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)


def test_the_slice_itself_is_first_the_best_and_the_reference(group, examples):
    first = next(iter(examples.values()))
    assert first["algorithm"] == "undamaged"
    assert first["mos"] == 5
    for png in (first["image"], *(e["reference"] for e in examples.values())):
        np.testing.assert_array_equal(decoded(png), group.source.load())


def test_each_kind_of_damage_is_there_and_named_with_its_level(examples):
    assert len(examples) == 15
    kinds = [e["algorithm"].rpartition("_") for e in examples.values()][1:]
    assert {name for name, _, _ in kinds} == set(distortions.DISTORTIONS)
    assert {level for _, _, level in kinds} <= set("1234")
    for key, example in examples.items():
        assert key == f"{example['pair_id']}/{example['algorithm']}"


def test_the_score_is_that_of_the_stored_image_and_spread_over_the_scale(
    examples,
):
    for example in examples.values():
        images = (decoded(example[name]) for name in ("image", "reference"))
        deviation = groups.gradient_deviation(*images)
        assert example["deviation"] == deviation
        assert example["mos"] == groups.to_mos(deviation)
    mos = np.array([example["mos"] for example in examples.values()])
    assert mos.min() < 2
    assert mos.std() > 0.8
    assert 2 < np.median(mos) < 4


def test_damage_hangs_on_slice_and_seed_only(group, examples):
    assert dict(groups.distorted_examples(group)) == examples
    other = dataclasses.replace(group, seed=4)
    assert dict(groups.distorted_examples(other)) != examples


def pattern():
    coarse = np.random.default_rng(0).integers(20, 240, (8, 8), np.uint8)
    grey = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
    return np.maximum(grey, 20)[..., np.newaxis].repeat(3, axis=-1)


def gradient(pixels):
    """The paper's, by scipy."""
    half = pixels[..., 0].reshape(32, 2, 32, 2).mean(axis=(1, 3))
    return np.hypot(
        *(ndimage.prewitt(half, axis, mode="mirror") / 3 for axis in (0, 1))
    )


def test_deviation_is_that_of_the_paper():
    reference = pattern()
    noise = np.random.default_rng(1).normal(0, 10, (64, 64, 1))
    image = np.clip(reference + noise, 0, 255).astype(np.uint8)
    one, two = gradient(image), gradient(reference)
    kept = (2 * one * two + 170) / (one**2 + two**2 + 170)
    found = groups.gradient_deviation(image, reference)
    assert found == pytest.approx(kept.std(), rel=1e-9)


@pytest.mark.parametrize("gain", [0, 1])
def test_equal_images_do_not_deviate_nor_do_black_ones(gain):
    assert groups.gradient_deviation(gain * pattern(), gain * pattern()) == 0


def test_black_around_the_slice_changes_nothing():
    reference = np.zeros((128, 128, 3), np.uint8)
    reference[32:96, 32:96] = pattern()
    image = cv2.GaussianBlur(reference, (0, 0), 1)
    alone = [x[16:112, 16:112].copy() for x in (image, reference)]
    found = groups.gradient_deviation(image, reference)
    assert found == pytest.approx(groups.gradient_deviation(*alone))


def test_scores_fall_from_5_and_stay_on_the_scale():
    mos = [groups.to_mos(d) for d in np.linspace(0, 1, 50)]
    assert mos[0] == 5
    assert min(mos) > 1
    assert (np.diff(mos) < 0).all()
    scale = groups.DEVIATION_SCALE
    assert groups.to_mos(scale) == pytest.approx(1 + 4 / np.e)
