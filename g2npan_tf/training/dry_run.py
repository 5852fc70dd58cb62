"""What `--epochs=0` does: try everything once, measure it, save nothing."""

import dataclasses
import math
import resource
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import PlainAssessment
from g2npan_tf.training import complexity
from g2npan_tf.training.stopping import StopOnNonFinite
from g2npan_tf.training.tensorboard import StepTime

MIB = 2**20
# Bytes of a float32.
_VALUE = 4


def measure(
    model: G2NPAN | PlainAssessment,
    batches: tf.data.Dataset,
    steps: int,
    builder: tfds.core.DatasetBuilder,
    config: Config,
) -> dict[str, Any]:
    """Scores one batch and trains two steps, whose outcome is thrown away.

    Choice: without the warm-up, so with the costlier step that has Eq. 10.
    The first step traces the graph, so the second is timed.

    Args:
        model: Compiled; is changed.
        batches: From `training_data.training_batches`.
        steps: Steps of an epoch.
        builder: Of the data set.
        config: Of the experiment.

    Returns:
        `epochs`: 0; `data`, `preset`, `replicas`; `images` of each part;
        `steps_per_epoch`, `batch_size`; `parameters` and `forward_gflop` (per
        image) by network; `step_gflop` (per image); `memory_mib`;
        `seconds`; `mos`: lowest and highest score of the batch.

    Raises:
        FloatingPointError: If a loss is not finite.
    """
    parts = base.divide(builder, config)
    model.objective = dataclasses.replace(model.objective, warmup_steps=0)
    facts = {
        "epochs": 0,
        "data": base.facts(builder),
        "preset": config.preset,
        "replicas": model.distribute_strategy.num_replicas_in_sync,
        "images": {
            name: len(getattr(parts, name))
            for name in ("train", "validation", "test")
        },
        "steps_per_epoch": steps,
        "batch_size": config.batch_size,
        "step_gflop": sum(complexity.step_gflop(model).values()),
    }
    for name, function in (
        ("parameters", keras.Model.count_params),
        ("forward_gflop", complexity.forward_gflop),
    ):
        facts[name] = {net.name: function(net) for net in _networks(model)}
    memory = {**_estimated_mib(model, config.batch_size), "start": _peak_mib()}
    mos = _forward(model, builder, parts.train[: config.batch_size])
    memory["forward"] = _peak_mib()
    seconds = _train(model, batches, config.batch_size)
    memory["step"] = _peak_mib()
    return facts | {"memory_mib": memory, "seconds": seconds, "mos": mos}


def table(facts: dict[str, Any]) -> str:
    """The facts as a person reads them.

    Args:
        facts: From `measure`.

    Returns:
        Several lines.
    """
    images, memory = facts["images"], facts["memory_mib"]
    batch, seconds = facts["batch_size"], facts["seconds"]
    lines = [
        f"{facts['data']['name']}, preset {facts['preset']}",
        f"images: {images['train']} train, {images['validation']} validate, "
        f"{images['test']} test; {facts['steps_per_epoch']} steps of {batch} "
        f"an epoch; replicas: {facts['replicas']}",
        "",
        f"{'network':<24}{'parameters':>12}{'GFLOP/image':>13}",
    ]
    for name, count in facts["parameters"].items():
        gflop = facts["forward_gflop"][name]
        lines.append(f"{name + ', forward':<24}{count:>12,}{gflop:>13.3f}")
    per_image = facts["step_gflop"]
    lines += [
        f"{'training step':<36}{per_image:>13.3f}  "
        f"({batch * per_image:.1f} a step)",
        "",
        f"memory: {memory['weights'] + memory['activations']:.0f} MiB "
        f"estimated (weights, gradients, moments {memory['weights']:.0f}, "
        f"activations {memory['activations']:.0f}); the process had at most "
        f"{memory['start']:.0f} MiB before, {memory['forward']:.0f} after one "
        f"batch forward, {memory['step']:.0f} after training steps",
        f"time:   {seconds['first_step']:.1f} s for the first step, which "
        f"traces the graph, {seconds['step']:.2f} s for the next; "
        f"{seconds['step'] * facts['steps_per_epoch']:.0f} s an epoch",
        f"scores: MOS {facts['mos'][0]:.2f} to {facts['mos'][1]:.2f} "
        "of one batch, untrained",
    ]
    return "\n".join(lines)


def _networks(model: G2NPAN | PlainAssessment) -> list[keras.Model]:
    """The networks that are trained."""
    if isinstance(model, PlainAssessment):
        return [model.quality_network]
    return [model.generator, model.discriminator, model.quality_network]


def _estimated_mib(
    model: G2NPAN | PlainAssessment, batch_size: int
) -> dict[str, float]:
    """What a step needs at once over all replicas, by counting, in MiB.

    Every parameter has its gradient and two moments; the output of every
    layer is kept for the backward pass, the discriminator's of two images.
    """
    values = 0
    for net in _networks(model):
        twice = 2 if net.name == "discriminator" else 1
        values += twice * _layer_outputs(net)
    parameters = sum(net.count_params() for net in _networks(model))
    replicas = model.distribute_strategy.num_replicas_in_sync
    return {
        "weights": 4 * _VALUE * replicas * parameters / MIB,
        "activations": _VALUE * batch_size * values / MIB,
    }


def _layer_outputs(net: keras.Model) -> int:
    """Number of values that the layers put out for one image."""
    return sum(
        math.prod(output.shape[1:])
        for layer in net.layers
        if not isinstance(layer, keras.layers.InputLayer)
        for output in keras.tree.flatten(layer.output)
    )


def _forward(
    model: G2NPAN | PlainAssessment,
    builder: tfds.core.DatasetBuilder,
    rows: np.ndarray,
) -> list[float]:
    """Scores a batch of some rows of the base; lowest and highest MOS."""
    # As many tiles as a batch has.
    count = max(1, len(rows) // model.tiles_per_side**2)
    images = base.read(builder, rows[:count])["image"]
    mos = model.scorer(images, training=False)["mos"]
    return [float(np.min(mos)), float(np.max(mos))]


def _train(
    model: G2NPAN | PlainAssessment, batches: tf.data.Dataset, batch_size: int
) -> dict[str, float]:
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
    return {
        "first_step": time.perf_counter() - start - second,
        "step": second,
    }


def _peak_mib() -> float:
    """Most memory that the process had so far, in MiB."""
    # ru_maxrss is in KiB on Linux.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
