"""The generator: any fused image in, its best-quality version out."""

from collections.abc import Sequence

import keras

from g2npan_tf.model import blocks
from g2npan_tf.model.ufw import unique_feature_warehouse

# Choice: what enters the last sigmoid starts with this deviation, so that it
# spans black to white. From the usual 1, the reconstruction error after 120
# steps is .087 instead of .044 (Whole Brain Atlas, preset compact).
SIGMOID_SCALE = 4.0
# The same where the image's own logits are added: a hardly visible change.
CHANGE_SCALE = 0.1
# Black and white have no finite logit: half a grey level beside them has.
HALF_LEVEL = 0.5 / 255


def build_generator(
    filters: Sequence[int] = (32, 64, 128),
    strides: Sequence[int] = (1, 2, 2),
    up_filters: Sequence[int] = (64, 32, 32),
    up_scales: Sequence[int] = (2, 2, 1, 1),
    num_ufw: int = 5,
    image_size: int = 128,
    use_skip: bool = False,
    use_detail: bool = False,
) -> keras.Model:
    """Builds G: down-sampling, the UFW stack, up-sampling.

    Figure: 3A, section 3.2.1.

    Choice: the paper gives neither widths nor strides. A down block is
    conv, LeakyReLU, BN and a residual block of three convolutions; an up
    layer is up-sampling, conv, BN and activation (LeakyReLU three times,
    sigmoid last). Without UFW (`num_ufw=0`, "G2N") the encoder's last feature
    map takes the place of F_last, so that the quality network stays the same.

    Args:
        filters: Channels of the down blocks; the last is the UFW's width.
        strides: Of each down block; their product is 4, so that a 128 x 128
            image gives the 32 x 32 grid of the UFW.
        up_filters: Channels of the up layers but the last, which has 3.
        up_scales: Up-sampling factor of each up layer.
        num_ufw: 0 is "G2N".
        image_size: In pixels.
        use_skip: The last sigmoid gets the image's own logits plus a change:
            I_hq begins near I_org and G learns what to mend, as in residual
            denoising (Zhang et al., IEEE TIP 2017). The paper's generator
            draws the whole image anew from the 32 x 32 grid.
        use_detail: The first up layer of each resolution above the UFW's also
            sees the last down block of that resolution, and at the image's
            own resolution a block of its own (Ronneberger et al., "U-Net",
            MICCAI 2015). Fine texture does not pass the 32 x 32 grid: asked
            for a spectrum, G would draw a pattern of dots.

    Returns:
        Model from `image`, float `[batch, size, size, 3]`, range [0, 1], to a
        dict: `pseudo_reference` (I_hq, same shape and range) and
        `ufw_features` (F_last, `[batch, size / 4, size / 4, filters[-1]]`).

    Raises:
        ValueError: If lengths or scales do not fit each other.
    """
    _check(filters, strides, up_filters, up_scales)
    image = keras.Input((image_size, image_size, 3), name="image")
    maps = _down(image, filters, strides)
    details = _details(image, maps, up_filters[-1]) if use_detail else {}
    x = maps[-1]
    for index in range(1, num_ufw + 1):
        x = unique_feature_warehouse(x, name=f"ufw{index}")
    ufw_features = x
    spread = CHANGE_SCALE if use_skip else SIGMOID_SCALE
    x = _up(x, up_filters, up_scales, details, spread)
    if use_skip:
        x = keras.layers.Add(dtype="float32", name="skip")([x, _logit(image)])
    # float32 whatever the precision policy: losses and pictures are made of it.
    pseudo_reference = keras.layers.Activation(
        "sigmoid", dtype="float32", name="pseudo_reference"
    )(x)
    return keras.Model(
        image,
        {"pseudo_reference": pseudo_reference, "ufw_features": ufw_features},
        name="generator",
    )


def _down(
    image: blocks.Tensor, filters: Sequence[int], strides: Sequence[int]
) -> list[blocks.Tensor]:
    """The down blocks' feature maps, one after the other."""
    x, maps = image, []
    for index, (width, stride) in enumerate(
        zip(filters, strides, strict=True), start=1
    ):
        x = blocks.conv_block(x, width, name=f"down{index}", strides=stride)
        x = blocks.residual_block(x, name=f"down{index}_residual")
        maps.append(x)
    return maps


def _details(
    image: blocks.Tensor, maps: list[blocks.Tensor], filters: int
) -> dict[int, blocks.Tensor]:
    """Feature maps that bypass the UFW, by their side in pixels."""
    full = blocks.conv_block(image, filters, name="detail")
    details = {x.shape[1]: x for x in (full, *maps)}
    del details[maps[-1].shape[1]]
    return details


def _up(
    x: blocks.Tensor,
    filters: Sequence[int],
    scales: Sequence[int],
    details: dict[int, blocks.Tensor],
    last_spread: float,
) -> blocks.Tensor:
    """The last sigmoid's input; its deviation starts at `last_spread`."""
    details = {**details}
    for index, (width, scale) in enumerate(
        zip((*filters, 3), scales, strict=True), start=1
    ):
        if scale > 1:
            x = blocks.upsample(x, name=f"up{index}_upsample", scale=scale)
        x = blocks.conv(x, width, name=f"up{index}_conv")
        if x.shape[1] in details:
            # Both convolutions together are one over both maps side by side.
            y = details.pop(x.shape[1])
            y = blocks.conv(y, width, name=f"up{index}_detail_conv")
            x = keras.layers.Add(name=f"up{index}_detail")([x, y])
        last = index == len(scales)
        spread = last_spread if last else 1.0
        x = blocks.batch_norm(x, name=f"up{index}_bn", scale=spread)
        if not last:
            x = blocks.leaky_relu(x, name=f"up{index}_relu")
    return x


def _logit(image: blocks.Tensor) -> blocks.Tensor:
    """The inverse of the sigmoid, half a level off black and white."""
    inside = keras.ops.clip(image, HALF_LEVEL, 1.0 - HALF_LEVEL)
    return keras.ops.log(inside / (1.0 - inside))


def _check(
    filters: Sequence[int],
    strides: Sequence[int],
    up_filters: Sequence[int],
    up_scales: Sequence[int],
) -> None:
    """Raises where the four lists do not describe one generator."""
    if len(filters) != len(strides):
        raise ValueError(
            "filters and strides must have one value per down block. "
            f"Received: filters={filters}, strides={strides}"
        )
    if len(up_scales) != len(up_filters) + 1:
        raise ValueError(
            "up_scales must have one value more than up_filters. "
            f"Received: up_scales={up_scales}, up_filters={up_filters}"
        )
    down, up = keras.ops.prod(strides), keras.ops.prod(up_scales)
    if int(down) != int(up):
        raise ValueError(
            "strides and up_scales must have the same product. "
            f"Received: strides={strides}, up_scales={up_scales}"
        )
