"""The data set of damaged slices."""

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets.fusion_quality import fusion_quality_dataset_builder as module
from datasets.fusion_quality.configs import DistortionsConfig
from datasets.pretraining.groups import SCORES
from datasets.pretraining.slices import draw_slice
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base as data

FOLDS = [f"fold_{k}" for k in range(5)]


def build(data_dir, manual_dir=None, **options):
    config = DistortionsConfig(name="small", per_slice=2, **options)
    builder = module.Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    return builder


def examples(builder, split="all"):
    return list(builder.as_dataset(split=split).as_numpy_iterator())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five cases of three slices in a folder each."""
    root = tmp_path_factory.mktemp("slices")
    for case in range(5):
        for number in range(3):
            pixels = draw_slice(case, 256, number, "MR")
            (root / f"p{case}").mkdir(exist_ok=True)
            cv2.imwrite(str(root / f"p{case}/{number}.png"), pixels)
    return root


@pytest.fixture(scope="module")
def base(folder, tmp_path_factory):
    return build(tmp_path_factory.mktemp("tfds"), folder, max_slices=10)


def test_both_ways_to_sample_have_a_config():
    configs = module.Builder.builder_configs
    assert not configs["distortions"].is_whole
    assert configs["distortions_whole"].is_whole


def test_folders_give_tiled_groups_and_cases_are_never_split(base):
    for fold in FOLDS:
        rows = examples(base, fold)
        assert len({row["case_id"] for row in rows}) == 1
        assert len({row["pair_id"] for row in rows}) == 2
        assert len(rows) == 6
        assert rows[0]["image"].shape == (256, 256, 3)
    assert data.tiles_per_side(base) == 2


def test_metadata_say_that_no_reader_scored(base, folder):
    metadata = tfds.builder_from_directory(base.data_dir).info.metadata
    assert metadata["scores"] == SCORES
    assert "no readers" in SCORES
    assert metadata["slices"] == 10
    assert metadata["source"] == folder.name


def test_without_a_folder_heads_are_drawn_whole_or_in_tiles(tmp_path):
    whole = build(tmp_path, num_cases=5, is_whole=True)
    rows = examples(whole)
    # Five MR slices and the CT of the third head.
    assert len(rows) == 6 * 3
    assert rows[0]["image"].shape == (128, 128, 3)
    assert whole.info.metadata["source"] == "built-in heads"
    assert data.tiles_per_side(whole) == 1
    best = [row for row in rows if row["algorithm"] == b"undamaged"]
    for row in best:
        np.testing.assert_array_equal(row["image"], row["reference"])


def test_two_builds_give_the_same_bytes(base, folder, tmp_path):
    again = build(tmp_path, folder, max_slices=10)
    for one, two in zip(
        *(sorted(b.data_path.glob("*.tfrecord*")) for b in (base, again)),
        strict=True,
    ):
        assert one.read_bytes() == two.read_bytes()


def test_a_folder_that_is_not_there_is_not_replaced_by_heads(tmp_path):
    with pytest.raises(InputError, match="PNG slices"):
        build(tmp_path / "tfds", tmp_path / "none")
