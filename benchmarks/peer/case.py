"""Random weights and images for both engines, named as PyTorch does."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.model.discriminator import build_discriminator
from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.train_step import G2NPAN

Arrays = dict[str, np.ndarray]
# PyTorch's names of what Keras keeps in a layer.
_WEIGHTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def build(config: Config, image_size: int) -> G2NPAN:
    """The networks of a configuration for images of any size."""
    generator = build_generator(
        config.generator_filters,
        config.generator_strides,
        config.up_filters,
        config.up_scales,
        config.num_ufw,
        image_size,
    )
    return G2NPAN(
        generator,
        build_discriminator(
            config.discriminator_filters, image_size=image_size
        ),
        build_quality_network(
            config.backbone,
            config.vgg_width,
            config.vgg_batch_norm,
            tuple(generator.output["ufw_features"].shape[1:]),
            image_size,
        ),
    )


def networks(model: G2NPAN) -> tuple[keras.Model, ...]:
    """The three networks; their names are the peer's."""
    return model.generator, model.discriminator, model.quality_network


def exported(net: keras.Model, variables: Any, values: Any) -> Arrays:
    """Names and lays out values of variables as PyTorch does.

    Kernels `[rows, columns, in, out]` become `[out, in, rows, columns]`, and
    mirrored: TensorFlow's "same" pads an even image at its far end, a stride
    of 2 with `padding=1` uses only the near one. On mirrored images mirrored
    kernels sum the same pixels.

    Args:
        net: Its name is the prefix.
        variables: Some of its variables.
        values: An array for each: the weight, or its gradient.

    Returns:
        Arrays by name, e.g. `generator.down1_conv.weight`.
    """
    arrays = {}
    for variable, value in zip(variables, values, strict=True):
        layer, weight = variable.path.split("/")[-2:]
        array = np.asarray(value)
        if array.ndim == 4:
            array = array[::-1, ::-1].transpose(3, 2, 0, 1)
        arrays[f"{net.name}.{layer}.{_WEIGHTS[weight]}"] = array
    return arrays


def random_batch(batch_size: int, size: int, seed: int) -> Arrays:
    """Noisy patches of random colour, scores and CAM targets."""
    rng = np.random.default_rng(seed)
    shape = (2, batch_size, size // 8, size // 8, 3)
    coarse = rng.uniform(0, 180, shape).repeat(8, axis=2).repeat(8, axis=3)
    # Without the noise, pools would see equal pixels and choose any of them.
    noisy = coarse + rng.uniform(0, 75, coarse.shape)
    # From dark to bright, so that the second quality differs clearly.
    bright = np.linspace(0.1, 1, batch_size).reshape(-1, 1, 1, 1)
    image, reference = (bright * noisy).astype(np.uint8)
    grid = (batch_size, size // 16, size // 16)
    return {
        "image": image,
        "reference": reference,
        "quality": rng.random(batch_size, dtype=np.float32),
        "cam_target": rng.random(grid, dtype=np.float32),
    }


def randomize(model: G2NPAN, batch: Arrays, seed: int) -> None:
    """Gives every bias, scale and statistic a value that shows.

    The CAM's bias is set so that some images get W = 1 and some W = 0, and none
    is so near the threshold that another engine's roundings turn it.
    """
    rng = np.random.default_rng(seed)
    for net in networks(model):
        for variable in net.weights:
            name, shape = variable.path.split("/")[-1], variable.shape
            if name == "gamma":
                variable.assign(rng.uniform(0.5, 1.5, shape))
            elif name == "moving_variance":
                # Above 1, or the sums over skips would grow and grow.
                variable.assign(rng.uniform(2.0, 4.0, shape))
            elif name != "kernel":
                variable.assign(rng.normal(0, 0.1, shape))
    logits = _second_logits(model, scaled(batch["image"]))
    bias = model.quality_network.get_layer("cam").bias
    bias.assign_sub([_widest_gap(np.asarray(logits))])


def _widest_gap(values: np.ndarray) -> float:
    """The middle of the widest gap between neighbours."""
    ordered = np.sort(values)
    lower = int(np.argmax(np.diff(ordered)))
    return float(ordered[lower] + ordered[lower + 1]) / 2


def _second_logits(model: G2NPAN, image: tf.Tensor) -> tf.Tensor:
    """Q_pre of I_hq as Eq. 10 finds it: with the means after a pass."""
    kept = [net.get_weights() for net in networks(model)]
    generated = model.generator(image, training=True)
    assess(model, image, generated, training=True)
    pseudo_reference = generated["pseudo_reference"]
    again = model.generator(pseudo_reference, training=False)
    assessed = assess(model, pseudo_reference, again, training=False)
    for net, values in zip(networks(model), kept, strict=True):
        net.set_weights(values)
    return assessed["quality_logit"]


def assess(
    model: G2NPAN, image: tf.Tensor, generated: Any, training: bool
) -> dict[str, tf.Tensor]:
    """The quality network on an image and what the generator made of it."""
    nuance = tf.abs(generated["pseudo_reference"] - image)
    features = generated["ufw_features"]
    return model.quality_network(
        {"image": image, "discrepancy": nuance, "ufw_features": features},
        training=training,
    )


def scaled(pixels: np.ndarray) -> tf.Tensor:
    """uint8 to 0..1."""
    return tf.constant(pixels / np.float32(255))
