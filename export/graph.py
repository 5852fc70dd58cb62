"""The scorer as a SavedModel graph, for every artefact that is made of one."""

import functools
import pathlib
from collections.abc import Callable
from collections.abc import Mapping

import keras
import tensorflow as tf

from export.serving import status
from g2npan_tf.core import mos
from g2npan_tf.images.content import NEAR_LEVELS
from g2npan_tf.images.content import ONE_IN
from g2npan_tf.images.content import SAMPLED_SIDE
from g2npan_tf.images.read import SCORER_SIZE
from g2npan_tf.model.inference_form import inference_form

_WORST = {
    "mos": mos.MOS_MIN,
    "mos_low": mos.MOS_MIN,
    "mos_high": mos.MOS_MAX,
    "distance": 100.0,
}
# Takes the scorer, to be called with `training=False`, and the input.
Function = Callable[[Callable, tf.Tensor], dict[str, tf.Tensor]]


def write_signatures(
    scorer: keras.Model,
    functions: Mapping[str, tuple[Function, tf.TensorSpec]],
    folder: pathlib.Path,
    use_products: bool = True,
) -> None:
    """Writes functions around a scorer as a SavedModel.

    The graph has the scorer's inference form, which needs fewer operations.
    The saved object holds the raw variables. If it held the Keras model, the
    result would load in Python but fail in the session loader that TF Serving
    uses ("Could not find variable"; tensorflow#72963).

    Args:
        scorer: Functional model, which is not changed.
        functions: By name of signature: a function from the model, in the
            form to be exported, and a tensor to named outputs; and the spec
            of that tensor, whose name is the signature's input.
        folder: Made by this function.
        use_products: As for `inference_form`.
    """
    form = inference_form(scorer, use_products)
    # Traced once for all signatures, which takes most of the time.
    net = tf.function(lambda image, training: form(image, training=training))
    module = tf.Module()
    module.raw_variables = [variable.value for variable in form.variables]
    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            name: tf.function(
                functools.partial(function, net), input_signature=[spec]
            )
            for name, (function, spec) in functions.items()
        },
    )


def to_scorer_size(image: tf.Tensor, size: int = SCORER_SIZE) -> tf.Tensor:
    """Resizes images to the scorer's square, in the graph.

    As `g2npan_tf.images.read.resize`, with each step rounded to whole levels.

    Args:
        image: uint8 `[batch, height, width, 3]`, 0..255.
        size: Side of the scorer's image in pixels.

    Returns:
        uint8 `[batch, size, size, 3]`, 0..255.
    """
    method = tf.image.ResizeMethod
    smaller = tf.minimum(tf.shape(image)[1:3], size)
    shrunk = tf.round(tf.image.resize(image, smaller, method.AREA))
    side = (size, size)
    grown = tf.round(tf.image.resize(shrunk, side, method.BILINEAR))
    return tf.cast(grown, tf.uint8)


def judged_to_scorer_size(
    image: tf.Tensor, size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """`g2npan_tf.images.content.scorer_image` in the graph.

    Returns:
        A code of `export.serving.status`, int32 `[batch]`: `OK` or
        `NO_CONTENT`; and uint8 `[batch, size, size, 3]`.
    """
    scored = to_scorer_size(image, size)
    shown = has_content(image)
    shown &= tf.cond(
        tf.reduce_all(tf.shape(image)[1:3] == size),
        lambda: shown,
        lambda: has_content(scored),
    )
    codes = tf.where(shown, status.OK, status.NO_CONTENT)
    return codes, scored


def has_content(image: tf.Tensor) -> tf.Tensor:
    """`g2npan_tf.images.content.has_content` of a batch; bool `[batch]`."""
    sampled = image
    for axis in (1, 2):
        side = tf.shape(image)[axis]
        # Several times faster than a slice with steps.
        places = tf.range(0, side, tf.maximum(side // SAMPLED_SIDE, 1))
        sampled = tf.gather(sampled, places, axis=axis)
    total = tf.reduce_prod(tf.shape(sampled)[1:3])
    rows = tf.reshape(tf.transpose(sampled, (0, 3, 1, 2)), (-1, total))
    counts = tf.math.bincount(
        tf.cast(rows, tf.int32), minlength=256, maxlength=256, axis=-1
    )
    for _ in range(2):
        sums = tf.cumsum(tf.pad(counts, ((0, 0), (1, 0))), axis=1)
        windows = sums[:, NEAR_LEVELS:] - sums[:, :-NEAR_LEVELS]
        start = tf.argmax(windows, axis=1, output_type=tf.int32)[:, tf.newaxis]
        place = tf.range(256) - start
        counts = tf.where((place < 0) | (place >= NEAR_LEVELS), counts, 0)
    outside = tf.reshape(tf.reduce_sum(counts, axis=1), (-1, 3))
    return tf.reduce_max(outside, axis=1) * ONE_IN > total


def worst_unless(
    good: tf.Tensor, outputs: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """Gives rows that are not good the worst score, and maps of zeros.

    Nothing is known about them, so their interval is the whole scale and
    their distance the largest.
    """
    return {
        name: tf.where(
            tf.reshape(good, [-1] + [1] * (values.shape.rank - 1)),
            values,
            _WORST.get(name, 0.0),
        )
        for name, values in outputs.items()
    }
