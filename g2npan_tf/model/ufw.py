"""The Unique Feature Warehouse, the generator's overlapping structure."""

import keras

from g2npan_tf.model.blocks import Tensor
from g2npan_tf.model.blocks import conv_block
from g2npan_tf.model.blocks import upsample


def unique_feature_warehouse(
    x: Tensor, name: str, num_scales: int = 3
) -> Tensor:
    """Processes features at several overlapping scales; the shape stays.

    Figure: 4

    Choice: the paper says "overlapping, multi-scale, 32 x 32 in and out,
    3 x 3 kernels, features processed several times"; this is an hourglass
    32 -> 16 -> 8 -> 16 -> 32 with a skip at every scale and an outer residual
    connection, after Newell et al. (ECCV 2016).

    Args:
        x: Feature map; height and width divisible by `2 ** (num_scales - 1)`.
        name: Prefix of the layer names.
        num_scales: Number of resolutions, the input's included.
    """
    filters = x.shape[-1]
    scales = []
    y = x
    for scale in range(num_scales):
        strides = 1 if scale == 0 else 2
        y = conv_block(y, filters, name=f"{name}_down{scale}", strides=strides)
        scales.append(y)
    y = conv_block(y, filters, name=f"{name}_bottom")
    for scale in reversed(range(num_scales - 1)):
        y = upsample(y, name=f"{name}_up{scale}_upsample")
        y = keras.layers.Add(name=f"{name}_up{scale}_skip")([y, scales[scale]])
        y = conv_block(y, filters, name=f"{name}_up{scale}")
    return keras.layers.Add(name=f"{name}_add")([x, y])
