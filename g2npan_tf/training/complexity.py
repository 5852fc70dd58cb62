"""Counts the arithmetic of the networks and of a training step."""

import math

import keras

from g2npan_tf.core.errors import InputError
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import PlainAssessment

NOT_COUNTED = (
    "biases, activations, batch normalisation, sums, pooling, up-sampling, "
    "resizing, losses and optimisers"
)
STEP_RULE = (
    "a backward pass counts as two forward passes; G and AQA forward and "
    "backward once, D forward and backward on two images and back through the "
    "generated one for G, one more forward pass of G and AQA for Eq. 10 (which "
    "steps of its warm-up leave out)"
)


def forward_gflop(model: keras.Model) -> float:
    """Counts a forward pass of one image.

    A multiplication and the addition to the sum are two operations. Only
    convolutions and dense layers are counted (see `NOT_COUNTED`); the zeros
    of the padding count as pixels.

    Args:
        model: Functional or sequential model, also of models, of which every
            layer is used once.

    Returns:
        Operations in units of 1e9.

    Raises:
        InputError: If a layer has a kernel and is none that is counted.
    """
    total = 0.0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += forward_gflop(layer)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            # All axes of a kernel but the last are what one value sums over.
            summed = math.prod(layer.kernel.shape[:-1])
            total += 2e-9 * math.prod(layer.output.shape[1:]) * summed
        elif hasattr(layer, "kernel"):
            raise InputError(
                f"{model.name}: layer {layer.name} is not counted. Expected "
                f"Conv2D or Dense. Received: {type(layer).__name__}"
            )
    return total


def step_gflop(model: G2NPAN | PlainAssessment) -> dict[str, float]:
    """Counts a training step per image of the batch, part by part.

    By the rule of `STEP_RULE`. It is a little more than what is done: the
    first layer of a network needs no gradient of its input image, and
    up-sampling is joined with the convolution after it.

    Args:
        model: A compiled model.

    Returns:
        Operations in units of 1e9 of `generator`, `discriminator`,
        `quality_network`, `Eq. 10` and, if the CAM's target is that of the
        reference, `CAM target`; without GAN only the third and the last.
    """
    if isinstance(model, PlainAssessment):
        network = forward_gflop(model.quality_network)
        return _with_cam_target(
            model.objective.cam_target,
            {"quality_network": 3 * network},
            network,
        )
    generator, discriminator, quality_network = (
        forward_gflop(net)
        for net in (model.generator, model.discriminator, model.quality_network)
    )
    objective = model.objective
    blind = generator + quality_network
    second = blind if objective.perception_pass == "full" else quality_network
    if not objective.use_perception_weight:
        second = 0.0
    parts = {
        "generator": 3 * generator,
        "discriminator": (2 * 3 + 1) * discriminator,
        "quality_network": 3 * quality_network,
        "Eq. 10": second,
    }
    return _with_cam_target(objective.cam_target, parts, blind)


def _with_cam_target(
    cam_target: str, parts: dict[str, float], blind: float
) -> dict[str, float]:
    """The parts and one more blind pass where the CAM's target needs it."""
    return parts | ({"CAM target": blind} if cam_target == "reference" else {})
