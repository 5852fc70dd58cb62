"""The data sets of folders that somebody else made."""

import cv2
import numpy as np
import pytest

from datasets.fusion_quality.configs import CustomConfig
from datasets.fusion_quality.configs import DistortionsConfig
from datasets.pretraining.groups import SCORES
from datasets.pretraining.slices import draw_slice
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base as data
from tests import custom_folder
from tests import data_sets
from tests import study_folder
from tests.data_sets import FOLDS
from tests.data_sets import build
from tests.data_sets import examples


@pytest.fixture(scope="module")
def custom(tmp_path_factory):
    rows = [
        {**row, "source_a": "pet.png", "source_b": "mri.png"}
        for row in custom_folder.with_readers(custom_folder.rows_of(6), 2)
    ]
    rows[0]["reader_2"] = ""
    root = tmp_path_factory.mktemp("custom")
    custom_folder.write_folder(root / "data", rows)
    return build(root, "custom", root / "data")


def test_every_image_is_an_example_of_one_fold_with_its_scores(custom):
    counts = [custom.info.splits[fold].num_examples for fold in FOLDS]
    assert counts == [6, 3, 3, 3, 3]
    rows = examples(custom)
    assert len({(e["pair_id"], e["algorithm"]) for e in rows}) == len(rows)
    example = data_sets.example_of(rows, "pair_1", "second")
    # Grades 43 and 45 of 100.
    np.testing.assert_allclose(example["grades"], [2.72, 2.8], rtol=1e-6)
    assert example["mos"] == pytest.approx(2.76)
    # Standard deviation .08 / sqrt 2; t of one degree is 12.706.
    assert example["mos_std"] == pytest.approx(0.0566, abs=1e-4)
    assert example["mos_interval"] == pytest.approx(0.508, abs=1e-3)
    assert example["sources"].shape == (2, 128, 128, 3)
    # What is not known is not a number.
    example = data_sets.example_of(rows, "pair_0", "first")
    assert np.isnan(example["grades"]).tolist() == [False, True]
    assert np.isnan([example["mos_std"], example["mos_interval"]]).all()


def test_bad_rows_stop_the_build_and_are_all_named(tmp_path):
    rows = custom_folder.rows_of()
    folder = custom_folder.write_folder(tmp_path / "custom", rows, scale=None)
    scale = {"mos_min": 1, "mos_max": 50, "lower_is_better": False}
    config = CustomConfig(name="custom_mos", **scale)
    with pytest.raises(InputError, match=r"5 problem.*line 4.*line 16"):
        build(tmp_path / "tfds", config, folder)
    assert not list((tmp_path / "tfds").rglob("*.tfrecord*"))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    rows = study_folder.rows_of(5)
    rows[0]["r1_contrast_1_5"] = "44"
    root = tmp_path_factory.mktemp("study")
    folder = study_folder.write_folder(root / "data", rows)
    return build(root, "reader_study", folder)


def test_images_are_as_the_readers_saw_them_with_all_they_said(study):
    assert str(study.version) == "1.2.0"
    rows = examples(study)
    assert {row["image"].shape for row in rows} == {(512, 512, 3)}
    anchors = [row["algorithm"] for row in rows if row["is_anchor"]]
    assert sorted(anchors) == 10 * [b"LDCT"] + 10 * [b"NDCT"]
    # The first score was mistyped.
    example = data_sets.example_of(rows, "brain_set_01", "MTD")
    np.testing.assert_array_equal(example["contrast"], [np.nan, 4, 5])
    np.testing.assert_array_equal(example["structure"], [4, 3, 4])
    assert example["mos"] == pytest.approx((4.5 + 11 / 3) / 2)


