"""A network as a training step runs it: same weights, fewer passes."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from g2npan_tf.model.blocks import Tensor
from g2npan_tf.model.inference_form import faster_calls
from g2npan_tf.model.inference_form import joined_kernel


def training_form(net: keras.Model) -> Callable[..., Any]:
    """Makes a faster way to run a network in training mode.

    Keras normalises a batch by some ten operations that each pass over the
    whole feature map, forward and backward; TensorFlow has one kernel for
    each direction. Up-sampling is joined with the convolution after it and
    means over windows are products, as in `inference_form`. The network itself
    stays what is saved and shipped, of plain Keras layers.

    Returns:
        Function from the inputs of `net` and `training` to what `net` gives,
        up to rounding, with the same updates of the moving statistics. A
        function and no model, so that Keras does not save every variable
        twice.
    """

    def replaced(layer: Any) -> Any:
        # A frozen one only standardises, by statistics that stay.
        if (
            isinstance(layer, keras.layers.BatchNormalization)
            and layer.trainable
        ):
            return _FusedBatchNormalization(layer)
        return layer

    def joined(layer: keras.layers.Conv2D, small: Tensor) -> Tensor:
        return _JoinedConvolution(layer)(small)

    twin = keras.models.clone_model(
        net, clone_function=replaced, call_function=faster_calls(joined)
    )

    def run(inputs: Any, training: bool = True) -> Any:
        return twin(inputs, training=training)

    return run


class _JoinedConvolution(keras.layers.Layer):
    """Another layer's convolution on the map before its up-sampling."""

    def __init__(self, layer: keras.layers.Conv2D) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer

    def call(self, inputs: Tensor) -> Tensor:
        """Convolves with the other layer's variables."""
        layer = self.layer
        kernel = tf.cast(joined_kernel(layer.kernel), layer.compute_dtype)
        # Not by the convolution, for which oneDNN has no gradient then.
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
        pairs = tf.nn.conv2d(padded, kernel, 1, "VALID")
        if layer.use_bias:
            pairs = tf.nn.bias_add(pairs, tf.tile(layer.bias, [4]))
        return layer.activation(_rearranged(pairs))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Twice as high and wide."""
        batch, height, width, _ = input_shape
        return batch, 2 * height, 2 * width, self.layer.filters


def _rearranged(pairs: Tensor) -> Tensor:
    """The large map, by operations whose gradients take little time."""
    _, height, width, channels = pairs.shape
    split = tf.reshape(pairs, (-1, height, width, 2, channels // 2))
    large = tf.reshape(
        tf.transpose(split, (0, 1, 3, 2, 4)),
        (-1, 2 * height, 2 * width, channels // 4),
    )
    return tf.slice(
        large, (0, 1, 1, 0), (-1, 2 * height - 2, 2 * width - 2, -1)
    )


class _FusedBatchNormalization(keras.layers.Layer):
    """Batch normalisation with another layer's variables by one kernel."""

    def __init__(self, layer: keras.layers.BatchNormalization) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer

    def call(
        self, inputs: Tensor, training: bool = False, mask: None = None
    ) -> Tensor:
        """Normalises a batch by its own statistics and learns them.

        Keras hands on `mask` to what the layer was called with.
        """
        layer = self.layer
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if not training or replicas > 1:
            # The kernel sees one replica; in inference it is no faster.
            return layer(inputs, training=training)
        x = tf.cast(inputs, tf.float32)
        ones, zeros = tf.ones(x.shape[-1]), tf.zeros(x.shape[-1])
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=tf.convert_to_tensor(layer.gamma) if layer.scale else ones,
            offset=tf.convert_to_tensor(layer.beta) if layer.center else zeros,
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
