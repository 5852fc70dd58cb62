"""The blind path that is shipped: uint8 pixels in, MOS and maps out."""

import keras
import numpy as np
from keras import ops

from g2npan_tf.core import mos
from g2npan_tf.model.blocks import Tensor
from g2npan_tf.model.quality_network import SIGNED
from g2npan_tf.model.quality_network import WEIGHTS
from g2npan_tf.model.spectrum import foreground


def discrepancy_map(image: Tensor, pseudo_reference: Tensor) -> Tensor:
    """The "nuance": what the image lacks against its best version.

    Equation: 4

    Args:
        image: I_org, range [0, 1].
        pseudo_reference: I_hq = G(I_org). Same shape and range.

    Returns:
        I_sub. Same shape and range.
    """
    return ops.absolute(pseudo_reference - image)


def assessed_features(
    network: keras.Model, image: Tensor, generated: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The inputs of a quality network, by name.

    Args:
        network: From `build_quality_network`.
        image: I_org, range [0, 1].
        generated: The generator's outputs for the image; empty without GAN.
    """
    if not generated:
        return {"image": image}
    pseudo_reference = generated["pseudo_reference"]
    features = {
        "image": image,
        "discrepancy": discrepancy_map(image, pseudo_reference),
        "ufw_features": generated["ufw_features"],
    }
    if SIGNED in network.input:
        features[SIGNED] = image - pseudo_reference
    return features


def predicted_quality(quality_logit: Tensor) -> Tensor:
    """The quality in 0..1 of a logit, Q_pre or of a CAM: the sigmoid.

    Equation: 8
    """
    return ops.sigmoid(quality_logit)


def split_tiles(image: Tensor, tiles_per_side: int) -> Tensor:
    """Cuts square images into a grid of tiles.

    Returns:
        `[batch * tiles_per_side ** 2, size, size, 3]`, row by row.
    """
    size = image.shape[1] // tiles_per_side
    grid = (-1, tiles_per_side, size, tiles_per_side, size * 3)
    # At most five axes: LiteRT transposes more only in slow extra steps.
    tiles = ops.transpose(ops.reshape(image, grid), (0, 1, 3, 2, 4))
    return ops.reshape(tiles, (-1, size, size, 3))


def join_tiles(tiles: Tensor, tiles_per_side: int) -> Tensor:
    """Puts maps of tiles together, with or without a channel axis.

    The inverse of `split_tiles`.
    """
    size, channels = tiles.shape[1], tiles.shape[3:]
    depth = channels[0] if channels else 1
    grid = (-1, tiles_per_side, tiles_per_side, size, size * depth)
    image = ops.transpose(ops.reshape(tiles, grid), (0, 1, 3, 2, 4))
    side = tiles_per_side * size
    return ops.reshape(image, (-1, side, side, *channels))


def tile_weights(
    tiles: Tensor, tiles_per_side: int, cells: Tensor | None = None
) -> Tensor:
    """How much each tile of `split_tiles` counts for its image.

    Choice: by the share that is not background, since more than half of a CT
    slice is black, where nothing can be better or worse. If the quality
    network has weights of `cells`, `[tiles, rows, columns]`, by their mean.

    Returns:
        `[batch, tiles_per_side ** 2]`; above 0, so that a black image has a
        mean.
    """
    if cells is None:
        shares = ops.mean(foreground(tiles), axis=(1, 2, 3))
    else:
        shares = ops.mean(cells, axis=(1, 2))
    return ops.reshape(shares, (-1, tiles_per_side**2)) + 1e-3


def mean_of_tiles(quality: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of tiles' qualities, for each image.

    `weights` are of `tile_weights`; a black image has the plain mean.
    """
    weighted = weights * ops.reshape(quality, (-1, weights.shape[1]))
    return ops.sum(weighted, axis=1) / ops.sum(weights, axis=1)


def build_scorer(
    quality_network: keras.Model,
    generator: keras.Model | None = None,
    tiles_per_side: int = 1,
) -> keras.Model:
    """Joins the trained networks into the one graph that scores an image.

    Choice: where texture counts (`tiles_per_side > 1`), an image is not
    shrunk but cut into tiles. Its quality is `mean_of_tiles`; its maps are the
    tiles' maps side by side.

    Args:
        quality_network: From `build_quality_network`.
        generator: From `build_generator`, or None if trained without GAN.
        tiles_per_side: Tiles of the networks' size along a side of the image.

    Returns:
        Functional model from `image`, uint8 `[batch, size, size, 3]`, RGB,
        where size is `tiles_per_side` times that of the networks, to
        a dict of float32: `mos` `[batch]`, 1..5; `quality` `[batch]`, 0..1;
        `cam` `[batch, rows, columns]`, local quality 0..1; and with a
        generator `reference` (I_hq) and `nuance` (I_sub), both
        `[batch, size, size, 3]`, 0..1.
    """
    side = tiles_per_side * quality_network.input["image"].shape[1]
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    # The scaling is a layer, so that no client can preprocess wrongly.
    scaled = keras.layers.Rescaling(1 / 255, dtype="float32", name="scaling")(
        image
    )
    if tiles_per_side > 1:
        scaled = split_tiles(scaled, tiles_per_side)
    generated, maps = {}, {}
    if generator is not None:
        generated = generator(scaled, training=False)
    features = assessed_features(quality_network, scaled, generated)
    if generated:
        maps["reference"] = generated["pseudo_reference"]
        maps["nuance"] = features["discrepancy"]
    assessed = quality_network(features, training=False)
    quality = predicted_quality(assessed["quality_logit"])
    maps["cam"] = predicted_quality(assessed["cam_logits"])
    if tiles_per_side > 1:
        weights = tile_weights(scaled, tiles_per_side, assessed.get(WEIGHTS))
        quality = mean_of_tiles(quality, weights)
        maps = {n: join_tiles(x, tiles_per_side) for n, x in maps.items()}
    outputs = {"mos": mos.to_mos(quality), "quality": quality, **maps}
    return keras.Model(image, outputs, name="scorer")


def with_interval(scorer: keras.Model, half_width: float) -> keras.Model:
    """Adds the ends of an interval around the score, cut to the scale.

    Choice: Keras layers with constants, so that any client can load them. The
    distance from each end of the scale is cut at 0. Any earlier interval is
    replaced.

    Args:
        scorer: From `build_scorer`.
        half_width: In MOS, at least 0; infinite for the whole scale.

    Returns:
        A model of the same layers with two more outputs, `mos_low` and
        `mos_high`, float32 `[batch]`, 1..5.
    """
    span = mos.MOS_MAX - mos.MOS_MIN
    half_width = min(half_width, span)
    outputs = dict(scorer.output)
    for name, towards, offset, end in (
        ("mos_low", 1.0, 0.0, mos.MOS_MIN),
        ("mos_high", -1.0, span, mos.MOS_MAX),
    ):
        left = keras.layers.Rescaling(
            towards * span,
            offset - half_width,
            dtype="float32",
            name=f"{name}_left",
        )(outputs["quality"])
        cut = keras.layers.ReLU(dtype="float32", name=f"{name}_cut")(left)
        outputs[name] = keras.layers.Rescaling(
            towards, end, dtype="float32", name=name
        )(cut)
    return keras.Model(scorer.input, outputs, name=scorer.name)


def predict(
    scorer: keras.Model, images: np.ndarray, batch_size: int
) -> dict[str, np.ndarray]:
    """Scores images batch by batch, even with more replicas than images.

    TensorFlow fails on a replica without images, so each batch is filled up
    with copies, whose scores are dropped.

    Args:
        scorer: From `build_scorer`.
        images: uint8 `[n, size, size, 3]`, n > 0.
        batch_size: Rounded up to a multiple of the replicas.

    Returns:
        What `build_scorer` describes, as arrays of n rows.
    """
    replicas = scorer.distribute_strategy.num_replicas_in_sync
    filled = np.resize(
        images, (-(-len(images) // replicas) * replicas, *images.shape[1:])
    )
    scores = scorer.predict(
        filled, batch_size=-(-batch_size // replicas) * replicas, verbose=0
    )
    return {name: values[: len(images)] for name, values in scores.items()}
