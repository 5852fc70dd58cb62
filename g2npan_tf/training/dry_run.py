"""What `--epochs=0` does: try everything once, measure it, save nothing.

Also counts the arithmetic of the networks and of a training step.
"""

import dataclasses
import math
import resource
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.data import protocols
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import TrainingModel
from g2npan_tf.scoring.model_facts import extra_words
from g2npan_tf.training.callbacks import StopOnNonFinite
from g2npan_tf.training.tensorboard import StepTime

MIB = 2**20
# Bytes of a float32.
_VALUE = 4
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


@dataclasses.dataclass(frozen=True)
class Memory:
    """MiB: two estimates by counting, then what the process had at most."""

    weights: float
    activations: float
    start: float
    forward: float
    step: float


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a dry run finds."""

    data: dict[str, Any]  # From `base.run_facts`.
    preset: str
    images: dict[str, int]  # That train, validate and test.
    steps_per_epoch: int
    batch_size: int  # Over all replicas.
    replicas: int  # Of all workers.
    parameters: dict[str, int]  # By network.
    forward_gflop: dict[str, float]  # For one image, by network.
    step_gflop: float  # For one image of a training step.
    memory: Memory
    first_step: float  # Seconds; this step traces the graph.
    step: float  # Seconds of the next one.
    # Of a step of the generator alone, if the run has such epochs.
    step_alone: float | None
    mos: tuple[float, float]  # Lowest and highest of one batch, untrained.

    @property
    def images_per_second(self) -> float:
        """Of training steps, without what is around them."""
        return self.batch_size / self.step

    @property
    def _alone(self) -> str:
        """What is said of the epochs of the generator alone."""
        if self.step_alone is None:
            return ""
        epoch = self.step_alone * self.steps_per_epoch
        return f"; the generator alone: {self.step_alone:.2f} s a step, " + (
            f"{epoch:.0f} s an epoch"
        )

    def __str__(self) -> str:
        """Several lines, as a person reads them."""
        images, memory = self.images, self.memory
        extra = extra_words(self.data)
        lines = [
            f"{self.data['name']}, preset {self.preset}",
            *([f"extra data: {extra}"] if extra else []),
            f"images: {images['train']} train, {images['validation']} "
            f"validate, {images['test']} test; {self.steps_per_epoch} steps "
            f"of {self.batch_size} an epoch; replicas: {self.replicas}",
            "",
            f"{'network':<24}{'parameters':>12}{'GFLOP/image':>13}",
        ]
        for name, count in self.parameters.items():
            gflop = self.forward_gflop[name]
            lines.append(f"{name + ', forward':<24}{count:>12,}{gflop:>13.3f}")
        lines += [
            f"{'training step':<36}{self.step_gflop:>13.3f}  "
            f"({self.batch_size * self.step_gflop:.1f} a step)",
            "",
            f"memory: {memory.weights + memory.activations:.0f} MiB "
            f"estimated (weights, gradients, moments {memory.weights:.0f}, "
            f"activations {memory.activations:.0f}); the process had at most "
            f"{memory.start:.0f} MiB before, {memory.forward:.0f} after one "
            f"batch forward, {memory.step:.0f} after training steps",
            f"time:   {self.first_step:.1f} s for the first step, which "
            f"traces the graph, {self.step:.2f} s for the next; "
            f"{self.step * self.steps_per_epoch:.0f} s an epoch{self._alone}",
            f"scores: MOS {self.mos[0]:.2f} to {self.mos[1]:.2f} "
            "of one batch, untrained",
        ]
        return "\n".join(lines)


def measure(
    model: TrainingModel,
    batches: tf.data.Dataset,
    steps: int,
    sources: Sequence[base.Source],
    parts: protocols.Parts,
    facts: dict[str, Any],
    config: Config,
) -> Measured:
    """Scores one batch and trains two steps, whose outcome is thrown away.

    Choice: without the warm-up, so with the costlier step that has Eq. 10.
    The first step traces the graph, so the second is timed. The compiled model
    is changed; batches and steps of an epoch are those of `training_batches`,
    made of the sources; parts and facts are of the run.
    """
    model.objective = dataclasses.replace(model.objective, warmup_steps=0)
    start = peak_mib()
    mos = _forward(model, sources[0], config.batch_size)
    forward = peak_mib()
    first_step, step = _train(model, batches, config.batch_size)
    step_alone = None
    if config.epochs_alone and isinstance(model, G2NPAN):
        model.train_generator_alone(True)
        _, step_alone = _train(model, batches, config.batch_size)
    weights, activations = _estimated_mib(model, config.batch_size)
    networks = _networks(model)
    return Measured(
        data=facts,
        preset=config.preset,
        images={
            "train": sum(len(source.places) for source in sources),
            "validation": len(parts.validation),
            "test": len(parts.test),
        },
        steps_per_epoch=steps,
        batch_size=config.batch_size,
        replicas=model.distribute_strategy.num_replicas_in_sync,
        parameters={net.name: net.count_params() for net in networks},
        forward_gflop={net.name: forward_gflop(net) for net in networks},
        step_gflop=sum(step_gflop(model).values()),
        memory=Memory(weights, activations, start, forward, peak_mib()),
        first_step=first_step,
        step=step,
        step_alone=step_alone,
        mos=mos,
    )


def forward_gflop(model: keras.Model) -> float:
    """Counts a forward pass of one image, in units of 1e9 operations.

    A multiplication and the addition to the sum are two operations. Only
    convolutions and dense layers are counted (see `NOT_COUNTED`); the zeros
    of the padding count as pixels. The model may be of models; every layer is
    used once, and one with another kernel is refused.
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


