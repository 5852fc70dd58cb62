"""Writes the records of a data set so that equal ones have equal bytes."""

import contextlib
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow_datasets.core import shuffle
from tensorflow_datasets.core.writer import ExampleWriter

# Encoded examples of a fold that are held in memory; the rest is on disk.
SHUFFLE_BYTES = 2**24


class CanonicalWriter(ExampleWriter):
    """Writes equal examples as equal bytes.

    `tf.train.Example` is a protocol buffer map, whose order in the file
    differs from process to process unless it is asked for.
    """

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
        """Writes one shard; arguments and result as in TFDS."""
        ordered = ((key, canonical(record)) for key, record in examples)
        return super().write(path, ordered)


@contextlib.contextmanager
def bounded_shuffle(num_bytes: int = SHUFFLE_BYTES) -> Iterator[None]:
    """Bounds what TFDS holds in memory to write a fold in shuffled order.

    TFDS holds up to 1 GB before it turns to the disk and has no option for it.
    The order, and so the bytes of the data set, do not depend on the bound.
    """
    default = shuffle.MAX_MEM_BUFFER_SIZE
    shuffle.MAX_MEM_BUFFER_SIZE = num_bytes
    try:
        yield
    finally:
        shuffle.MAX_MEM_BUFFER_SIZE = default


def canonical(record: bytes) -> bytes:
    """Orders the features of a serialized `tf.train.Example` by name."""
    example = tf.train.Example.FromString(record)
    return example.SerializeToString(deterministic=True)
