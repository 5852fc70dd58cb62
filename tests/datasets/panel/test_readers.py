"""The simulated panel: grades that mean something and never change."""

import types

import cv2
import numpy as np
import pytest

from datasets.atlas import list_atlas_pairs
from datasets.atlas import select_pairs
from datasets.fusion import fuse
from datasets.panel import criteria
from datasets.panel import readers
from datasets.pretraining import distortions


def fused(pair, source_b=None):
    source_b = pair.source_b if source_b is None else source_b
    return fuse(pair.source_a, source_b, "laplacian_pyramid")


def noisy(image, sd):
    draws = np.random.default_rng(0).normal(0.0, sd, (*image.shape[:2], 1))
    return distortions.to_uint8(image + draws)


def without_colour(image, gain):
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    return distortions.to_uint8(luma + gain * (image.astype(np.float64) - luma))


# Choice: levels from none or just visible to useless.
DAMAGE = {
    "blur": (distortions.gaussian_blur, (0.01, 0.5, 1, 1.5, 2, 3)),
    "noise": (noisy, (0, 4, 8, 16, 32, 64)),
    "contrast_loss": (distortions.contrast_loss, (1, 0.85, 0.7, 0.5, 0.3, 0.1)),
    "colour_loss": (without_colour, (1, 0.8, 0.6, 0.4, 0.2)),
    "misregistration": (None, (0, 0.25, 0.5, 1, 2, 4)),
    "jpeg": (distortions.jpeg, (100, 75, 50, 30, 15, 5)),
}


def damaged(pair, name, level):
    """A good fusion, damaged; or the fusion of an MR that was shifted down."""
    if name != "misregistration":
        return DAMAGE[name][0](fused(pair), level)
    shift = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, level]])
    size = pair.source_b.shape[1::-1]
    shifted = cv2.warpAffine(
        pair.source_b, shift, size, flags=cv2.INTER_LANCZOS4
    )
    return fused(pair, shifted)


