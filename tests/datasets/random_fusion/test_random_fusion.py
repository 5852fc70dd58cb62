"""Algorithms drawn at random: their steps, their images and their groups."""

import dataclasses

import cv2
import numpy as np
import pytest

from datasets import fusion
from datasets import phantom
from datasets.atlas import list_atlas_pairs
from datasets.fusion_quality.features import IMAGE_SIZE
from datasets.random_fusion import algorithm
from datasets.random_fusion import groups
from datasets.random_fusion import measures
from datasets.random_fusion import rules
from datasets.random_fusion import sources
from datasets.random_fusion import transforms
from datasets.random_fusion.colours import COLOUR_MODELS
from datasets.random_fusion.damage import DAMAGE
from datasets.random_fusion.damage import motion_blur
from datasets.random_fusion.damage import shift
from datasets.random_fusion.kinds import Step
from datasets.random_fusion.kinds import draw_step
from datasets.random_fusion.kinds import take
from tests.data_sets import DUMMY_DATA

SIZES = [(1, 1), (1, 7), (2, 2), (33, 47)]
GREY = phantom.phantom_pair(2, 48)
COLOURED = phantom.phantom_pair(1, 48)


def random_image(shape=(33, 47), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def mean(a, b):
    return (a + b) / 2


def draws_of(table, name, count=4):
    """Steps of one kind."""
    rng = np.random.default_rng(0)
    return [draw_step({name: table[name]}, rng) for _ in range(count)]


def drawn(count, seed=0):
    return [
        algorithm.draw(np.random.default_rng([seed, number]))
        for number in range(count)
    ]


def made_by(described, pair):
    return algorithm.apply(described, pair.source_a, pair.source_b)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize(
    "name", sorted({*transforms.TRANSFORMS} - {"residual"})
)
def test_transforms_give_identical_sources_back(name, shape):
    image = random_image(shape)
    for step in draws_of(transforms.TRANSFORMS, name):
        fused = take(transforms.TRANSFORMS, step, image, image, mean, mean)
        assert fused.dtype == np.float32
        np.testing.assert_allclose(fused, image, rtol=0, atol=1e-5)


def test_residual_network_adds_what_its_strength_says():
    image = random_image()
    for step in draws_of(transforms.TRANSFORMS, "residual"):
        fused = take(transforms.TRANSFORMS, step, image, image, mean, mean)
        added = fused - image
        strength = dict(step.values)["strength"]
        assert added.std() == pytest.approx(strength, rel=1e-3)
        assert abs(added.mean()) < 1e-6


@pytest.mark.parametrize("name", measures.MEASURES)
def test_measures_are_of_the_images_shape_and_not_negative(name):
    values = random_image() - np.float32(0.5)
    for step in draws_of(measures.MEASURES, name):
        active = take(measures.MEASURES, step, values)
        assert active.shape == values.shape
        assert active.dtype == np.float32
        assert active.min() >= 0
        assert active.max() > 0


def test_entropy_of_two_equal_halves_is_one_bit():
    stripes = np.tile(np.array([0, 1], np.float32), (20, 10))
    # A window of 5 x 5 holds them two to three.
    bits = -(0.4 * np.log2(0.4) + 0.6 * np.log2(0.6))
    found = measures.entropy(stripes, side=5)
    np.testing.assert_allclose(found, bits, atol=1e-5)


def test_network_does_not_see_a_constant():
    flat = np.full((20, 20), 0.7, np.float32)
    assert measures.network(flat, filters=4, side=3, seed=1).max() < 1e-5


def test_soft_shares_are_the_softmax_of_logarithms():
    a, b = random_image(seed=1), random_image(seed=2)
    logs = 1.7 * np.log(np.stack([a, b]).astype(np.float64) + 1e-12)
    wanted = np.exp(logs[0]) / np.exp(logs).sum(axis=0)
    np.testing.assert_allclose(rules.share(a, b, 1.7), wanted, atol=1e-6)


@pytest.mark.parametrize("name", [*rules.DETAIL_RULES])
def test_rules_for_details_take_the_same_from_equal_images(name):
    image, active = random_image(seed=1), random_image(seed=2)
    for step in draws_of(rules.DETAIL_RULES, name):
        values = dict(step.values)
        images = (image, image, active, active)
        fused = take(rules.DETAIL_RULES, step, *images)
        gain = values["weight_a"] + values["weight_b"] if name == "add" else 1
        np.testing.assert_allclose(fused, gain * image, rtol=1e-5)


@pytest.mark.parametrize("name", [*rules.BASE_RULES])
def test_rules_for_rests_stay_between_both(name):
    a, b = random_image(seed=1), random_image(seed=2)
    for step in draws_of(rules.BASE_RULES, name):
        fused = take(rules.BASE_RULES, step, a, b)
        assert (fused <= np.maximum(a, b) + 1e-6).all()
        assert (fused >= np.minimum(a, b) - 1e-6).all()


@pytest.mark.parametrize(
    ("b", "weight"),
    # Equal, no match (one source alone), and a match of 0.8: (1 - 0.2/0.5)/2.
    [(1.0, 0.5), (-1.0, 1.0), (0.5, 1 - (0.5 - 0.5 * 0.2 / 0.5))],
)
def test_matching_coefficients_are_averaged_and_others_chosen(b, weight):
    a = np.full((9, 9), 1, np.float32)
    b = np.full((9, 9), b, np.float32)
    fused = rules.match(a, b, a + 1, b, side=3, threshold=0.5)
    np.testing.assert_allclose(fused, weight * a + (1 - weight) * b, atol=1e-5)


def test_gradients_are_joined_by_least_squares():
    a, b = random_image((5, 6), 1), random_image((5, 6), 2)
    unit = np.eye(30).reshape(30, 5, 6)
    rows, columns = (np.diff(unit, axis=k).reshape(30, -1).T for k in (1, 2))
    stiffness = 3.0
    root = np.sqrt(stiffness)
    equations = np.concatenate([np.eye(30), root * rows, root * columns])
    wanted = np.concatenate(
        [
            mean(a, b).ravel(),
            root * np.maximum(*(np.diff(x, axis=0).ravel() for x in (a, b))),
            root * np.maximum(*(np.diff(x, axis=1).ravel() for x in (a, b))),
        ]
    )
    solution = np.linalg.lstsq(equations, wanted, rcond=None)[0]
    fused = transforms.gradients(a, b, np.maximum, mean, stiffness)
    np.testing.assert_allclose(fused, solution.reshape(5, 6), atol=1e-5)


@pytest.mark.parametrize("name", COLOUR_MODELS)
def test_colour_models_give_an_unchanged_source_back(name):
    image = COLOURED.source_a.astype(np.float32) / 255
    for step in draws_of(COLOUR_MODELS, name):
        fused = take(COLOUR_MODELS, step, image, np.copy)
        if name == "faded":
            image_luma, luma = (
                cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (image, fused)
            )
            np.testing.assert_allclose(luma, image_luma, atol=1e-4)
        else:
            np.testing.assert_allclose(fused, image, atol=2e-3)


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_changes_an_image_and_keeps_its_form(name):
    for step in draws_of(DAMAGE, name):
        damaged = take(DAMAGE, step, COLOURED.source_a)
        assert damaged.shape == COLOURED.source_a.shape
        assert damaged.dtype == np.uint8
        again = take(DAMAGE, step, COLOURED.source_a)
        np.testing.assert_array_equal(damaged, again)
    assert (damaged != COLOURED.source_a).any()


def test_motion_blur_is_a_mean_along_its_line():
    image = np.zeros((9, 9, 3), np.uint8)
    image[4, 4] = 240
    blurred = motion_blur(image, length=2.0, angle=0.0)[..., 0]
    # A line of three pixels, whose ends are in by a half.
    np.testing.assert_array_equal(blurred[4, 2:7], [0, 60, 120, 60, 0])
    upright = motion_blur(image, length=2.0, angle=90.0)[..., 0]
    np.testing.assert_array_equal(upright, blurred.T)


def test_shift_by_whole_pixels_moves_them():
    image = random_image()
    moved = shift(image, right=2, down=-1)
    np.testing.assert_array_equal(moved[:-1, 2:], image[1:, :-2])


def test_draws_depend_on_their_seed_and_are_never_the_same():
    algorithms = drawn(3000)
    assert algorithms[:50] == drawn(50)
    assert len(set(algorithms)) == 3000
    assert not set(drawn(100, seed=1)) & set(algorithms)


def test_every_kind_of_step_is_drawn():
    algorithms = drawn(1500)
    fusions = [a.first for a in algorithms]
    tables = {
        "transform": transforms.TRANSFORMS,
        "measure": measures.MEASURES,
        "detail_rule": rules.DETAIL_RULES,
        "base_rule": rules.BASE_RULES,
    }
    for part, table in tables.items():
        assert {getattr(f, part).name for f in fusions} == set(table)
    assert {a.colour.name for a in algorithms} == set(COLOUR_MODELS)
    assert {s.name for a in algorithms for s in a.damage} == set(DAMAGE)
    undamaged = [a for a in algorithms if not a.damage]
    assert 0.6 < len(undamaged) / len(algorithms) < 0.8
    assert {a.tone.name for a in algorithms} == set(algorithm.TONES)
    assert {a.mixing.name for a in algorithms if a.mixing} == set(
        algorithm.MIXES
    )


@pytest.mark.parametrize("pair", [GREY, COLOURED])
def test_images_are_reproducible_and_sources_untouched(pair):
    copies = pair.source_a.copy(), pair.source_b.copy()
    for described in drawn(40):
        image = made_by(described, pair)
        assert image.dtype == np.uint8
        assert image.shape == pair.source_a.shape
        assert image.tobytes() == made_by(described, pair).tobytes()
    np.testing.assert_array_equal(pair.source_a, copies[0])
    np.testing.assert_array_equal(pair.source_b, copies[1])


def test_enlarged_fusion_is_shrunk_to_the_sources_size():
    plain = next(a for a in drawn(40) if not a.damage and not a.is_enlarged)
    large = dataclasses.replace(plain, is_enlarged=True)
    small, shrunk = made_by(plain, COLOURED), made_by(large, COLOURED)
    assert shrunk.shape == small.shape
    assert (shrunk != small).any()
    assert np.abs(shrunk.astype(int) - small).mean() < 10


def test_two_grey_sources_give_grey_and_a_coloured_one_gives_colour():
    colours = 0
    for described in drawn(60):
        assert fusion.color.is_grey(made_by(described, GREY))
        image = made_by(described, COLOURED)
        swapped = algorithm.apply(
            described, COLOURED.source_b, COLOURED.source_a
        )
        # Which of both is the coloured one makes no difference.
        np.testing.assert_array_equal(image, swapped)
        colours += not fusion.color.is_grey(image)
    assert colours > 0.9 * 60


def test_no_image_is_one_of_a_named_algorithm_or_a_source():
    known = {
        fusion.fuse(COLOURED.source_a, COLOURED.source_b, name).tobytes()
        for name in fusion.ALGORITHMS
    }
    known |= {COLOURED.source_a.tobytes(), COLOURED.source_b.tobytes()}
    images = [made_by(a, COLOURED).tobytes() for a in drawn(100)]
    assert not known & set(images)
    assert len(set(images)) == len(images)


def test_plainest_description_is_the_mean_of_both():
    plain = algorithm.Fusion(
        transform=Step("pixels", (("part", 0.0),)),
        measure=Step("magnitude"),
        detail_rule=Step("constant", (("weight", 0.5),)),
        base_rule=Step("maximum"),
        gain=1.0,
        bias=1.0,
    )
    a, b = random_image(seed=1), random_image(seed=2)
    np.testing.assert_allclose(
        algorithm.join(plain, a, b), (a + b) / 2, atol=1e-6
    )


def test_altered_sources_keep_grey_grey_and_differ():
    changed = 0
    for number in range(20):
        rng = np.random.default_rng(number)
        altered = sources.alter(COLOURED, rng)
        assert fusion.color.is_grey(altered.source_b)
        assert altered.source_a.dtype == np.uint8
        assert altered.source_a.shape == COLOURED.source_a.shape
        changed += (altered.source_a != COLOURED.source_a).any()
        grey = sources.alter(GREY, np.random.default_rng(number))
        assert fusion.color.is_grey(grey.source_a)
    assert changed == 20


def test_window_maps_its_ends_to_black_and_white():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=-1)
    shown = sources.window(ramp, low=0.2, high=0.8).ravel()[::3]
    assert (shown[:52] == 0).all()
    assert (shown[204:] == 255).all()
    assert shown[127] == pytest.approx(127, abs=2)


