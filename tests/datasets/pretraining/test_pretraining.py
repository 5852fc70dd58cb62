"""Slices without readers, their damage, and the scores of a formula."""

import dataclasses
import os
import pathlib
import pickle

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from datasets import fusion_quality
from datasets import phantom
from datasets.pretraining import distortions
from datasets.pretraining import groups
from datasets.pretraining import slices
from g2npan_tf.core.errors import InputError

DUMMY = pathlib.Path(fusion_quality.__file__).parent / "dummy_data"


def write(path, height=300, width=256, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width))
    cv2.imwrite(str(path), pixels.astype(np.uint8))
    return pixels


def listed(root, size=256, is_whole=False):
    return slices.list_slices(root, size, is_whole)


@pytest.mark.parametrize(
    ("folders", "cases"),
    [
        (5, [f"all/p{k}" for k in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)]),
        # Fewer than folds: every file is a case.
        (3, [f"all/p{k}/{n}" for k in range(3) for n in range(2)]),
    ],
)
def test_a_folder_with_slices_is_a_case(tmp_path, folders, cases):
    for case in range(folders):
        for number in range(2):
            write(tmp_path / f"all/p{case}/{number}.PNG")
    (tmp_path / "all/notes.txt").write_text("no image")
    entries = listed(tmp_path)
    assert [entry.case_id for entry in entries] == cases
    assert entries[0].pair_id == "all/p0/0"
    assert entries[0].modality == "unspecified"


def test_the_middle_is_cut_out_at_full_resolution(tmp_path):
    pixels = write(tmp_path / "a.png", 300, 262)
    (entry,) = listed(tmp_path)
    loaded = entry.load()
    assert loaded.shape == (256, 256, 3)
    np.testing.assert_array_equal(loaded[..., 0], pixels[22:278, 3:259])


def test_whole_slices_are_brought_to_the_size(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((60, 90), 77, np.uint8))
    (entry,) = listed(tmp_path, 128, is_whole=True)
    np.testing.assert_array_equal(entry.load(), np.full((128, 128, 3), 77))


def test_a_slice_that_is_too_small_names_the_other_way(tmp_path):
    write(tmp_path / "a.png", 255, 300)
    (entry,) = listed(tmp_path)
    with pytest.raises(InputError, match=r"a.png: 300x255 .*_whole") as caught:
        entry.load()
    assert "\n" not in str(caught.value)


def test_of_the_atlas_grey_slices_are_taken_with_their_patients():
    entries = listed(DUMMY, 128, is_whole=True)
    assert len({e.pair_id for e in entries}) == len(entries)
    found = {
        (e.pair_id.rsplit("_", 2)[0], e.modality, e.case_id.partition("_")[0])
        for e in entries
    }
    assert found == {
        ("CT-MRI_CT", "CT", "case"),
        ("CT-MRI_MRI", "MR", "case"),
        ("PET-MRI_MRI", "MR", "PET"),
        ("SPECT-MRI_MRI", "MR", "case"),
    }


def test_built_in_heads_are_of_one_case_each():
    entries = slices.list_phantoms(6, 64, seed=1)
    assert [e.modality for e in entries].count("CT") == 2
    assert len({e.case_id for e in entries}) == 6
    ct, mr = (e for e in entries if e.case_id == "head_002")
    assert (ct.modality, mr.modality) == ("CT", "MR")
    assert ct.load().shape == (64, 64, 3)
    assert (ct.load() != mr.load()).any()


@pytest.mark.parametrize("seed", [0, 3])
def test_built_in_heads_are_none_that_phantom_has(seed):
    taken = slices.list_phantoms(60, 32, seed)
    entries = phantom.list_pairs(60, 32, seed)
    assert not {e.case_id for e in taken} & {e.case_id for e in entries}
    pictures = {
        source.tobytes()
        for entry in entries
        for source in vars(entry.load()).values()
    }
    assert not pictures & {entry.load().tobytes() for entry in taken}
    # The same numbers do give the same pictures: the comparison can fail.
    assert slices.draw_slice(0, 32, seed, "MR").tobytes() in pictures


def test_entries_can_be_sent_to_other_processes(tmp_path):
    write(tmp_path / "a.png")
    for entry in (*listed(tmp_path), *slices.list_phantoms(1, 32, 0)):
        again = pickle.loads(pickle.dumps(entry))
        np.testing.assert_array_equal(again.load(), entry.load())


def test_a_folder_that_cannot_be_searched_is_named(tmp_path, monkeypatch):
    write(tmp_path / "a.png")
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def locked(path):
        if "locked" in os.fspath(path):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(InputError, match="locked: permission denied"):
        listed(tmp_path)


NAMES = list(distortions.DISTORTIONS)
GREY = np.full((128, 128, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def head():
    image = slices.draw_slice(2, 128, seed=0, modality="MR")
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


@pytest.fixture(scope="module")
def group():
    (entry,) = slices.list_phantoms(1, 128, seed=0)
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


def test_scores_are_those_of_stored_images_and_fill_the_scale(examples):
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