@pytest.mark.parametrize("by_set", [False, True])
def test_folds_are_by_patient_or_by_set(study, by_set, tmp_path):
    if by_set:
        folder = study_folder.write_folder(tmp_path, study_folder.rows_of(5))
        study = build(tmp_path / "tfds", "reader_study_by_set", folder)
    folds = [examples(study, fold) for fold in FOLDS]
    organs = [{row["modality"] for row in rows} for rows in folds]
    cases = [{row["case_id"] for row in rows} for rows in folds]
    if by_set:
        assert organs == 5 * [{b"CT-brain", b"CT-abdomen"}]
        assert list(map(len, cases)) == 5 * [1]
    else:
        assert organs == [{b"CT-abdomen"}] + 4 * [{b"CT-brain"}]
        assert cases[0] == {b"abdomen"}
    assert data_sets.metadata(study)["caveat"].startswith("by set") == by_set


@pytest.mark.parametrize(
    ("name", "best"), [("custom", "third"), ("study", "NDCT")]
)
def test_reference_is_the_best_image_of_its_group(name, best, request):
    rows = examples(request.getfixturevalue(name))
    for row in rows:
        reference = data_sets.example_of(rows, row["pair_id"].decode(), best)
        np.testing.assert_array_equal(row["reference"], reference["image"])


TEN_SLICES = DistortionsConfig(name="ten", per_slice=2, max_slices=10)


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Five cases of three slices in a folder each."""
    root = tmp_path_factory.mktemp("slices")
    for case in range(5):
        (root / f"p{case}").mkdir()
        for number in range(3):
            pixels = draw_slice(case, 256, number, "MR")
            cv2.imwrite(str(root / f"p{case}/{number}.png"), pixels)
    return root


@pytest.fixture(scope="module")
def damaged(slices, tmp_path_factory):
    return build(tmp_path_factory.mktemp("tfds"), TEN_SLICES, slices)


def test_folders_give_tiled_groups_and_cases_are_never_split(damaged):
    for fold in FOLDS:
        rows = examples(damaged, fold)
        assert len({row["case_id"] for row in rows}) == 1
        assert len({row["pair_id"] for row in rows}) == 2
        assert len(rows) == 6
        assert rows[0]["image"].shape == (256, 256, 3)
    assert data.tiles_per_side(damaged) == 2


@pytest.mark.parametrize(
    ("name", "scores", "sampling", "fact"),
    [
        ("custom", "user's readers", "resize", ("num_readers", 2)),
        ("custom", "user's readers", "resize", ("rejected_readers", [])),
        ("study", "three radiologists", "tiles", ("num_readers", 3)),
        ("study", "three radiologists", "tiles", ("dropped_scores", 1)),
        ("damaged", SCORES, "tiles", ("slices", 10)),
    ],
)
def test_metadata_say_whose_scores(name, scores, sampling, fact, request):
    metadata = data_sets.metadata(request.getfixturevalue(name))
    assert (metadata["scores"], metadata["sampling"]) == (scores, sampling)
    assert fact in metadata.items()
    assert metadata["scores"] != "simulated"
    assert "panel_version" not in metadata
    assert "no readers" in SCORES


def test_without_a_folder_heads_are_drawn_whole(tmp_path):
    options = {"per_slice": 2, "num_cases": 5, "is_whole": True}
    whole = build(tmp_path, DistortionsConfig(name="whole", **options))
    rows = examples(whole)
    # Five MR slices and the CT of the third head.
    assert len(rows) == 6 * 3
    assert rows[0]["image"].shape == (128, 128, 3)
    assert whole.info.metadata["source"] == "built-in heads"
    assert data.tiles_per_side(whole) == 1
    for row in (r for r in rows if r["algorithm"] == b"undamaged"):
        np.testing.assert_array_equal(row["image"], row["reference"])


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(
    ("config", "layout"),
    [
        ("whole_brain_atlas", r"CT-MRI/\{CT,MRI\}"),
        ("custom", r"images, scores\.csv and scale"),
        ("reader_study", "reader study"),
        # Built-in heads take no folder's place.
        ("distortions", "PNG slices"),
    ],
)
def test_missing_folder_says_the_layout(tmp_path, config, layout, exists):
    folder = tmp_path / "manual"
    if exists:
        folder.mkdir()
        layout = rf"{layout}|scale of the scores|scores\.csv: no such file"
    with pytest.raises(InputError, match=layout) as error:
        build(tmp_path / "tfds", config, folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)
