"""The data set of the user's own images and scores."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets.fusion_quality import fusion_quality_dataset_builder as module
from g2npan_tf.core.errors import InputError
from tests.custom_folder import rows_of
from tests.custom_folder import with_readers
from tests.custom_folder import write_folder

FOLDS = [f"fold_{k}" for k in range(5)]


def build(data_dir, folder, config="custom"):
    builder = module.Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=folder)
    )
    return builder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("custom")
    rows = [
        {**row, "source_a": "pet.png", "source_b": "mri.png"}
        for row in with_readers(rows_of(6), 2)
    ]
    rows[0]["reader_2"] = ""
    data_dir = tmp_path_factory.mktemp("tfds")
    return build(data_dir, write_folder(folder, rows))


@pytest.fixture(scope="module")
def examples(base):
    split = base.as_dataset(split="+".join(FOLDS))
    return list(split.as_numpy_iterator())


def test_every_image_is_an_example_of_one_fold(base, examples):
    counts = [base.info.splits[fold].num_examples for fold in FOLDS]
    assert counts == [6, 3, 3, 3, 3]
    names = {(e["pair_id"], e["algorithm"]) for e in examples}
    assert len(names) == len(examples) == 18


def test_reference_is_the_image_of_the_best_mos(examples):
    best = {
        e["pair_id"]: e["image"] for e in examples if e["algorithm"] == b"third"
    }
    for example in examples:
        np.testing.assert_array_equal(
            example["reference"], best[example["pair_id"]]
        )


def test_scores_are_those_of_the_table(examples):
    (example,) = (
        e
        for e in examples
        if (e["pair_id"], e["algorithm"]) == (b"pair_1", b"second")
    )
    # Grades 43 and 45 of 100.
    np.testing.assert_allclose(example["grades"], [2.72, 2.8], rtol=1e-6)
    assert example["mos"] == pytest.approx(2.76)
    # Standard deviation .08 / sqrt 2; t of one degree is 12.706.
    assert example["mos_std"] == pytest.approx(0.0566, abs=1e-4)
    assert example["mos_interval"] == pytest.approx(0.508, abs=1e-3)
    assert example["sources"].shape == (2, 128, 128, 3)


def test_what_is_not_known_is_not_a_number(examples):
    (example,) = (
        e
        for e in examples
        if (e["pair_id"], e["algorithm"]) == (b"pair_0", b"first")
    )
    assert np.isnan(example["grades"]).tolist() == [False, True]
    assert np.isnan(example["mos_std"])
    assert np.isnan(example["mos_interval"])


def test_metadata_say_whose_scores_they_are(base):
    read_back = tfds.builder_from_directory(base.data_dir)
    metadata = read_back.info.metadata
    assert metadata["scores"] == "user's readers"
    assert metadata["sampling"] == "resize"
    assert metadata["num_readers"] == 2
    assert metadata["icc_single"] > 0.99
    assert "panel_version" not in metadata


def test_bad_rows_stop_the_build_and_are_all_named(tmp_path):
    rows = rows_of()
    folder = write_folder(tmp_path / "custom", rows, scale=None)
    config = module.CustomConfig(
        name="custom_mos", mos_min=1, mos_max=50, lower_is_better=False
    )
    with pytest.raises(InputError, match=r"5 problem.*line 4.*line 16"):
        build(tmp_path / "tfds", folder, config)
    assert not list((tmp_path / "tfds").rglob("*.tfrecord*"))


def test_missing_folder_says_the_layout(tmp_path):
    with pytest.raises(InputError, match=r"images, scores\.csv and scale"):
        build(tmp_path / "tfds", tmp_path / "none")