def synthetic_pair(seed, kind):
    """A round head: textured MR with a skull, and warm uptake or bone."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((64, 64)) - 31.5
    radius = np.hypot(rows, columns)
    folds = cv2.GaussianBlur(rng.normal(size=(64, 64)), (0, 0), 1.5)
    mr = np.where(radius < 25, 110 + 350 * folds, 0)
    mr = np.where((radius > 27) & (radius < 30), 180, mr)
    mr = mr.clip(0, 255).astype(np.uint8)[..., np.newaxis].repeat(3, axis=-1)
    coarse = cv2.GaussianBlur(rng.normal(size=(64, 64)), (0, 0), 5)
    if kind == "colour":
        uptake = np.where(radius < 24, 0.5 + 4 * coarse, 0).clip(0, 1)
        other = uptake[..., np.newaxis] * (255, 130, 20)
    else:
        bone = np.where((radius > 25) & (radius < 30), 240, 0)
        tissue = np.where(radius <= 25, 90 + 400 * coarse, bone)
        other = tissue.clip(0, 255)[..., np.newaxis].repeat(3, axis=-1)
    return types.SimpleNamespace(
        source_a=other.astype(np.uint8), source_b=mr, modality=kind
    )


@pytest.fixture(scope="module")
def synthetic():
    return [synthetic_pair(i, k) for i in range(3) for k in ("colour", "grey")]


@pytest.fixture
def real(shared_data):
    entries = list_atlas_pairs(shared_data / "whole_brain_atlas", 128)
    return [
        types.SimpleNamespace(modality=entry.modality, **vars(entry.load()))
        for entry in select_pairs(entries, 23)
    ]


@pytest.fixture
def pairs(request):
    return request.getfixturevalue(request.param)


both_kinds = pytest.mark.parametrize(
    "pairs",
    ["synthetic", pytest.param("real", marks=pytest.mark.real)],
    indirect=True,
)


@both_kinds
@pytest.mark.parametrize("name", DAMAGE)
def test_graded_damage_lowers_the_mos(pairs, name):
    if name == "colour_loss":
        pairs = [p for p in pairs if p.modality != "grey"]
    rows = []
    for level in DAMAGE[name][1]:
        judged = []
        for i, pair in enumerate(pairs):
            image = damaged(pair, name, level)
            images = (pair.source_a, pair.source_b, image)
            grades = readers.grade(*images, f"{i}/{name}/{level}")
            judged.append((readers.score(*images), readers.mos(grades)))
        rows.append(np.mean(judged, axis=0))
    scores, mos = np.array(rows).T
    assert len(scores) >= 5
    # Scores fall at each level; the grades may tie at the scale's end.
    assert (np.diff(scores) < 0).all()
    assert (np.diff(mos) < (0.15 if len(pairs) < 10 else 0.05)).all()
    assert mos[-1] < mos[0] - 1.5


@both_kinds
def test_a_source_alone_is_worse_than_a_good_fusion(pairs):
    for modality in {pair.modality for pair in pairs}:
        scores = [
            [
                readers.score(pair.source_a, pair.source_b, image)
                for image in (fused(pair), pair.source_a, pair.source_b)
            ]
            for pair in pairs
            if pair.modality == modality
        ]
        good, *alone = np.mean(scores, axis=0)
        assert good > max(alone) + 0.5, modality


def graded(pair, key):
    return readers.grade(pair.source_a, pair.source_b, fused(pair), key)


@pytest.mark.parametrize(
    ("gain", "key", "grades", "score"),
    [
        (1.0, "pinned/d", [3, 2, 2, 2, 2, 3, 2, 3], 2.534),
        (0.9, "pinned/f", [2, 2, 3, 2, 2, 2, 2, 2], 1.973),
    ],
)
def test_grades_of_this_version_stay(gain, key, grades, score):
    # Other numbers here need another PANEL_VERSION.
    assert readers.PANEL_VERSION == "1.1.0"
    # No random numbers, so that only the panel can change the grades.
    rows, columns = np.indices((48, 48))
    waves = 128 + 100 * np.sin(rows * columns / 60)
    mr = waves.astype(np.uint8)[..., np.newaxis].repeat(3, axis=-1)
    uptake = np.where(np.hypot(rows - 24, columns - 24) < 16, 1.0, 0.2)
    functional = (uptake[..., np.newaxis] * (240, 120, 40)).astype(np.uint8)
    image = np.rint(gain * fuse(functional, mr, "laplacian_pyramid"))
    images = (functional, mr, image.astype(np.uint8))
    assert readers.grade(*images, key).tolist() == grades
    assert readers.score(*images) == pytest.approx(score, abs=2e-3)


def test_grades_are_integers_from_1_to_5_of_readers_unlike_each_other(
    synthetic,
):
    grades = np.array([graded(synthetic[1], str(i)) for i in range(100)])
    assert grades.dtype == np.int32
    assert grades.shape == (100, readers.NUM_READERS)
    assert 1 <= grades.min() < grades.max() <= 5
    assert np.ptp(grades.mean(axis=0)) > 0.4


def test_same_key_gives_same_grades_and_another_key_others(synthetic):
    first = graded(synthetic[0], "pair/a")
    np.testing.assert_array_equal(first, graded(synthetic[0], "pair/a"))
    others = [graded(synthetic[0], f"pair/{i}") for i in range(20)]
    assert any((first != other).any() for other in others)


def test_readers_differ_in_what_they_look_at(synthetic):
    sources = (synthetic[0].source_a, synthetic[0].source_b)
    grey = without_colour(fused(synthetic[0]), 0.6)
    blurred = cv2.GaussianBlur(fused(synthetic[0]), (0, 0), 0.8)
    opinions = [
        readers._opinions(criteria.measure(*sources, image))
        for image in (grey, blurred)
    ]
    assert np.ptp(np.subtract(*opinions)) > 0.3


def test_mos_of_many_draws_is_the_score(synthetic):
    pair = synthetic[0]
    score = readers.score(pair.source_a, pair.source_b, fused(pair))
    grades = [graded(pair, str(i)) for i in range(400)]
    assert np.mean(grades) == pytest.approx(score, abs=0.1)


def test_readers_errors_are_standard_normal_and_independent():
    draws = np.array([readers._normal_draws(str(i)) for i in range(4000)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.07)
    covariance = np.cov(draws.T)
    np.testing.assert_allclose(covariance, np.eye(len(covariance)), atol=0.1)


@pytest.mark.parametrize("level", [0, 1, 255])
@pytest.mark.parametrize("size", [1, 2, 32])
def test_constant_images_are_graded(level, size):
    flat = np.full((size, size, 3), level, np.uint8)
    assert 1 <= readers.mos(readers.grade(flat, flat, flat, "flat")) <= 5
    assert 1 <= readers.score(flat, flat, flat) <= 5


def test_black_fusion_of_a_head_is_the_worst(synthetic):
    for pair in synthetic:
        black = np.zeros_like(pair.source_b)
        assert readers.score(pair.source_a, pair.source_b, black) < 1.3
