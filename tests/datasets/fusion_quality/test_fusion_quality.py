"""The TFDS builder of the fusion quality data set."""

import collections
import hashlib
import pathlib
import shutil
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from datasets import fusion
from datasets.fusion_quality import fusion_quality_dataset_builder as module
from datasets.fusion_quality.canonical_writer import canonical
from datasets.panel import readers
from g2npan_tf.core.errors import InputError

ALGORITHMS = ("average", "laplacian_pyramid", "discrete_wavelet")
FOLDS = [f"fold_{k}" for k in range(5)]
FOLDER = pathlib.Path(module.__file__).parent
SMALL_PHANTOM = module.PhantomConfig(name="phantom_small", num_cases=10)


@pytest.fixture(scope="module", autouse=True)
def few_algorithms():
    """Only fast algorithms: their number is not what is tested here."""
    few = {name: fusion.ALGORITHMS[name] for name in ALGORITHMS}
    with mock.patch.object(module, "ALGORITHMS", few):
        yield


@pytest.fixture
def atlas(tmp_path):
    """A writable copy of the dummy data."""
    source = FOLDER / "dummy_data"
    return pathlib.Path(shutil.copytree(source, tmp_path / "atlas"))


def build(config, data_dir, manual_dir=None):
    builder = module.Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    return builder


def digests(builder):
    files = sorted(pathlib.Path(builder.data_dir).glob("*.tfrecord*"))
    return {f.name: hashlib.sha256(f.read_bytes()).digest() for f in files}


@pytest.fixture(scope="module")
def phantom_base(tmp_path_factory):
    return build(SMALL_PHANTOM, tmp_path_factory.mktemp("phantom"))


@pytest.fixture(scope="module")
def groups(phantom_base):
    """The examples of each pair of a built data set."""
    groups = collections.defaultdict(list)
    for fold in FOLDS:
        split = phantom_base.as_dataset(split=fold)
        for example in split.as_numpy_iterator():
            groups[example["pair_id"]].append(example)
    return groups


class FusionQualityTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = module.Builder
    # Ten pairs in each config's small version.
    SPLITS = dict.fromkeys(FOLDS, 2 * len(ALGORITHMS))
    BUILDER_CONFIG_NAMES_TO_TEST = [  # noqa: RUF012
        SMALL_PHANTOM,
        "whole_brain_atlas",
    ]


def test_phantom_is_the_default_config():
    assert module.Builder.BUILDER_CONFIGS[0].name == "phantom"


def test_names_of_phantoms_are_those_of_the_drawn_pairs():
    for case in range(6):
        entry = module._phantom_entry(case, seed=3)
        pair = entry.load()
        assert entry.pair_id == pair.pair_id
        assert entry.case_id == pair.case_id
        assert entry.modality == pair.modality
        assert pair.source_a.shape == (128, 128, 3)


def test_each_pair_has_every_algorithm_once(groups):
    assert len(groups) == 10
    for examples in groups.values():
        names = sorted(e["algorithm"].decode() for e in examples)
        assert names == sorted(ALGORITHMS)


def test_every_fold_holds_every_modality(tmp_path):
    config = module.PhantomConfig(name="phantom_15", num_cases=15)
    entries = module._list_pairs(config, dl_manager=None)
    for fold in module.groups.split_by_case(entries):
        modalities = sorted(e.modality for e in fold)
        assert modalities == ["CT-MRI", "PET-MRI", "SPECT-MRI"]


def test_mos_is_the_mean_of_the_stored_grades(groups):
    for example in (e for examples in groups.values() for e in examples):
        grades = example["grades"]
        assert grades.shape == (readers.NUM_READERS,)
        assert set(grades) <= {1, 2, 3, 4, 5}
        assert example["mos"] == pytest.approx(np.mean(grades))


def test_reference_is_an_image_of_the_best_mos_of_its_group(groups):
    for examples in groups.values():
        best = max(e["mos"] for e in examples)
        for example in examples:
            reference = example["reference"]
            assert any(
                np.array_equal(e["image"], reference) and e["mos"] == best
                for e in examples
            )


