import itertools

import numpy as np
import pytest
from scipy import ndimage

from datasets.phantom import draw_slice
from datasets.phantom import phantom_pair
from datasets.phantom import phantom_pairs
from datasets.phantom.geometry import ellipse
from datasets.phantom.geometry import make_plane
from datasets.phantom.lesions import Lesion
from datasets.phantom.lesions import mass_effect
from datasets.phantom.modalities import colourise
from datasets.phantom.tissues import Tissue
from datasets.phantom.tissues import contrast
from g2npan_tf.core.errors import InputError

CASES = 24


@pytest.fixture(scope="module")
def pairs():
    return list(phantom_pairs(CASES))


@pytest.fixture(scope="module")
def maps():
    """Tissue maps at the size of the images, drawn apart from them."""
    maps = []
    for case in range(CASES):
        rng = np.random.default_rng([0, case]).spawn(3)[0]
        maps.append(draw_slice(rng, 256)[1][::2, ::2])
    return maps


def head_mask(image):
    return ndimage.binary_fill_holes(image.max(axis=-1) > 16)


def mean_of(image, labels, tissue):
    """Mean grey well inside a tissue, or None when there is too little."""
    inside = ndimage.binary_erosion(labels == tissue)
    return image[inside].mean() if inside.sum() > 15 else None


def is_above(first, second):
    return first is None or second is None or first > second


def weighting(pair, name):
    return int(pair.case_id[-3:]) % 2 == ("T1", "T2").index(name)


def test_same_seed_gives_same_bytes(pairs):
    for first, second in zip(pairs, phantom_pairs(6), strict=False):
        assert first.source_a.tobytes() == second.source_a.tobytes()
        assert first.source_b.tobytes() == second.source_b.tobytes()


def test_another_seed_gives_other_images(pairs):
    other = phantom_pair(0, seed=1)
    assert not np.array_equal(pairs[0].source_b, other.source_b)


def test_case_depends_on_neither_the_number_nor_the_order_of_cases(pairs):
    for case in (11, 3):
        alone = phantom_pair(case)
        assert alone.source_a.tobytes() == pairs[case].source_a.tobytes()
        assert alone.source_b.tobytes() == pairs[case].source_b.tobytes()
        assert alone.pair_id == pairs[case].pair_id


def test_every_case_has_an_anatomy_of_its_own(maps):
    for first, second in itertools.combinations(maps, 2):
        head = (first > 0) | (second > 0)
        assert np.mean(first[head] == second[head]) < 0.8


def test_six_neighbours_hold_every_modality_with_both_weightings(pairs):
    found = {(p.modality, weighting(p, "T1")) for p in pairs[:6]}
    assert len(found) == 6
    cycle = ["PET-MRI", "SPECT-MRI", "CT-MRI"]
    assert [p.modality for p in pairs[:6]] == cycle * 2


def test_names_hold_modality_and_case(pairs):
    assert pairs[4].case_id == "phantom_004"
    assert pairs[4].pair_id == "SPECT-MRI_phantom_004"
    assert len({p.pair_id for p in pairs}) == CASES


@pytest.mark.parametrize("size", [32, 100, 128])
def test_images_are_uint8_rgb_of_the_size(size):
    for pair in phantom_pairs(3, size):
        for image in (pair.source_a, pair.source_b):
            assert image.shape == (size, size, 3)
            assert image.dtype == np.uint8


def test_size_changes_the_sampling_but_not_the_anatomy():
    small = phantom_pair(1).source_b[..., 0].astype(float)
    large = phantom_pair(1, 256).source_b[..., 0].astype(float)
    large = large.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.97


def test_mr_and_ct_are_grey_and_functional_images_coloured(pairs):
    for pair in pairs:
        assert np.all(pair.source_b == pair.source_b[..., :1])
        spread = np.ptp(pair.source_a, axis=-1)
        if pair.modality == "CT-MRI":
            assert spread.max() == 0
        else:
            assert np.mean(spread > 60) > 0.1


def test_background_is_black(pairs, maps):
    for pair, labels in zip(pairs, maps, strict=True):
        air = ndimage.binary_erosion(labels == 0, iterations=3)
        air &= ~ndimage.binary_fill_holes(labels > 0)
        assert air.mean() > 0.25
        assert np.median(pair.source_a[air]) == 0
        assert pair.source_b[air].mean() < 4


def test_heads_of_both_sources_lie_on_each_other(pairs):
    least = {"CT-MRI": 0.85, "SPECT-MRI": 0.7, "PET-MRI": 0.6}
    for pair in pairs:
        a, b = head_mask(pair.source_a), head_mask(pair.source_b)
        dice = 2 * np.sum(a & b) / (a.sum() + b.sum())
        assert dice > least[pair.modality], pair.pair_id
        grown = ndimage.binary_dilation(b, iterations=4)
        assert np.mean(grown[a]) > 0.97, pair.pair_id


