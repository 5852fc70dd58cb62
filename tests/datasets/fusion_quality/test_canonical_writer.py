"""Equal examples are written as equal bytes."""

import pytest
import tensorflow as tf
from tensorflow_datasets.core import shuffle
from tensorflow_datasets.core.file_adapters import FileFormat

from datasets.fusion_quality.canonical_writer import CanonicalWriter
from datasets.fusion_quality.canonical_writer import bounded_shuffle
from datasets.fusion_quality.canonical_writer import canonical


def records():
    """Two orders of the same features."""
    one, two = (
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    name: tf.train.Feature(
                        int64_list=tf.train.Int64List(value=[1])
                    )
                }
            )
        )
        for name in ("one", "two")
    )
    # Protocol buffers that are strung together are merged when read.
    forward = one.SerializeToString() + two.SerializeToString()
    backward = two.SerializeToString() + one.SerializeToString()
    assert forward != backward
    return forward, backward


def test_records_do_not_depend_on_the_order_of_features():
    forward, backward = records()
    assert canonical(forward) == canonical(backward)


def test_written_records_are_canonical(tmp_path):
    files = []
    for name, record in zip(("a", "b"), records(), strict=True):
        CanonicalWriter(file_format=FileFormat.TFRECORD).write(
            tmp_path / name, [("key", record)]
        )
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_bound_holds_for_the_block_only():
    default = shuffle.MAX_MEM_BUFFER_SIZE
    with bounded_shuffle(10):
        assert shuffle.MAX_MEM_BUFFER_SIZE == 10
    assert default == shuffle.MAX_MEM_BUFFER_SIZE


def test_bound_is_lifted_after_a_failed_build():
    default = shuffle.MAX_MEM_BUFFER_SIZE

    def fail():
        with bounded_shuffle(10):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert default == shuffle.MAX_MEM_BUFFER_SIZE
