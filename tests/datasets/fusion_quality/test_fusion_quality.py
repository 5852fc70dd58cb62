"""The TFDS builder, its configs and the records that it writes."""

import collections
import functools
import pathlib
import shutil
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle
from tensorflow_datasets.core.file_adapters import FileFormat

from datasets import fusion
from datasets.fusion_quality import canonical_writer
from datasets.fusion_quality import configs
from datasets.fusion_quality import features
from datasets.fusion_quality import fusion_quality_dataset_builder as module
from datasets.panel import readers
from g2npan_tf.core.errors import InputError
from tests import data_sets
from tests.custom_folder import rows_of
from tests.custom_folder import write_folder
from tests.data_sets import FOLDS
from tests.data_sets import build
from tests.data_sets import digests

ALGORITHMS = ("average", "laplacian_pyramid", "discrete_wavelet")
FOLDER = pathlib.Path(module.__file__).parent
SMALL_PHANTOM = configs.PhantomConfig(name="phantom_small", num_cases=10)
SMALL_RANDOM = configs.RandomFusionsConfig(
    name="random_small", per_pair=2, per_altered=1, num_cases=2
)


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


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    return build(tmp_path_factory.mktemp("phantom"), SMALL_PHANTOM)


@pytest.fixture(scope="module")
def groups(phantom):
    """The examples of each pair of a built data set."""
    groups = collections.defaultdict(list)
    for example in data_sets.examples(phantom):
        groups[example["pair_id"]].append(example)
    return groups


class FusionQualityTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = module.Builder
    # Ten pairs in each config's small version.
    SPLITS = dict.fromkeys(FOLDS, 2 * len(ALGORITHMS))
    BUILDER_CONFIG_NAMES_TO_TEST = (SMALL_PHANTOM, "whole_brain_atlas")


def test_configs_are_those_of_the_readme_phantom_first():
    # What was built with the heads of `phantom`, or with cases that are none,
    # is built anew: some have a version of their own.
    own = "reader_study reader_study_by_set distortions distortions_whole"
    assert {c.name: c.version for c in module.Builder.BUILDER_CONFIGS} == {
        **dict.fromkeys(("phantom", "whole_brain_atlas", "custom")),
        **dict.fromkeys(own.split(), "1.2.0"),
        "random_fusions": "1.1.0",
    }
    assert module.Builder.BUILDER_CONFIGS[0].name == "phantom"
    by_name = module.Builder.builder_configs
    assert by_name["distortions_whole"].is_whole
    assert not by_name["distortions"].is_whole
    # The scale of a user's scores is never guessed.
    custom = by_name["custom"]
    scale = (custom.mos_min, custom.mos_max, custom.lower_is_better)
    assert scale == (None, None, None)


@pytest.mark.parametrize(
    ("name", "size", "own"),
    [
        ("phantom", 128, "source_a source_b grades"),
        ("whole_brain_atlas", 128, "source_a source_b grades"),
        ("random_fusions", 128, "source_a source_b grades"),
        ("custom", 128, "sources mos_std mos_interval grades"),
        ("reader_study", 512, "grades contrast structure noise is_anchor"),
        ("distortions", 256, "deviation"),
        ("distortions_whole", 128, "deviation"),
    ],
)
def test_every_kind_has_what_is_trained_on_and_its_own(name, size, own):
    config = module.Builder.builder_configs[name]
    found, _ = features.describe_examples(config, ALGORITHMS)
    shared = "image reference mos pair_id case_id algorithm modality"
    assert set(found) == {*shared.split(), *own.split()}
    assert found["image"].shape == found["reference"].shape == (size, size, 3)


def test_each_pair_has_every_algorithm_once(groups):
    assert len(groups) == 10
    for examples in groups.values():
        names = sorted(e["algorithm"].decode() for e in examples)
        assert names == sorted(ALGORITHMS)


def test_every_fold_holds_every_modality():
    config = configs.PhantomConfig(name="phantom_15", num_cases=15)
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
        images = [e["image"] for e in examples if e["mos"] == best]
        for example in examples:
            reference = example["reference"]
            assert any(np.array_equal(image, reference) for image in images)


def test_stored_pixels_are_those_of_the_fusion(groups):
    for example in next(iter(groups.values())):
        sources = (example["source_a"], example["source_b"])
        fused = fusion.fuse(*sources, example["algorithm"].decode())
        np.testing.assert_array_equal(example["image"], fused)


