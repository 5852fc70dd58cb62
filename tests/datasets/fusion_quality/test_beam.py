"""The data set built by Apache Beam, and with little memory."""

import functools
import hashlib
import pathlib
from unittest import mock

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from datasets import fusion
from datasets.fusion_quality import fusion_quality_dataset_builder as module
from tests.custom_folder import rows_of
from tests.custom_folder import write_folder

ALGORITHMS = ("average", "laplacian_pyramid")


@pytest.fixture(scope="module", autouse=True)
def few_algorithms():
    few = {name: fusion.ALGORITHMS[name] for name in ALGORITHMS}
    with mock.patch.object(module, "ALGORITHMS", few):
        yield


def build(config, data_dir, manual_dir=None, beam_runner=None):
    builder = module.Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=manual_dir, beam_runner=beam_runner
        )
    )
    return builder


def digests(builder):
    files = sorted(pathlib.Path(builder.data_dir).glob("*.tfrecord*"))
    return {f.name: hashlib.sha256(f.read_bytes()).digest() for f in files}


def phantom():
    return module.PhantomConfig(name="phantom_small", num_cases=5)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return digests(build(phantom(), tmp_path_factory.mktemp("plain")))


@pytest.mark.filterwarnings("default")
def test_beam_gives_the_same_bytes(base, tmp_path):
    pytest.importorskip("apache_beam")
    builder = build(phantom(), tmp_path, beam_runner="DirectRunner")
    assert digests(builder) == base


@pytest.mark.filterwarnings("default")
def test_beam_reads_scored_images_too(tmp_path):
    pytest.importorskip("apache_beam")
    folder = write_folder(tmp_path / "custom", rows_of())
    plain, beam = (
        build("custom", tmp_path / str(runner), folder, runner)
        for runner in (None, "DirectRunner")
    )
    assert digests(beam) == digests(plain)
    assert beam.info.metadata == plain.info.metadata


def test_beam_is_not_needed_where_it_is_not_asked_for(base):
    assert len(base) == 5


def test_bytes_do_not_depend_on_what_is_held_in_memory(base, tmp_path):
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
        builder = build(phantom(), tmp_path)
    assert not all(held)
    assert digests(builder) == base
