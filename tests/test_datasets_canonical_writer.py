"""Equal examples are written as equal bytes."""

import tensorflow as tf
from tensorflow_datasets.core.file_adapters import FileFormat

from datasets.canonical_writer import CanonicalWriter
from datasets.canonical_writer import canonical


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