def step_gflop(model: TrainingModel) -> dict[str, float]:
    """Counts a training step per image of the batch, part by part.

    By the rule of `STEP_RULE`. It is a little more than what is done: the
    first layer of a network needs no gradient of its input image, and
    up-sampling is joined with the convolution after it. Units of 1e9 operations
    of `generator`, `discriminator`, `quality_network`, `Eq. 10` and, if the
    CAM's target is that of the reference, `CAM target`; without GAN only the
    third and the last.
    """
    objective = model.objective
    blind = network = forward_gflop(model.quality_network)
    parts = {"quality_network": 3 * network}
    if isinstance(model, G2NPAN):
        generator = forward_gflop(model.generator)
        blind = generator + network
        second = blind if objective.perception_pass == "full" else network
        parts = {
            "generator": 3 * generator,
            "discriminator": (2 * 3 + 1) * forward_gflop(model.discriminator),
            **parts,
            "Eq. 10": second if objective.use_perception_weight else 0.0,
        }
    if objective.cam_target == "reference":
        parts["CAM target"] = blind
    return parts


def peak_mib() -> float:
    """Most memory that the process had so far, in MiB."""
    # ru_maxrss is in KiB on Linux.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _networks(model: TrainingModel) -> list[keras.Model]:
    return [getattr(model, name) for name in model.NETWORKS]


def _estimated_mib(
    model: TrainingModel, batch_size: int
) -> tuple[float, float]:
    """What weights and activations of a step need at once, in MiB.

    Over all replicas. Every parameter has its gradient and two moments; the
    output of every layer is kept for the backward pass, the discriminator's of
    two images.
    """
    values = 0
    for net in _networks(model):
        twice = 2 if net.name == "discriminator" else 1
        values += twice * _layer_outputs(net)
    parameters = sum(net.count_params() for net in _networks(model))
    replicas = model.distribute_strategy.num_replicas_in_sync
    return (
        4 * _VALUE * replicas * parameters / MIB,
        _VALUE * batch_size * values / MIB,
    )


def _layer_outputs(net: keras.Model) -> int:
    """Number of values that the layers put out for one image."""
    return sum(
        math.prod(output.shape[1:])
        for layer in net.layers
        if not isinstance(layer, keras.layers.InputLayer)
        for output in keras.tree.flatten(layer.output)
    )


def _forward(
    model: TrainingModel, source: base.Source, batch_size: int
) -> tuple[float, float]:
    """Scores a batch of training images; lowest and highest MOS."""
    # As many tiles as a batch has.
    count = max(1, batch_size // model.tiles_per_side**2)
    images = base.read(source.builder, source.places[:count])["image"]
    mos = model.scorer(images, training=False)["mos"]
    return float(np.min(mos)), float(np.max(mos))


def _train(
    model: TrainingModel, batches: tf.data.Dataset, batch_size: int
) -> tuple[float, float]:
    """Trains two steps; seconds of the first one and of the second."""
    start = time.perf_counter()
    step_time = StepTime(batch_size)
    model.fit(
        batches,
        epochs=1,
        steps_per_epoch=2,
        shuffle=False,
        verbose=0,
        callbacks=[StopOnNonFinite(None), step_time],
    )
    second = step_time.figures["seconds_per_step"]
    return time.perf_counter() - start - second, second
