"""Rows of a data set with the source images that a method needs."""

from typing import TYPE_CHECKING

import numpy as np

from g2npan_tf.baselines.methods import Method
from g2npan_tf.baselines.methods import Rows
from g2npan_tf.core.errors import InputError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# How a base holds its source images: two features, or one with both.
_PAIR = ("source_a", "source_b")
_LIST = ("sources",)
_REFERENCE = ("reference",)


def measure_rows(
    builder: "tfds.core.DatasetBuilder",
    places: np.ndarray,
    method: Method,
    name: str,
) -> tuple[Rows, np.ndarray]:
    """Reads some images of a data set and measures them.

    Args:
        builder: From `data.open_base`.
        places: Places of the images in the data set, from `data.divide`.
        method: What measures.
        name: What the method is called, for errors.

    Returns:
        What `data.read` gives without the images, and the values `[n]` or
        features `[n, features]`.

    Raises:
        InputError: If the method needs source images or references that are
            not there, or is not defined on an image.
    """
    from g2npan_tf.data import base

    more: tuple[str, ...] = ()
    if method.needs_sources:
        more = _source_features(builder, name)
    elif method.needs_reference:
        more = _true_reference(builder, name)
    rows: Rows = base.read(builder, places, more)
    if more == _LIST:
        rows |= _unpacked(rows, name)
    values = method.measure(rows)
    for index, value in enumerate(values):
        if not np.isfinite(value).all():
            raise InputError(
                f"--method={name} is not defined on {_id(rows, index)}: "
                f"expected a finite value. Received: {value}"
            )
    images = {"image", *_PAIR, *_LIST, *_REFERENCE}
    return {key: rows[key] for key in rows if key not in images}, values


def _source_features(
    builder: "tfds.core.DatasetBuilder", name: str
) -> tuple[str, ...]:
    """Names of the features with source images."""
    there = set(builder.info.features)
    for names in (_PAIR, _LIST):
        if there.issuperset(names):
            return names
    raise InputError(
        f"--method={name} needs both source images of every fused image; "
        f"{builder.info.full_name} has none (expected the features "
        f"{' and '.join(_PAIR)}, or {_LIST[0]})"
    )


def _true_reference(
    builder: "tfds.core.DatasetBuilder", name: str
) -> tuple[str, ...]:
    """Name of the feature with references that no reader judged."""
    if "is_anchor" not in builder.info.features:
        raise InputError(
            f"--method={name} needs references that nobody judged (anchors); "
            f"those of {builder.info.full_name} are the best judged images, so "
            "that they tell what is to be predicted"
        )
    return _REFERENCE


def _unpacked(rows: Rows, name: str) -> Rows:
    """The pair of features from the one with both."""
    for index, sources in enumerate(rows["sources"]):
        if len(sources) != len(_PAIR):
            raise InputError(
                f"--method={name} needs both source images of every fused "
                f"image; {_id(rows, index)} has {len(sources)}"
            )
    return {
        key: [sources[i] for sources in rows["sources"]]
        for i, key in enumerate(_PAIR)
    }


def _id(rows: Rows, index: int) -> str:
    """What an image is called in errors and CSV files."""
    return f"{rows['pair_id'][index]}/{rows['algorithm'][index]}"
