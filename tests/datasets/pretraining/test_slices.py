"""Slices without scores: where they come from and what case they are of."""

import os
import pathlib
import pickle

import cv2
import numpy as np
import pytest

from datasets import fusion_quality
from datasets import phantom
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
    pairs = [entry.load() for entry in entries]
    assert not {e.case_id for e in taken} & {e.case_id for e in entries}
    pictures = {
        source.tobytes()
        for pair in pairs
        for source in (pair.source_a, pair.source_b)
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
