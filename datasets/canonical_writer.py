"""Writes the records of a data base so that equal ones have equal bytes."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf
from tensorflow_datasets.core.writer import ExampleWriter


class CanonicalWriter(ExampleWriter):
    """Writes equal examples as equal bytes.

    `tf.train.Example` is a protocol buffer map, whose order in the file
    differs from process to process unless it is asked for.
    """

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
        """Writes one shard; arguments and result as in TFDS."""
        ordered = ((key, canonical(record)) for key, record in examples)
        return super().write(path, ordered)


def canonical(record: bytes) -> bytes:
    """Orders the features of a serialized `tf.train.Example` by name."""
    example = tf.train.Example.FromString(record)
    return example.SerializeToString(deterministic=True)
