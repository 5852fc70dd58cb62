"""The Whole Brain Atlas: its layout, and which pairs are chosen."""

import collections
import csv
import pathlib
import shutil

import cv2
import numpy as np
import pytest

from datasets import atlas as atlas_module
from datasets import fusion_quality
from datasets.atlas import list_atlas_pairs
from datasets.atlas import select_pairs
from datasets.groups import Entry
from g2npan_tf.core.errors import InputError

DUMMY_DATA = pathlib.Path(fusion_quality.__file__).parent / "dummy_data"
DUMMY_IDS = {
    "CT-MRI": ("16003", "16005", "21004"),
    "PET-MRI": ("25020", "25030", "30040", "30050"),
    "SPECT-MRI": ("3008", "3012", "21006"),
}
# Slices of each case in the public repository.
ATLAS_SIZES = {
    "CT-MRI": (18, 18, 17, 16, 18, 17, 21, 20),
    "PET-MRI": (94, 82, 93),
    "SPECT-MRI": (37, 14, 17, 34, 17, 19, 17, 36, 16, 29, 37, 14),
}


@pytest.fixture
def atlas(tmp_path):
    """A writable copy of the dummy data."""
    return pathlib.Path(shutil.copytree(DUMMY_DATA, tmp_path / "atlas"))


def draw_dummy(file_id, colour):
    """A head of three ellipses, BGR or grey `[256, 256]`."""
    image = np.zeros((256, 256, 3), np.uint8)
    case, position = int(file_id[:-3]), int(file_id[-3:])
    inner = (60 + case % 7 * 4, 80 - position % 9 * 3)
    tones = ((60, 0, 0), (0, 140, 250), (0, 240, 250))
    if not colour:
        tones = ((200,) * 3, (90 + case,) * 3, (30,) * 3)
    for axes, tone in zip(((90, 110), inner, (15, 30)), tones, strict=True):
        cv2.ellipse(image, (128, 128), axes, case, 0, 360, tone, -1)
    return image if colour else image[..., 0]


def test_dummy_data_are_drawn_and_small():
    for modality, folders in atlas_module.ATLAS_FOLDERS.items():
        for file_id in DUMMY_IDS[modality]:
            for folder in folders:
                file = DUMMY_DATA / modality / folder / f"{file_id}.png"
                colour = folder in ("PET", "SPECT")
                pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
                expected = draw_dummy(file_id, colour)
                np.testing.assert_array_equal(pixels, expected)
                assert file.stat().st_size < 2000


@pytest.mark.parametrize(
    ("name", "expected"),
    [("16003.png", ("16", "003")), ("3008.png", ("3", "008"))],
)
def test_last_three_digits_of_a_name_are_the_slice(name, expected):
    assert atlas_module.split_atlas_name(pathlib.Path("CT", name)) == expected


@pytest.mark.parametrize("name", ["003", "0003", "16_003", "a16003", "16003b"])
def test_file_of_another_name_is_named(atlas, name):
    for folder in ("CT", "MRI"):
        file = atlas / "CT-MRI" / folder / "16003.png"
        file.rename(file.with_stem(name))
    with pytest.raises(InputError, match="expected the case number") as error:
        list_atlas_pairs(atlas, 128)
    file = atlas / "CT-MRI" / "CT" / f"{name}.png"
    assert str(error.value).startswith(f"{file}: ")


def test_pairs_are_listed_by_modality_case_and_slice(caplog):
    entries = list_atlas_pairs(DUMMY_DATA, 128)
    assert "20 files with another SHA-256" in caplog.text
    assert [e.pair_id for e in entries] == [
        f"{modality}_{file_id[:-3]}_{file_id[-3:]}"
        for modality, ids in DUMMY_IDS.items()
        for file_id in ids
    ]


def test_one_patient_in_two_modalities_is_one_case():
    entries = list_atlas_pairs(DUMMY_DATA, 128)
    case_of = {e.pair_id: e.case_id for e in entries}
    assert case_of["CT-MRI_21_004"] == case_of["SPECT-MRI_21_006"]
    assert len(set(case_of.values())) == 5


def test_images_are_brought_to_size_by_area_averaging():
    pair = list_atlas_pairs(DUMMY_DATA, 128)[3].load()
    pixels = draw_dummy("25020", colour=True)[..., ::-1]
    blocks = pixels.reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert pair.source_a.dtype == np.uint8
    np.testing.assert_allclose(pair.source_a, blocks, atol=0.5)


def test_grey_sources_have_three_equal_channels():
    pair = list_atlas_pairs(DUMMY_DATA, 128)[0].load()
    for source in (pair.source_a, pair.source_b):
        assert source.shape == (128, 128, 3)
        assert np.ptp(source, axis=-1).max() == 0