def test_metadata_say_that_the_scores_are_simulated(phantom):
    assert data_sets.metadata(phantom) == {
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


def test_bytes_depend_on_neither_the_build_nor_the_memory(phantom, tmp_path):
    held = []
    to_one_image = functools.partial(module.bounded_shuffle, 2**14)
    add = shuffle.Shuffler._add_to_mem_buffer

    def watched(self, key, data):
        add(self, key, data)
        held.append(self._in_memory)

    with (
        mock.patch.object(module, "bounded_shuffle", to_one_image),
        mock.patch.object(shuffle.Shuffler, "_add_to_mem_buffer", watched),
    ):
        again = digests(build(tmp_path, SMALL_PHANTOM))
    assert not all(held)
    assert len(again) == len(FOLDS)
    assert again == digests(phantom)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ["phantom", "custom", "random"])
def test_beam_gives_the_same_bytes(name, phantom, tmp_path):
    pytest.importorskip("apache_beam")
    plain, config, folder = phantom, SMALL_PHANTOM, None
    if name == "custom":
        folder, config = write_folder(tmp_path / "custom", rows_of()), name
        plain = build(tmp_path / "plain", name, folder)
    if name == "random":
        folder, config = data_sets.DUMMY_DATA, SMALL_RANDOM
        plain = build(tmp_path / "plain", config, folder)
    beam = build(tmp_path / "beam", config, folder, "DirectRunner")
    assert digests(beam) == digests(plain)
    assert beam.info.metadata == plain.info.metadata


def test_random_fusions_say_what_they_are(tmp_path):
    built = build(tmp_path, SMALL_RANDOM, data_sets.DUMMY_DATA)
    rows = data_sets.examples(built)
    # Ten pairs and two heads, each with two images and an altered one.
    assert len(rows) == 12 * 3
    assert len({row["algorithm"] for row in rows}) == len(rows)
    for row in rows:
        assert row["mos"] == pytest.approx(np.mean(row["grades"]))
    assert data_sets.metadata(built) == {
        "scores": "simulated",
        "panel_version": readers.PANEL_VERSION,
        "num_readers": readers.NUM_READERS,
        "sampling": "resize",
        "seed": 0,
        "images": len(rows),
    }
    notes = SMALL_RANDOM.release_notes[SMALL_RANDOM.version]
    assert f"panel {readers.PANEL_VERSION}." in notes


def serialized(name):
    example = tf.train.Example()
    example.features.feature[name].int64_list.value.append(1)
    return example.SerializeToString()


def test_records_do_not_depend_on_the_order_of_features(tmp_path):
    one, two = serialized("one"), serialized("two")
    writer = canonical_writer.CanonicalWriter(file_format=FileFormat.TFRECORD)
    # Protocol buffers that are strung together are merged when read.
    writer.write(tmp_path / "a", [("key", one + two)])
    writer.write(tmp_path / "b", [("key", two + one)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_stored_records_are_canonical(phantom):
    files = [str(file) for file in data_sets.records(phantom)]
    for record in tf.data.TFRecordDataset(files).as_numpy_iterator():
        assert record == canonical_writer.canonical(record)


def test_bound_of_the_shuffle_ends_with_the_block_however_it_ends():
    default = shuffle.MAX_MEM_BUFFER_SIZE

    def fail():
        with canonical_writer.bounded_shuffle(10):
            assert shuffle.MAX_MEM_BUFFER_SIZE == 10
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert default == shuffle.MAX_MEM_BUFFER_SIZE


def test_pairs_are_loaded_one_at_a_time(tmp_path):
    loads = []
    (entry,) = module.phantom.list_pairs(1, 128, seed=0)

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


def test_failed_build_leaves_nothing_that_loads(atlas, tmp_path):
    damaged = atlas / "SPECT-MRI" / "MRI" / "21006.png"
    data = damaged.read_bytes()
    damaged.write_bytes(data[:300])
    with pytest.raises(InputError) as error:
        build(tmp_path / "data", "whole_brain_atlas", atlas)
    assert str(error.value).startswith(f"{damaged}: ")
    assert not list((tmp_path / "data").rglob("*.tfrecord*"))
    options = {"config": "whole_brain_atlas", "data_dir": tmp_path / "data"}
    failed = module.Builder(**options)
    with pytest.raises(AssertionError, match="could not find data"):
        failed.as_dataset(split="fold_0")

    damaged.write_bytes(data)
    repaired = build(tmp_path / "data", "whole_brain_atlas", atlas)
    assert repaired.info.splits.total_num_examples == 10 * len(ALGORITHMS)


def test_max_pairs_bounds_the_number_of_pairs(atlas):
    config = configs.WholeBrainAtlasConfig(name="seven", max_pairs=7)
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
