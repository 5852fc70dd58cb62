"""Small data sets that are built and read back, for tests."""

import hashlib
import pathlib

import tensorflow_datasets as tfds

from datasets import fusion_quality
from datasets.fusion_quality.fusion_quality_dataset_builder import Builder

FOLDS = [f"fold_{k}" for k in range(5)]
DUMMY_DATA = pathlib.Path(fusion_quality.__file__).parent / "dummy_data"


def build(data_dir, config, manual_dir=None, beam_runner=None):
    builder = Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=manual_dir, beam_runner=beam_runner
        )
    )
    return builder


def examples(builder, split="all"):
    return list(builder.as_dataset(split=split).as_numpy_iterator())


def example_of(rows, pair_id, algorithm):
    names = (pair_id.encode(), algorithm.encode())
    (found,) = (r for r in rows if (r["pair_id"], r["algorithm"]) == names)
    return found


def metadata(builder):
    """As it stands on the disk."""
    return tfds.builder_from_directory(builder.data_dir).info.metadata


def records(builder):
    return sorted(pathlib.Path(builder.data_dir).glob("*.tfrecord*"))


def digests(builder):
    files = records(builder)
    return {f.name: hashlib.sha256(f.read_bytes()).digest() for f in files}