def test_stored_pixels_are_those_of_the_fusion(groups):
    for example in next(iter(groups.values())):
        fused = fusion.fuse(
            example["source_a"],
            example["source_b"],
            example["algorithm"].decode(),
        )
        np.testing.assert_array_equal(example["image"], fused)


def test_metadata_say_that_the_scores_are_simulated(phantom_base):
    read_back = tfds.builder_from_directory(phantom_base.data_dir)
    assert read_back.info.metadata == {
        "scores": "simulated",
        "panel_version": readers.PANEL_VERSION,
        "num_readers": readers.NUM_READERS,
        "algorithms": list(ALGORITHMS),
        "sampling": "resize",
    }


def test_release_notes_name_the_panel_and_the_number_of_algorithms():
    notes = module.Builder.RELEASE_NOTES[str(module.Builder.VERSION)]
    assert f"{len(fusion.ALGORITHMS)} fusion algorithms" in notes, (
        "raise VERSION: the bytes of the data set have changed"
    )
    assert f"panel {readers.PANEL_VERSION}." in notes


def test_two_builds_give_the_same_bytes(phantom_base, tmp_path):
    again = digests(build(SMALL_PHANTOM, tmp_path))
    assert len(again) == len(FOLDS)
    assert again == digests(phantom_base)


def test_stored_records_are_canonical(phantom_base):
    files = list(pathlib.Path(phantom_base.data_dir).glob("*.tfrecord*"))
    records = tf.data.TFRecordDataset([str(file) for file in files])
    for record in records.as_numpy_iterator():
        assert record == canonical(record)


def test_pairs_are_loaded_one_at_a_time(tmp_path):
    loads = []
    entry = module._phantom_entry(0, seed=0)

    def load():
        loads.append(1)
        return entry.load()

    builder = module.Builder(config="phantom", data_dir=tmp_path)
    examples = builder._generate_examples(
        module.groups.Entry("pair", "case", "PET-MRI", load) for _ in range(3)
    )
    assert not loads
    for _ in ALGORITHMS:
        next(examples)
    assert len(loads) == 1


@pytest.mark.parametrize("exists", [True, False])
def test_empty_or_missing_manual_dir_says_the_layout(tmp_path, exists):
    manual_dir = tmp_path / "manual"
    if exists:
        manual_dir.mkdir()
    with pytest.raises(InputError, match=r"CT-MRI/\{CT,MRI\}") as error:
        build("whole_brain_atlas", tmp_path / "data", manual_dir)
    assert str(manual_dir) in str(error.value)
    assert "\n" not in str(error.value)


def test_failed_build_leaves_nothing_that_loads(atlas, tmp_path):
    damaged = atlas / "SPECT-MRI" / "MRI" / "21006.png"
    data = damaged.read_bytes()
    damaged.write_bytes(data[:300])
    with pytest.raises(InputError) as error:
        build("whole_brain_atlas", tmp_path / "data", atlas)
    assert str(error.value).startswith(f"{damaged}: ")
    assert not list((tmp_path / "data").rglob("*.tfrecord*"))
    failed = module.Builder(
        config="whole_brain_atlas", data_dir=tmp_path / "data"
    )
    with pytest.raises(AssertionError, match="could not find data"):
        failed.as_dataset(split="fold_0")

    damaged.write_bytes(data)
    repaired = build("whole_brain_atlas", tmp_path / "data", atlas)
    assert repaired.info.splits.total_num_examples == 10 * len(ALGORITHMS)


def test_max_pairs_bounds_the_number_of_pairs(atlas):
    config = module.WholeBrainAtlasConfig(name="seven", max_pairs=7)
    dl_manager = mock.Mock(manual_dir=atlas)
    assert len(module._list_pairs(config, dl_manager)) == 7


def test_builder_is_found_by_its_folder_as_tfds_build_does(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(FOLDER.parent), *sys.path])
    name = "fusion_quality.fusion_quality_dataset_builder"
    for loaded in (name, "fusion_quality"):
        monkeypatch.setitem(sys.modules, loaded, None)
        monkeypatch.delitem(sys.modules, loaded)
    builder_class = tfds.core.community.builder_cls_from_module(name)
    assert builder_class.name == "fusion_quality"
    assert builder_class.VERSION == module.Builder.VERSION