def test_files_beside_the_images_are_ignored(atlas):
    (atlas / "pairs.csv").write_text("modality,id\n")
    (atlas / "CT-MRI" / "CT" / ".DS_Store").write_text("")
    assert len(list_atlas_pairs(atlas, 128)) == 10


@pytest.mark.parametrize("folder", ["CT", "MRI"])
def test_missing_partner_is_named(atlas, folder):
    missing = atlas / "CT-MRI" / folder / "16005.png"
    missing.unlink()
    with pytest.raises(InputError, match="expected the partner") as error:
        list_atlas_pairs(atlas, 128)
    assert str(error.value).startswith(f"{missing}: missing")


@pytest.mark.parametrize("keep_folder", [True, False])
def test_empty_or_missing_folder_says_the_layout(atlas, keep_folder):
    folder = atlas / "SPECT-MRI" / "SPECT"
    shutil.rmtree(folder)
    if keep_folder:
        folder.mkdir()
    with pytest.raises(InputError, match=r"PET-MRI/\{PET,MRI\}") as error:
        list_atlas_pairs(atlas, 128)
    assert str(error.value).startswith(f"{folder}: no PNG files")


@pytest.mark.parametrize("damage", ["truncated", "text", "gone"])
def test_unreadable_file_names_itself(atlas, damage):
    file = atlas / "CT-MRI" / "CT" / "16003.png"
    entry = list_atlas_pairs(atlas, 128)[0]
    data = file.read_bytes()
    file.write_bytes(data[:200] if damage == "truncated" else b"not a PNG")
    if damage == "gone":
        file.unlink()
    with pytest.raises(InputError, match="expected a PNG source") as error:
        entry.load()
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("shape_a", "shape_b", "message"),
    [
        ((256, 256), (250, 256), "256x250 pixels; expected 256x256 as in"),
        ((256, 250), (256, 250), "250x256 pixels; expected a square image"),
        ((64, 64), (64, 64), "expected a square image of at least 128x128"),
    ],
)
def test_wrong_size_is_refused(atlas, shape_a, shape_b, message):
    for folder, shape in (("CT", shape_a), ("MRI", shape_b)):
        file = atlas / "CT-MRI" / folder / "16003.png"
        cv2.imwrite(str(file), np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=message):
        list_atlas_pairs(atlas, 128)[0].load()


@pytest.mark.real
def test_ids_give_case_and_slice_of_all_real_pairs(shared_data, caplog):
    root = shared_data / "whole_brain_atlas"
    with (root / "pairs.csv").open() as file:
        rows = [
            f"{row['modality']}_{row['case']}_{row['slice']}"
            for row in csv.DictReader(file)
        ]
    entries = list_atlas_pairs(root, 128)
    assert len(entries) == 701
    assert {e.pair_id for e in entries} == set(rows)
    assert not caplog.text


@pytest.mark.real
def test_ct_and_spect_of_real_case_21_show_one_patient(shared_data):
    pairs = {
        e.pair_id: e.load().source_b
        for e in list_atlas_pairs(shared_data / "whole_brain_atlas", 128)
        if e.case_id == "case_21"
    }
    for position in range(5, 21):
        np.testing.assert_array_equal(
            pairs[f"CT-MRI_21_{position:03d}"],
            pairs[f"SPECT-MRI_21_{position:03d}"],
        )


def entries_of(sizes):
    """Entries that nobody loads; a case per number, of that many slices."""
    return [
        Entry(f"{m}_{c}_{s:03d}", f"{m}_{c}", m, None)
        for m, counts in sizes.items()
        for c, count in enumerate(counts)
        for s in range(count)
    ]


def test_default_choice_is_120_colour_and_9_grey_pairs_spread_over_cases():
    chosen = select_pairs(entries_of(ATLAS_SIZES), 129)
    counts = collections.Counter(e.case_id for e in chosen)
    grey = [counts[case] for case in counts if case.startswith("CT")]
    assert sorted(grey) == [1] * 7 + [2]
    colour = [counts[case] for case in counts if not case.startswith("CT")]
    assert colour == [8] * 15


def test_slices_of_a_case_are_evenly_spaced():
    chosen = select_pairs(entries_of({"PET-MRI": (10,)}), 2)
    assert [e.pair_id[-3:] for e in chosen] == ["002", "007"]


@pytest.mark.parametrize("count", [1, 5, 129, 400, 650, 701, 900])
def test_as_many_distinct_pairs_as_asked_for_are_chosen(count):
    entries = entries_of(ATLAS_SIZES)
    chosen = select_pairs(entries, count)
    assert len({e.pair_id for e in chosen}) == min(count, 701)
    assert chosen == [e for e in entries if e in chosen]


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_pair_is_refused(count):
    with pytest.raises(InputError, match="must be at least 1"):
        select_pairs(entries_of(ATLAS_SIZES), count)
