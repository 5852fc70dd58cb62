"""The scorer as a SavedModel graph, for every artefact that is made of one."""

import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import tensorflow as tf

from g2npan_tf.images import SCORER_SIZE
from g2npan_tf.models.inference_form import inference_form

# Takes the scorer, to be called with `training=False`, and the input.
Function = Callable[[Callable, tf.Tensor], dict[str, tf.Tensor]]


def write_graph(
    scorer: keras.Model,
    functions: Mapping[str, Function],
    shape: Sequence[int | None],
    folder: pathlib.Path,
) -> None:
    """Writes functions of images around a scorer as a SavedModel.

    Args:
        scorer: Functional model, which is not changed.
        functions: By name of signature; each maps the model in the form to
            be exported and a tensor `image` to named outputs.
        shape: Shape of `image`, uint8, with None for what may vary.
        folder: Made by this function.
    """
    image = tf.TensorSpec(shape, tf.uint8, name="image")
    write_signatures(
        scorer, {name: (f, image) for name, f in functions.items()}, folder
    )


def write_signatures(
    scorer: keras.Model,
    functions: Mapping[str, tuple[Function, tf.TensorSpec]],
    folder: pathlib.Path,
) -> None:
    """Writes functions around a scorer as a SavedModel.

    The graph has the scorer's inference form, which needs fewer operations.
    The object that is saved holds the raw variables. If it held the Keras
    model, the result would load in Python and fail in the session loader that
    TF Serving uses ("Could not find variable"; tensorflow#72963).

    Args:
        scorer: Functional model, which is not changed.
        functions: By name of signature; each maps the model in the form to
            be exported and a tensor to named outputs. With it what that
            tensor is; its name is that of the signature's input.
        folder: Made by this function.
    """
    form = inference_form(scorer)
    # Traced once for all signatures, which takes most of the time.
    net = tf.function(lambda image, training: form(image, training=training))
    module = tf.Module()
    module.raw_variables = [variable.value for variable in form.variables]
    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            name: _traced(function, net, spec)
            for name, (function, spec) in functions.items()
        },
    )


def _traced(
    function: Function, net: Callable, spec: tf.TensorSpec
) -> tf.types.experimental.PolymorphicFunction:
    """The function of the input alone, to be traced for one kind of it."""
    return tf.function(
        lambda given: function(net, given), input_signature=[spec]
    )


def to_scorer_size(image: tf.Tensor, size: int = SCORER_SIZE) -> tf.Tensor:
    """Brings images to the square that the scorers work on, in the graph.

    As `g2npan_tf.images.resize`: an axis that shrinks is averaged over areas,
    one that grows is interpolated linearly, and each result is rounded to
    whole levels. Images of the right size pass unchanged.

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
