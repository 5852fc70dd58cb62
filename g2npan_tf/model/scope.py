"""A part of a scorer's graph: how far an image is from its training images."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from keras import ops

from g2npan_tf.model.blocks import Tensor
from g2npan_tf.model.scene_statistics import is_tissue
from g2npan_tf.model.scene_statistics import local_maps

# The output that is added to a scorer.
DISTANCE = "distance"
# Approximate side in pixels to which larger pictures are averaged.
SIDE = 128
# Percentiles of the training images' distances that the graph stores.
PERCENTS = (0, 5, 10, 25, 50, 75, 90, 95, 97, 98, 99, 100)
# So that a picture without tissue has a finite summary.
_LEAST_SHARE = 1e-3
_LEAST_VARIANCE = 1e-4


class Scope(NamedTuple):
    """What the graph stores of the training images.

    Attributes:
        kernel: With `offset` it whitens summaries: zero mean, no correlation,
            and units that count alike in `distance`. `[32, 32]`; the outline,
            its last number, has a block of its own.
        offset: `[32]`.
        knots: The distance at each of `PERCENTS`, ascending.
    """

    kernel: np.ndarray
    offset: np.ndarray
    knots: np.ndarray


def summary(image: Tensor) -> Tensor:
    """Describes a picture in 32 numbers that need no training.

    Choice: the mean and deviation of the 15 local maps of brightness, colour,
    contrast and edges over the tissue, the tissue's share of the picture, and
    its width to height, since organs of one modality have the same greys. None
    depends on where the patient lies. The same over the whole image, spectra,
    layout, shares above thresholds and correlations between maps, alone or in
    addition, find no more foreign pictures; nor do skewness, flatness and
    slant of the outline.

    Args:
        image: `[batch, height, width, 3]`, range [0, 1], even sides.

    Returns:
        `[batch, 32]`, the last one the `outline`.
    """
    maps, tissue = local_maps(image), is_tissue(image)
    share = ops.mean(tissue, axis=(1, 2), keepdims=True)
    weights = tissue / (share + _LEAST_SHARE)
    mean = ops.mean(weights * maps, axis=(1, 2), keepdims=True)
    # The mean of squares less the square of the mean would be mere rounding
    # where a map is constant, such as the colours of a grey image.
    square = ops.mean(weights * ops.square(maps - mean), axis=(1, 2))
    found = [mean[:, 0, 0], ops.sqrt(square), share[:, 0, 0], outline(tissue)]
    return ops.concatenate(found, axis=-1)


def outline(tissue: Tensor) -> Tensor:
    """How much wider than high the tissue is, wherever it lies.

    Args:
        tissue: `[batch, height, width, 1]`, 0 or 1.

    Returns:
        Logarithm of the variance of its columns over that of its rows, in
        units of the picture's sides, `[batch, 1]`; 0 where there is none.
    """
    rows, columns = (ops.mean(tissue, axis=axis) for axis in (2, 1))
    return ops.log(_variance(columns)) - ops.log(_variance(rows))


def _variance(profile: Tensor) -> Tensor:
    """Variance of place under weights `[batch, length, 1]`; `[batch, 1]`."""
    length = profile.shape[1]
    places = (np.arange(length, dtype=np.float32) / length)[:, np.newaxis]
    total = ops.mean(profile, axis=1, keepdims=True) + _LEAST_SHARE
    weights = profile / total
    mean = ops.mean(weights * places, axis=1, keepdims=True)
    apart = ops.mean(weights * ops.square(mean - places), axis=1)
    return apart + _LEAST_VARIANCE


def distance(whitened: Tensor) -> Tensor:
    """Mahalanobis distance over the root of the number of dimensions, `[n]`.

    Choice: from one Gaussian of all training images, as for one class in Lee,
    Lee, Lee and Shin, A simple unified framework for detecting
    out-of-distribution samples (NeurIPS 2018). A mean, or a covariance, for
    each modality and the nearest of 400 training images find no more.
    In it `training.scope.fit` makes the outline count as much as all else.
    """
    return ops.sqrt(ops.mean(ops.square(whitened), axis=-1))


def build_summary(size: int) -> keras.Model:
    """`summary` of uint8 `[batch, size, size, 3]`.

    Choice: a larger picture is averaged to 128 to 255 pixels a side. That
    shows what it is, in a small part of the time that scoring by tiles takes.
    """
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, dtype="float32")(image)
    if size >= 2 * SIDE:
        x = layers.AveragePooling2D(size // SIDE, dtype="float32")(x)
    return keras.Model(image, summary(x), name="scope_summary")


def build_scope(size: int, known: Scope) -> keras.Model:
    """From uint8 `[batch, size, size, 3]` to the distance's percentile.

    The constants are weights of Keras' own layers, so that any client can
    load them. Between `PERCENTS` the percentile is interpolated.

    Choice: a layer for each block of the kernel. LiteRT's dynamic range
    quantises kernels from 1,024 numbers on, and a percentile would be off by
    six.

    Returns:
        A model with an output `[batch]`, 0..100: the percentage of training
        images that are nearer.
    """
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    seen = build_summary(size)(image)
    blocks = {"whitened": slice(-1), "outline": slice(-1, None)}
    whitened = [
        _affine(seen[:, x], known.kernel[x, x], known.offset[x], name)
        for name, x in blocks.items()
    ]
    far = distance(ops.concatenate(whitened, axis=-1))
    gaps = np.diff(known.knots)[np.newaxis]
    climbed = _affine(
        far[:, np.newaxis], 1 / gaps, -known.knots[:-1] / gaps[0], "climbed"
    )
    climbed = layers.ReLU(max_value=1.0, dtype="float32")(climbed)
    steps = np.diff(PERCENTS)[:, np.newaxis]
    percentile = _affine(climbed, steps, np.zeros(1), "percentile")
    return keras.Model(image, percentile[:, 0], name="scope")


def with_scope(scorer: keras.Model, known: Scope) -> keras.Model:
    """Adds the distance from the training images to a scorer's outputs.

    Any earlier scope is replaced.

    Args:
        scorer: From `build_scorer`.
        known: From `training.scope.fit`.

    Returns:
        A model of the same layers with one more output, `distance`, float32
        `[batch]`, 0..100, as of `build_scope`.
    """
    scope = build_scope(scorer.input.shape[1], known)
    outputs = {**scorer.output, DISTANCE: scope(scorer.input)}
    return keras.Model(scorer.input, outputs, name=scorer.name)


def _affine(
    x: Tensor, kernel: np.ndarray, offset: np.ndarray, name: str
) -> Tensor:
    """A layer of fixed weights."""
    layer = layers.Dense(len(offset), dtype="float32", name=name)
    y = layer(x)
    layer.set_weights([kernel, offset])
    return y
