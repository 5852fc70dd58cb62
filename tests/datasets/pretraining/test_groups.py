"""Groups of a slice and its damaged versions."""

import dataclasses

import cv2
import numpy as np
import pytest

from datasets.pretraining import distortions
from datasets.pretraining import groups
from datasets.pretraining import similarity
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
    slice_ = group.source.load()
    first = next(iter(examples.values()))
    assert first["algorithm"] == "undamaged"
    assert first["mos"] == 5
    for example in examples.values():
        np.testing.assert_array_equal(decoded(example["reference"]), slice_)
    np.testing.assert_array_equal(decoded(first["image"]), slice_)


def test_each_kind_of_damage_is_there_and_named_with_its_level(examples):
    assert len(examples) == 15
    kinds = [e["algorithm"].rpartition("_") for e in examples.values()][1:]
    assert {name for name, _, _ in kinds} == set(distortions.DISTORTIONS)
    assert {level for _, _, level in kinds} <= set("1234")
    for key, example in examples.items():
        assert key == f"{example['pair_id']}/{example['algorithm']}"


def test_the_score_is_that_of_the_stored_image(examples):
    for example in examples.values():
        deviation = similarity.gradient_deviation(
            decoded(example["image"]), decoded(example["reference"])
        )
        assert example["deviation"] == deviation
        assert example["mos"] == similarity.to_mos(deviation)


def test_scores_spread_over_the_scale(examples):
    mos = np.array([example["mos"] for example in examples.values()])
    assert mos.min() < 2
    assert mos.std() > 0.8
    assert 2 < np.median(mos) < 4


def test_damage_hangs_on_slice_and_seed_only(group, examples):
    assert dict(groups.distorted_examples(group)) == examples
    other = dataclasses.replace(group, seed=4)
    assert dict(groups.distorted_examples(other)) != examples
