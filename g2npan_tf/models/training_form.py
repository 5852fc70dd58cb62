"""A network as a training step runs it: same weights, fewer passes."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from g2npan_tf.models.blocks import Tensor


def training_form(net: keras.Model) -> Callable[[Any], Any]:
    """Makes a faster way to run a network in training mode.

    Keras normalises a batch by some ten operations that each pass over the
    whole feature map, forward and backward; TensorFlow has one kernel for
    each direction. The network itself stays what is saved and shipped, of
    plain Keras layers.

    Args:
        net: Functional model; its layers and variables are used.

    Returns:
        Function from the inputs of `net` to what `net(inputs, training=True)`
        gives, up to rounding, with the same updates of the moving
        statistics. With several replicas it is that very call. A function
        and no model, so that Keras does not save every variable twice.
    """
    twin = keras.models.clone_model(net, clone_function=_layer_for_training)
    return lambda inputs: twin(inputs, training=True)


def _layer_for_training(layer: Any) -> Any:
    """The layer itself, or what takes the place of a normalisation."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return _FusedBatchNormalization(layer)
    return layer


class _FusedBatchNormalization(keras.layers.Layer):
    """Batch normalisation with another layer's variables by one kernel.

    Args:
        layer: Normalises over the last axis, with scale and offset.
    """

    def __init__(self, layer: keras.layers.BatchNormalization) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer

    def call(
        self, inputs: Tensor, training: bool = False, mask: None = None
    ) -> Tensor:
        """Normalises a batch by its own statistics and learns them.

        Args:
            inputs: Shape `[batch, height, width, channels]`.
            training: Otherwise the layer itself is called.
            mask: Not used; Keras hands on what the layer was called with.

        Returns:
            Same shape, in the layer's precision.
        """
        layer = self.layer
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if not training or replicas > 1:
            # The kernel sees one replica; in inference it is no faster.
            return layer(inputs, training=training)
        x = tf.cast(inputs, tf.float32)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=tf.convert_to_tensor(layer.gamma),
            offset=tf.convert_to_tensor(layer.beta),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The kernel's variance is the unbiased one, Keras' is not.
        count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
        _move(layer.moving_mean, mean, layer.momentum)
        biased = variance * (count - 1) / count
        _move(layer.moving_variance, biased, layer.momentum)
        return tf.cast(outputs, layer.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the input."""
        return input_shape


def _move(average: keras.Variable, value: Tensor, momentum: float) -> None:
    """Moves a moving average towards a new value."""
    average.assign(average * momentum + value * (1 - momentum))
