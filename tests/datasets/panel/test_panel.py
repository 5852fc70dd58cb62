"""The simulated panel: its criteria; grades that mean something and stay."""

import types

import cv2
import numpy as np
import pytest
from skimage import color

from datasets.atlas import list_atlas_pairs
from datasets.atlas import select_pairs
from datasets.fusion import fuse
from datasets.panel import criteria
from datasets.panel import readers
from datasets.pretraining import distortions
from g2npan_tf.core.errors import InputError

EVERYWHERE = np.ones((32, 32), np.float32)
# Q^AF of equal edges and of half the strength, from the published constants.
BEST = 0.9994 / (1 + np.exp(-7.5)) * 0.9879 / (1 + np.exp(-4.4))
HALF = 0.9994 / 2 * 0.9879 / (1 + np.exp(-4.4))


def texture(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (32, 32)).astype(np.float32)


def square(level):
    image = np.zeros((32, 32), np.float32)
    image[8:24, 8:24] = level
    return image


def flat(rgb):
    return np.full((16, 16, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("source", "fused", "low", "high"),
    [
        (200, 200, BEST - 1e-4, BEST + 1e-4),
        (200, 100, HALF - 5e-4, HALF + 5e-4),
        # Faint edges cannot earn full marks.
        (10, 10, 0, 0.3),
    ],
)
def test_edges_are_kept_as_worked_by_hand(source, fused, low, high):
    source = square(source)
    kept = criteria.edges_kept(source, source, square(fused), EVERYWHERE)
    assert ((low < kept) & (kept < high)).all()


def test_lost_edges_of_one_source_are_not_made_up_by_the_other():
    columns, rows = np.zeros((2, 32, 32), np.float32)
    columns[:, 16:] = 200
    rows[16:] = 200
    kept = criteria.edges_kept(columns, rows, columns, EVERYWHERE)
    assert kept[0] > 0.9
    assert kept[1] < 0.1


def test_colour_difference_of_flat_colours_agrees_with_scikit_image():
    wanted, got = flat((220, 120, 20)), flat((160, 140, 90))
    pair = np.array([wanted[0, 0], got[0, 0]]) / 255.0
    lightness, red, blue = np.subtract(*color.rgb2lab(pair))
    expected = np.hypot(np.hypot(lightness / 2, red), blue)
    found = criteria.colour_difference(wanted, got)
    assert found == pytest.approx(expected, rel=0.01)


def test_colour_difference_ignores_what_lies_beside_the_uptake():
    functional = np.zeros((32, 32, 3), np.uint8)
    functional[4:12, 4:12] = (250, 150, 10)
    fused = functional.copy()
    fused[24:] = 200
    assert criteria.colour_difference(functional, fused) < 0.1


def test_bone_weighs_more_than_soft_tissue_of_a_ct():
    ct = np.full((32, 32, 3), 60, np.uint8)
    ct[:, 20:] = 250
    no_bone, no_tissue = ct.copy(), ct.copy()
    no_bone[:, 20:] = 190
    no_tissue[:, :20] = 0
    of_bone, of_tissue = (
        criteria.colour_difference(ct, image) for image in (no_bone, no_tissue)
    )
    assert of_bone > of_tissue


@pytest.mark.parametrize(
    ("weak", "gain", "expected"),
    # Against the better source; more than it has is no gain.
    [(0.1, 0.5, 0.5), (1.0, 2.0, 1.0)],
)
def test_contrast_is_a_share_of_the_better_sources(weak, gain, expected):
    a = texture(0)
    kept = criteria.contrast_kept(weak * a, a, gain * a, EVERYWHERE)
    assert kept == pytest.approx(expected, abs=1e-3)


def test_a_linear_mix_of_the_sources_has_no_artefacts():
    a, b = texture(0), texture(1)
    mix = 0.7 * a + 0.2 * b + 10
    assert criteria.disturbance(a, b, mix, EVERYWHERE) < 1e-3


def test_unexplained_structure_is_that_of_least_squares():
    a, b, f = texture(0), texture(1), texture(2)
    found = criteria._unexplained(a, b, f, size=9)[16, 16]
    window = np.s_[12:21, 12:21]
    design = [a[window].ravel(), b[window].ravel(), np.ones(81)]
    residual = np.linalg.lstsq(np.stack(design, 1), f[window].ravel())[1][0]
    assert found == pytest.approx(np.sqrt(residual / 81), rel=1e-2)


def test_ringing_on_the_black_ground_disturbs():
    head = np.zeros((32, 32), np.float32)
    head[:, :16] = 1
    a = texture(0) * head
    ringing = a + 40 * (1 - head) * (np.indices(head.shape)[1] % 2)
    assert criteria.disturbance(a, a, ringing, head) > 0.3


@pytest.mark.parametrize(
    ("blue", "expected"), [(100, False), (108, False), (109, True)]
)
def test_colour_needs_more_than_eight_levels(blue, expected):
    assert criteria.is_colour(flat((100, 100, blue))) is expected


@pytest.mark.parametrize("name", ["source_a", "source_b", "fused"])
@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((16, 16, 3), np.float32),
        np.zeros((16, 16), np.uint8),
        np.zeros((16, 16, 4), np.uint8),
        np.zeros((0, 16, 3), np.uint8),
    ],
)
def test_measure_refuses_other_than_uint8_rgb(name, wrong):
    images = dict.fromkeys(("source_a", "source_b", "fused"), flat(9))
    with pytest.raises(InputError, match=r"must be uint8"):
        criteria.measure(**{**images, name: wrong})


def test_measure_names_the_image_of_another_shape():
    with pytest.raises(InputError, match=r"source_b .*\[16, 16, 3\]"):
        criteria.measure(flat(9), flat(9)[:-1], flat(9))


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


def test_grades_are_integers_from_1_to_5_of_readers_who_differ(synthetic):
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
