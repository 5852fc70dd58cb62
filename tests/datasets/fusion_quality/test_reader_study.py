"""The data set of the radiologists' reader study."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets.fusion_quality import fusion_quality_dataset_builder as module
from g2npan_tf.core.errors import InputError
from tests.study_folder import rows_of
from tests.study_folder import write_folder

FOLDS = [f"fold_{k}" for k in range(5)]


def build(data_dir, folder, config="reader_study"):
    builder = module.Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=folder)
    )
    return builder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    rows = rows_of(5)
    rows[0]["r1_contrast_1_5"] = "44"
    folder = write_folder(tmp_path_factory.mktemp("study") / "data", rows)
    return build(tmp_path_factory.mktemp("tfds"), folder)


@pytest.fixture(scope="module")
def examples(base):
    split = base.as_dataset(split="+".join(FOLDS))
    return list(split.as_numpy_iterator())


def test_the_first_fold_is_the_patient_of_the_abdomen(base):
    organs = [
        {row["case_id"] for row in base.as_dataset(split=f).as_numpy_iterator()}
        for f in FOLDS
    ]
    assert organs[0] == {b"abdomen"}
    assert b"abdomen" not in set.union(*organs[1:])
    assert str(base.version) == "1.2.0"


def test_every_fold_by_set_holds_whole_sets_of_both_organs(tmp_path):
    folder = write_folder(tmp_path / "data", rows_of(5))
    base = build(tmp_path / "tfds", folder, "reader_study_by_set")
    metadata = tfds.builder_from_directory(base.data_dir).info.metadata
    assert metadata["caveat"] == "by set; abdomen of one patient"
    for fold in FOLDS:
        rows = list(base.as_dataset(split=fold).as_numpy_iterator())
        assert len(rows) == 8
        assert {row["modality"] for row in rows} == {b"CT-brain", b"CT-abdomen"}
        assert len({row["case_id"] for row in rows}) == 1


def test_reference_is_the_normal_dose_image_of_the_set(examples):
    normal = {
        e["pair_id"]: e["image"] for e in examples if e["algorithm"] == b"NDCT"
    }
    assert len(normal) == 10
    for example in examples:
        assert example["image"].shape == (512, 512, 3)
        np.testing.assert_array_equal(
            example["reference"], normal[example["pair_id"]]
        )


def test_single_scores_are_kept_and_mistyped_ones_are_not(examples):
    (example,) = (
        e
        for e in examples
        if (e["pair_id"], e["algorithm"]) == (b"brain_set_01", b"MTD")
    )
    np.testing.assert_array_equal(example["contrast"], [np.nan, 4, 5])
    np.testing.assert_array_equal(example["structure"], [4, 3, 4])
    assert example["mos"] == pytest.approx((4.5 + 11 / 3) / 2)


def test_anchors_are_flagged(examples):
    anchors = {e["algorithm"] for e in examples if e["is_anchor"]}
    assert anchors == {b"LDCT", b"NDCT"}
    assert sum(e["is_anchor"] for e in examples) == 20


def test_metadata_say_who_scored_and_how_to_sample(base):
    metadata = tfds.builder_from_directory(base.data_dir).info.metadata
    assert metadata["scores"] == "three radiologists"
    assert metadata["sampling"] == "tiles"
    assert metadata["dropped_scores"] == 1


def test_missing_folder_says_the_layout(tmp_path):
    with pytest.raises(InputError, match="reader study"):
        build(tmp_path / "tfds", tmp_path / "none")
