"""The blind path that is shipped: uint8 pixels in, MOS and maps out."""

import keras
from keras import ops

from g2npan_tf import mos
from g2npan_tf.models.blocks import Tensor


def discrepancy_map(image: Tensor, pseudo_reference: Tensor) -> Tensor:
    """The "nuance": what the best version of the image has and it has not.

    Equation: 4

    Args:
        image: I_org. Shape `[batch, height, width, 3]`, range [0, 1].
        pseudo_reference: I_hq = G(I_org). Same shape and range.

    Returns:
        I_sub of the same shape, range [0, 1].
    """
    return ops.absolute(pseudo_reference - image)


def predicted_quality(quality_logit: Tensor) -> Tensor:
    """The quality that a logit stands for: the sigmoid.

    Equation: 8

    Args:
        quality_logit: Q_pre or a map of CAM logits. Any shape, any real.

    Returns:
        Same shape, range (0, 1).
    """
    return ops.sigmoid(quality_logit)


def build_scorer(
    quality_network: keras.Model, generator: keras.Model | None = None
) -> keras.Model:
    """Joins the trained networks to the one graph that scores an image.

    Args:
        quality_network: From `build_quality_network`.
        generator: From `build_generator`, or None if trained without GAN.

    Returns:
        Functional model from `image`, uint8 `[batch, size, size, 3]`, RGB, to
        a dict of float32: `mos` `[batch]`, 1..5; `quality` `[batch]`, 0..1;
        `cam` `[batch, rows, columns]`, local quality 0..1; and with a
        generator `reference` (I_hq) and `nuance` (I_sub), both
        `[batch, size, size, 3]`, 0..1.
    """
    shape = quality_network.input["image"].shape[1:]
    image = keras.Input(shape, dtype="uint8", name="image")
    # The scaling is a layer, so that no client can preprocess wrongly.
    scaled = keras.layers.Rescaling(1 / 255, dtype="float32", name="scaling")(
        image
    )
    features = {"image": scaled}
    maps = {}
    if generator is not None:
        generated = generator(scaled, training=False)
        nuance = discrepancy_map(scaled, generated["pseudo_reference"])
        features["discrepancy"] = nuance
        features["ufw_features"] = generated["ufw_features"]
        maps = {"reference": generated["pseudo_reference"], "nuance": nuance}
    assessed = quality_network(features, training=False)
    quality = predicted_quality(assessed["quality_logit"])
    outputs = {
        "mos": mos.to_mos(quality),
        "quality": quality,
        "cam": predicted_quality(assessed["cam_logits"]),
        **maps,
    }
    return keras.Model(image, outputs, name="scorer")
