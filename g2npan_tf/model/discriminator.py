"""The discriminator: is this the best image of its group?"""

from collections.abc import Sequence

import keras

from g2npan_tf.model.blocks import conv
from g2npan_tf.model.blocks import conv_block


def build_discriminator(
    filters: Sequence[int] = (64, 128, 256, 512),
    image_size: int = 128,
) -> keras.Model:
    """Builds D: strided blocks and one convolution for the classification.

    Figure: 3B, section 3.2.1.

    Choice: the classifying convolution is 3 x 3 like all others and gives a
    map; its mean is the logit of the image. D sees one image, as in Eqs. 3
    and 11, though Eq. 2 writes two arguments.

    Args:
        filters: Channels of the blocks, each of stride 2.
        image_size: In pixels.

    Returns:
        Model from `candidate`, float `[batch, size, size, 3]`, range [0, 1],
        to logits `[batch]`.
    """
    candidate = keras.Input((image_size, image_size, 3), name="candidate")
    x = candidate
    for index, width in enumerate(filters, start=1):
        x = conv_block(x, width, name=f"block{index}", strides=2)
    x = conv(x, 1, name="classification")
    logits = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")(
        x
    )
    logits = keras.layers.Reshape((), dtype="float32", name="logits")(logits)
    return keras.Model(candidate, logits, name="discriminator")
