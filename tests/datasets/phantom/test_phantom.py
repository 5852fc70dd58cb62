"""Drawn heads: what medical images show, the same bytes every time."""

import itertools
import types

import numpy as np
import pytest
from scipy import ndimage

from datasets.phantom import draw_slice
from datasets.phantom import list_pairs
from datasets.phantom import phantom_pair
from datasets.phantom.geometry import ellipse
from datasets.phantom.geometry import make_plane
from datasets.phantom.lesions import Lesion
from datasets.phantom.lesions import mass_effect
from datasets.phantom.modalities import colourise
from datasets.phantom.tissues import Tissue
from datasets.phantom.tissues import contrast

CASES = 24


@pytest.fixture(scope="module")
def pairs():
    entries = list_pairs(CASES, 128, seed=0)
    return [types.SimpleNamespace(**vars(e), **vars(e.load())) for e in entries]


@pytest.fixture(scope="module")
def maps():
    """Tissue maps at the size of the images, drawn apart from them."""
    return [
        draw_slice(np.random.default_rng([0, case]).spawn(3)[0], 256)[1][
            ::2, ::2
        ]
        for case in range(CASES)
    ]


@pytest.fixture(scope="module")
def shown(pairs, maps):
    """Pairs of an image and the tissues in it, by what it is an image of."""
    shown = {name: [] for name in ("PET", "SPECT", "CT", "T1", "T2")}
    for case, (pair, labels) in enumerate(zip(pairs, maps, strict=True)):
        modality = pair.modality.removesuffix("-MRI")
        shown[modality].append((pair.source_a, labels))
        shown[("T1", "T2")[case % 2]].append((pair.source_b, labels))
    return shown


def head_mask(image):
    return ndimage.binary_fill_holes(image.max(axis=-1) > 16)


@pytest.mark.parametrize("case", [11, 3, 0])
def test_case_depends_on_neither_the_number_nor_the_order_of_cases(pairs, case):
    alone = phantom_pair(case)
    for name in ("source_a", "source_b"):
        images = (getattr(pair, name) for pair in (alone, pairs[case]))
        np.testing.assert_array_equal(*images)


def test_another_seed_gives_other_images(pairs):
    other = phantom_pair(0, seed=1)
    assert not np.array_equal(pairs[0].source_b, other.source_b)


def test_every_case_has_an_anatomy_of_its_own(maps):
    for first, second in itertools.combinations(maps, 2):
        head = (first > 0) | (second > 0)
        assert np.mean(first[head] == second[head]) < 0.8


def test_six_neighbours_hold_every_modality_with_both_weightings(pairs, shown):
    cycle = ["PET-MRI", "SPECT-MRI", "CT-MRI"]
    assert [p.modality for p in pairs] == cycle * (CASES // 3)
    assert {len(images) for images in shown.values()} == {8, 12}
    assert pairs[4].case_id == "phantom_004"
    assert pairs[4].pair_id == "SPECT-MRI_phantom_004"


@pytest.mark.parametrize("size", [32, 100, 128])
def test_images_are_uint8_rgb_of_the_size(size):
    for entry in list_pairs(3, size, seed=3):
        pair = entry.load()
        for image in (pair.source_a, pair.source_b):
            assert image.shape == (size, size, 3)
            assert image.dtype == np.uint8


def test_size_changes_the_sampling_but_not_the_anatomy():
    small = phantom_pair(1).source_b[..., 0].astype(float)
    large = phantom_pair(1, 256).source_b[..., 0].astype(float)
    large = large.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.97


def test_mr_and_ct_are_grey_and_functional_images_coloured(shown):
    for name, images in shown.items():
        for image, _ in images:
            spread = np.ptp(image, axis=-1)
            if name in ("PET", "SPECT"):
                assert np.mean(spread > 60) > 0.1
            else:
                assert spread.max() == 0


def test_background_is_black(pairs, maps):
    for pair, labels in zip(pairs, maps, strict=True):
        air = ndimage.binary_erosion(labels == 0, iterations=3)
        air &= ~ndimage.binary_fill_holes(labels > 0)
        assert air.mean() > 0.25
        assert np.median(pair.source_a[air]) == 0
        assert pair.source_b[air].mean() < 4


def test_heads_of_both_sources_lie_on_each_other_inside_the_image(pairs):
    least = {"CT-MRI": 0.85, "SPECT-MRI": 0.7, "PET-MRI": 0.6}
    for pair in pairs:
        a, b = head_mask(pair.source_a), head_mask(pair.source_b)
        dice = 2 * np.sum(a & b) / (a.sum() + b.sum())
        assert dice > least[pair.modality], pair.pair_id
        grown = ndimage.binary_dilation(b, iterations=4)
        assert np.mean(grown[a]) > 0.97, pair.pair_id
        assert 0.2 < b.mean() < 0.7
        assert b[:, [0, -1]].mean() < 0.02


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("T1", (Tissue.WHITE, Tissue.GREY, Tissue.CSF)),
        ("T2", (Tissue.CSF, Tissue.GREY, Tissue.WHITE)),
    ],
)
def test_contrast_order_of_mr(shown, name, order):
    for image, labels in shown[name]:
        inside = [ndimage.binary_erosion(labels == t) for t in order]
        # Where there is too little of a tissue its mean says nothing.
        means = [image[mask].mean() for mask in inside if mask.sum() > 15]
        assert (np.diff(means) < 0).all()


def test_skull_is_brightest_in_ct_and_dark_in_mr(shown):
    for name in ("CT", "T1", "T2"):
        for image, labels in shown[name]:
            bone = image[labels == Tissue.BONE]
            brain = np.median(image[labels == Tissue.WHITE])
            if name == "CT":
                assert bone.mean() > 200 > brain
            else:
                assert np.median(bone) < 0.6 * brain


def test_cortex_takes_up_more_than_white_matter(shown):
    for image, labels in shown["PET"] + shown["SPECT"]:
        grey, white = (
            image[..., 0][labels == tissue].mean()
            for tissue in (Tissue.GREY, Tissue.WHITE)
        )
        assert grey > 1.3 * white


def test_functional_image_is_blurred_and_mr_is_sharp(pairs):
    f = np.abs(np.fft.fftfreq(128))
    fine = np.maximum(f[:, None], f) > 0.25
    for pair in (p for p in pairs if p.modality != "CT-MRI"):
        a, b = (
            np.abs(np.fft.fft2(image.mean(axis=-1)))
            for image in (pair.source_a, pair.source_b)
        )
        share_a, share_b = (s[fine].sum() / s.sum() for s in (a, b))
        assert share_a < 0.75 * share_b, pair.pair_id


@pytest.mark.parametrize(
    ("channel", "brightest_first"),
    [
        ("T2", (Tissue.OEDEMA, Tissue.WHITE, Tissue.BLEED)),
        ("CT", (Tissue.BLEED, Tissue.WHITE, Tissue.OEDEMA)),
        ("PET", (Tissue.TUMOUR, Tissue.GREY, Tissue.INFARCT)),
    ],
)
def test_lesions_have_the_contrast_of_their_kind(channel, brightest_first):
    assert (np.diff(contrast(np.array(brightest_first), channel)) < 0).all()


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