def test_heads_lie_inside_the_image_and_fill_it(pairs):
    for pair in pairs:
        mask = head_mask(pair.source_b)
        assert 0.2 < mask.mean() < 0.7
        assert mask[:, [0, -1]].mean() < 0.02


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("T1", (Tissue.WHITE, Tissue.GREY, Tissue.CSF)),
        ("T2", (Tissue.CSF, Tissue.GREY, Tissue.WHITE)),
    ],
)
def test_contrast_order_of_mr(pairs, maps, name, order):
    for pair, labels in zip(pairs, maps, strict=True):
        if weighting(pair, name):
            means = [mean_of(pair.source_b, labels, t) for t in order]
            assert is_above(means[0], means[1]), pair.pair_id
            assert is_above(means[0], means[2]), pair.pair_id
            assert is_above(means[1], means[2]), pair.pair_id


def test_skull_is_brightest_in_ct_and_dark_in_mr(pairs, maps):
    for pair, labels in zip(pairs, maps, strict=True):
        bone, brain = labels == Tissue.BONE, labels == Tissue.WHITE
        if pair.modality == "CT-MRI":
            assert pair.source_a[bone].mean() > 200
            assert np.median(pair.source_a[brain]) < 200
        white = np.median(pair.source_b[brain])
        assert np.median(pair.source_b[bone]) < 0.6 * white


def test_cortex_takes_up_more_than_white_matter(pairs, maps):
    for pair, labels in zip(pairs, maps, strict=True):
        if pair.modality != "CT-MRI":
            red = pair.source_a[..., 0]
            grey = red[labels == Tissue.GREY].mean()
            assert grey > 1.3 * red[labels == Tissue.WHITE].mean()


def test_functional_image_is_blurred_and_mr_is_sharp(pairs):
    for pair in pairs:
        if pair.modality != "CT-MRI":
            a, b = (
                np.fft.fft2(image.mean(axis=-1))
                for image in (pair.source_a, pair.source_b)
            )
            f = np.abs(np.fft.fftfreq(128))
            fine = np.maximum(f[:, None], f) > 0.25
            share = [np.abs(s[fine]).sum() / np.abs(s).sum() for s in (a, b)]
            assert share[0] < 0.75 * share[1], pair.pair_id


def test_lesions_have_the_contrast_of_their_kind():
    labels = np.array([Tissue.WHITE, Tissue.OEDEMA, Tissue.BLEED])
    white, oedema, bleed = contrast(labels, "T2")
    assert oedema > white > bleed
    white, oedema, bleed = contrast(labels, "CT")
    assert bleed > white > oedema
    hot, grey, cold = contrast(
        np.array([Tissue.TUMOUR, Tissue.GREY, Tissue.INFARCT]), "PET"
    )
    assert hot > grey > 2 * cold


def test_most_slices_have_a_lesion_and_some_have_none(maps):
    kinds = (Tissue.TUMOUR, Tissue.RIM, Tissue.OEDEMA, Tissue.INFARCT)
    sick = [np.isin(m, (*kinds, Tissue.BLEED)).sum() > 5 for m in maps]
    assert 0.5 < np.mean(sick) < 1


def test_mass_effect_pushes_tissue_away_from_the_lesion():
    plane = make_plane(64, 128.0, 0.0, (0.0, 0.0))
    sick = Lesion("tumour", (20.0, 0.0), 10.0, 4.0)
    pushed = mass_effect(plane, sick)
    before = np.hypot(plane.x - 20, plane.y)
    assert np.all(np.hypot(pushed.x - 20, pushed.y) < before)
    healthy = Lesion("none", (20.0, 0.0), 10.0, 0.0)
    assert np.array_equal(mass_effect(plane, healthy).x, plane.x)


def test_ellipse_is_a_distance_on_a_circle():
    plane = make_plane(64, 64.0, 0.0, (0.0, 0.0))
    expected = np.hypot(plane.x - 3, plane.y) - 10
    circle = ellipse(plane, (3, 0), (10, 10), 30)
    np.testing.assert_allclose(circle, expected, atol=1e-4)


@pytest.mark.parametrize("channel", ["PET", "SPECT"])
def test_colours_start_at_black_and_are_all_different(channel):
    colours = colourise(np.linspace(0.2, 1, 64), channel)
    assert len(np.unique(colours, axis=0)) == 64
    assert colourise(np.zeros(1), channel).max() == 0


@pytest.mark.parametrize("bad", [(0, 128, 0), (3, 16, 0), (3, 128, -1)])
def test_bad_numbers_raise_at_the_call(bad):
    with pytest.raises(InputError, match="num_cases >= 1"):
        phantom_pairs(*bad)
