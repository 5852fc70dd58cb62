"""A network as exported graphs run it: same outputs, fewer operations."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers
from keras import ops

from g2npan_tf.model.blocks import Tensor

# Which taps of a 3 x 3 kernel meet a row of the small map: [sub-row, row, tap].
# Of three rows of the large map two are copies of one row of the small map.
_SHARED_TAPS = np.array(
    [
        [[1, 1, 0], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 1]],
    ]
)


def inference_form(net: keras.Model, use_products: bool = True) -> keras.Model:
    """Joins each up-sampling with the convolution after it.

    Nearest-neighbour up-sampling by 2 and a 3 x 3 convolution become a 2 x 2
    convolution of the small map (`joined_kernel`) and a rearrangement of
    pixels, with 2.25 times fewer operations. Means over windows become matrix
    products (`_window_mean`), unless `use_products` is False: quantised
    matrices would not give them. The network itself stays what is trained and
    saved.

    Returns:
        Model with the inputs and outputs of `net`, equal up to rounding. It
        shares all other layers with `net`; the joined ones hold copies, which
        do not follow later training.
    """
    return keras.models.clone_model(
        net,
        clone_function=lambda layer: layer,
        call_function=faster_calls(_joined, use_products),
        recursive=True,
    )


def faster_calls(
    join: Callable[[layers.Conv2D, Tensor], Tensor], use_products: bool = True
) -> Callable[..., Tensor]:
    """Makes a `call_function` for `clone_model` that takes less time.

    Args:
        join: Given a convolution and the map before up-sampling, the result
            of both, by `joined_kernel`.
        use_products: See `inference_form`.
    """

    def call(layer: Any, *args: Any, **kwargs: Any) -> Tensor:
        if use_products and _is_window_mean(layer, *args[:1]):
            return _window_mean(layer, *args)
        small = _before_doubling(layer, *args[:1])
        if small is None:
            return layer(*args, **kwargs)
        return join(layer, small)

    return call


def joined_kernel(kernel: Tensor) -> Tensor:
    """The convolution of the small map that stands for one of the large.

    With a border of zeros around the small map, its result at row p is a pair
    of rows of the large result: 2p - 1, which meets row p - 1 twice and row p
    once, and 2p, which meets row p - 1 once and row p twice. The same holds
    for columns.

    Args:
        kernel: `[3, 3, inputs, outputs]`, for padding "same".

    Returns:
        `[2, 2, inputs, 4 * outputs]`, for padding "valid"; sub-row first, then
        sub-column, then output, as `depth_to_space` has it.
    """
    taps = _SHARED_TAPS.astype("float32")
    joined = ops.einsum("ark,bcl,klio->rciabo", taps, taps, kernel)
    return ops.reshape(joined, (2, 2, kernel.shape[2], 4 * kernel.shape[3]))


def _before_doubling(layer: Any, inputs: Any = None) -> Any:
    """The map of which a 3 x 3 convolution's input has every pixel twice.

    None where the layer of a functional model is no such convolution.
    """
    if not _is_plain_convolution(layer):
        return None
    before, node_index, _ = inputs._keras_history
    if not _doubles(before):
        return None
    (small,) = before._inbound_nodes[node_index].input_tensors
    return small


def _is_window_mean(layer: Any, inputs: Any = None) -> bool:
    """Is it the mean of one channel over a window round each pixel?"""
    return type(layer).__name__ == "AveragePool" and (
        layer.strides,
        layer.padding,
        inputs.shape[-1],
    ) == (1, "same", 1)


def _window_mean(layer: Any, x: Tensor) -> Tensor:
    """The same mean by matrix products along rows and columns.

    TensorFlow's pooling takes up to 15 times as long.
    """
    shape = (-1, *x.shape[1:])
    made = [ops.reshape(x, shape[:3])]
    rows, columns = layer.pool_size
    if rows > 1:
        made.append(ops.matmul(_means(shape[1], rows), made[-1]))
    if columns > 1:
        made.append(ops.matmul(made[-1], _means(shape[2], columns).T))
    made.append(ops.reshape(made[-1], shape))
    # Keras counts operations by process, and those of a loaded network have
    # numbers of another one.
    for number, tensor in enumerate(made):
        if isinstance(tensor, keras.KerasTensor):
            tensor._keras_history.operation.name = f"{layer.name}_as_{number}"
    return made[-1]


def _means(size: int, window: int) -> np.ndarray:
    """Matrix that takes means over a window, at the border of what is there."""
    place = np.arange(size)
    far = place - place[:, None]
    inside = (far >= -((window - 1) // 2)) & (far <= window // 2)
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)


def _joined(layer: layers.Conv2D, small: Tensor) -> Tensor:
    """What the layer makes of the map after up-sampling by 2."""
    conv = layers.Conv2D(
        4 * layer.filters,
        kernel_size=2,
        use_bias=layer.use_bias,
        dtype=layer.dtype_policy,
        name=layer.name,
    )
    pairs = conv(layers.ZeroPadding2D(1)(small))
    kernel, *bias = layer.get_weights()
    joined = ops.convert_to_numpy(joined_kernel(kernel))
    conv.set_weights([joined, *(np.tile(b, 4) for b in bias)])
    # The pairs begin one row and column before the map and end one after it.
    large = ops.depth_to_space(pairs, 2)[:, 1:-1, 1:-1]
    return layers.Activation(layer.activation)(large)


def _is_plain_convolution(layer: Any) -> bool:
    """Is it 3 x 3 with stride 1 and zeros around the map?"""
    return type(layer) is layers.Conv2D and (
        layer.kernel_size,
        layer.strides,
        layer.dilation_rate,
        layer.groups,
        layer.padding,
        layer.data_format,
    ) == ((3, 3), (1, 1), (1, 1), 1, "same", "channels_last")


def _doubles(layer: Any) -> bool:
    """Does it repeat every pixel of a map twice in both directions?"""
    return isinstance(layer, layers.UpSampling2D) and (
        layer.size,
        layer.interpolation,
        layer.data_format,
    ) == ((2, 2), "nearest", "channels_last")
