"""The building blocks that the networks share.

Feature maps have shape `[batch, height, width, channels]`; `name` is the
layer's name or the prefix of the layers' names, which saved weights go by.
"""

from typing import Any

import keras

Tensor = Any
LEAKY_SLOPE = 0.2
# Choice: 0.9 instead of Keras' 0.99, whose statistics would still be a sixth
# initial value after the 180 steps of a short run.
BATCH_NORM_MOMENTUM = 0.9


def batch_norm(x: Tensor, name: str, scale: float = 1.0) -> Tensor:
    """Batch normalisation over all replicas; `scale` is its first gamma."""
    return keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM,
        gamma_initializer=keras.initializers.Constant(scale),
        synchronized=True,
        name=name,
    )(x)


def leaky_relu(x: Tensor, name: str) -> Tensor:
    """The activation of generator and discriminator."""
    return keras.layers.LeakyReLU(LEAKY_SLOPE, name=name)(x)


def conv_block(x: Tensor, filters: int, name: str, strides: int = 1) -> Tensor:
    """3 x 3 convolution, LeakyReLU, batch normalisation, in this order.

    Section: 3.2.1 ("the BN layer is attached after the activation layer").
    """
    x = conv(x, filters, name=f"{name}_conv", strides=strides)
    x = leaky_relu(x, name=f"{name}_relu")
    return batch_norm(x, name=f"{name}_bn")


def conv(x: Tensor, filters: int, name: str, strides: int = 1) -> Tensor:
    """3 x 3 convolution that keeps the grid, with He start weights.

    Section: 3.2.1 (3 x 3, padding 1).

    Choice: TensorFlow's "same", which with stride 2 pads one row and column
    at the far end instead of one on every side: the grid is the same, half a
    pixel further on.
    """
    return keras.layers.Conv2D(
        filters,
        kernel_size=3,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def residual_block(x: Tensor, name: str, num_convs: int = 3) -> Tensor:
    """Convolutions with a skip connection; the width stays.

    Section: 3.2.1 (three convolutions and a skip connection).

    Choice: LeakyReLU between the convolutions, none after the sum, so that
    the skip stays linear.
    """
    filters = x.shape[-1]
    y = x
    for index in range(1, num_convs + 1):
        y = conv(y, filters, name=f"{name}_conv{index}")
        if index < num_convs:
            y = leaky_relu(y, name=f"{name}_relu{index}")
    return keras.layers.Add(name=f"{name}_add")([x, y])


def upsample(x: Tensor, name: str, scale: int = 2) -> Tensor:
    """Nearest-neighbour up-sampling by a whole factor."""
    return keras.layers.UpSampling2D(scale, name=name)(x)


def window_mean(x: Tensor, side: int) -> Tensor:
    """Mean over a window round each pixel; at the border over what is there.

    By rows, then by columns: the same mean for 2 and not `side` times the
    work of a pixel.

    Args:
        x: `[batch, height, width, channels]`.
        side: Of the window, in pixels; odd.
    """
    for window in ((side, 1), (1, side)):
        x = keras.ops.average_pool(x, window, strides=1, padding="same")
    return x