@pytest.fixture
def entries():
    return list_atlas_pairs(DUMMY_DATA, IMAGE_SIZE)


def test_groups_have_the_names_of_the_atlas(entries):
    made = groups.make_groups(entries, per_pair=3, per_altered=2, seed=0)
    plain = [g for g in made if not g.is_altered]
    assert [(g.pair_id, g.case_id, g.modality) for g in plain] == [
        (e.pair_id, e.case_id, e.modality) for e in entries
    ]
    altered = [g for g in made if g.is_altered]
    assert [(g.pair_id, g.case_id) for g in altered] == [
        (f"{e.pair_id}_altered", e.case_id) for e in entries
    ]
    without = groups.make_groups(entries, per_pair=3, per_altered=0, seed=0)
    assert without == plain


def test_images_do_not_depend_on_how_many_there_are(entries):
    def first_two(count, seed=0):
        group = groups.RandomGroup(entries[0], count, seed, is_altered=False)
        return [
            (key, example["image"], example["algorithm"], example["mos"])
            for key, example in groups.random_examples(group)
        ][:2]

    assert first_two(2) == first_two(4)
    assert first_two(2) != first_two(2, seed=1)


def test_groups_share_a_reference_and_no_algorithm(entries):
    made = groups.make_groups(entries[:2], per_pair=3, per_altered=2, seed=0)
    names, keys = set(), set()
    for group in made:
        examples = list(groups.random_examples(group))
        best = max(example["mos"] for _, example in examples)
        (reference,) = {example["reference"] for _, example in examples}
        images = [e["image"] for _, e in examples if e["mos"] == best]
        assert reference in images
        names |= {example["algorithm"] for _, example in examples}
        keys |= {key for key, _ in examples}
    assert len(names) == len(keys) == 2 * (3 + 2)
    assert all(name.startswith("random_") for name in names)


def test_scores_use_the_whole_scale():
    pairs = phantom.list_pairs(6, IMAGE_SIZE, 0, groups.FIRST_HEAD)
    mos = [
        example["mos"]
        for group in groups.make_groups(pairs, 25, 0, seed=0)
        for _, example in groups.random_examples(group)
    ]
    counts, _ = np.histogram(mos, [1, 2, 3, 4, 5])
    assert (counts > 0.04 * len(mos)).all()
    assert 0.8 < np.std(mos) < 1.3


def test_drawn_heads_are_none_of_the_phantom_config():
    ours = phantom.list_pairs(3, 32, 0, groups.FIRST_HEAD)
    theirs = phantom.list_pairs(3, 32, 0)
    assert not {e.case_id for e in ours} & {e.case_id for e in theirs}
    assert [e.modality for e in ours] == [e.modality for e in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.load().source_b != other.load().source_b).any()
