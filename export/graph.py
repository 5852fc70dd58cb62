"""The scorer as a SavedModel graph, for every artefact that is made of one."""

import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import tensorflow as tf

from g2npan_tf.images import SCORER_SIZE
from g2npan_tf.models.inference_form import inference_form

Function = Callable[[keras.Model, tf.Tensor], dict[str, tf.Tensor]]


def write_graph(
    scorer: keras.Model,
    functions: Mapping[str, Function],
    shape: Sequence[int | None],
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
            be exported and a tensor `image` to named outputs. One function
            may stand under several names.
        shape: Shape of `image`, uint8, with None for what may vary.
        folder: Made by this function.
    """
    net = inference_form(scorer)
    module = tf.Module()
    module.raw_variables = [variable.value for variable in net.variables]
    image = tf.TensorSpec(shape, tf.uint8, name="image")
    traced = {
        function: _traced(function, net, image)
        for function in functions.values()
    }
    tf.saved_model.save(
        module,
        str(folder),
        signatures={name: traced[f] for name, f in functions.items()},
    )


def _traced(
    function: Function, net: keras.Model, spec: tf.TensorSpec
) -> tf.types.experimental.PolymorphicFunction:
    """The function of the image alone, to be traced for one kind of it."""
    return tf.function(
        lambda image: function(net, image), input_signature=[spec]
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
