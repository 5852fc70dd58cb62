"""What each part of a training step costs.

Every part is a graph of its own with fixed inputs, run in turns with the
whole step; processor time is compared, which adds up also where parts of the
step run side by side.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.timing import PIPELINE
from benchmarks.timing import STEP
from benchmarks.timing import Figure
from benchmarks.timing import Subject
from g2npan_tf.core.config import Config
from g2npan_tf.model.cam_target import similarity_map
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.training import dry_run

Batch = dict[str, tf.Tensor]
Call = Callable[[], Any]

GENERATOR = "G: forward and backward"
DISCRIMINATOR = "D: forward, backward for itself and for G"
QUALITY_NETWORK = "AQA: forward and backward"
SECOND_PASS = "Eq. 10: second pass (`perception_pass=full`)"
OPTIMISERS = "Optimisers: three times Adam"
IN_STEP = (GENERATOR, DISCRIMINATOR, QUALITY_NETWORK, SECOND_PASS, OPTIMISERS)
FAST_PASS = "Eq. 10: with `perception_pass=fast` instead"
QUALITY_MAP = "CAM target: SSIM map (once an image, then cached)"
BLIND_TARGET = "CAM target: with `cam_target=reference` instead, every step"
HEAD = ("Part", "CPU ms/image", "Share of the step", "GFLOP/image")


def part_subjects(
    model: G2NPAN, config: Config, batch: Batch, threads: int
) -> list[Subject]:
    """Prepares the parts of a step and what could take their place.

    Args:
        model: Compiled; its weights are moved by the optimisers' part.
        config: Of the same experiment.
        batch: From `training_data.training_batches`.
        threads: Threads that TensorFlow uses.

    Returns:
        One subject for each name above.
    """
    gflop = dry_run.step_gflop(model)
    forward = dry_run.forward_gflop
    second, blind = forward(model.quality_network), forward(model.scorer)
    counted = {
        GENERATOR: gflop["generator"],
        DISCRIMINATOR: gflop["discriminator"],
        QUALITY_NETWORK: gflop["quality_network"],
        SECOND_PASS: blind,
        FAST_PASS: second,
        BLIND_TARGET: blind,
    }
    size = config.batch_size
    return [
        Subject(name, call, size, counted.get(name, 0.0), threads)
        for name, call in _calls(model, batch).items()
    ]


def compiled(call: Call) -> Call:
    """A part as a graph."""
    return tf.function(call)


def _calls(model: G2NPAN, batch: Batch) -> dict[str, Call]:
    """The parts by name, each on inputs that do not change."""
    image, reference = (
        tf.cast(batch[name], tf.float32) / 255
        for name in ("image", "reference")
    )
    made = model.generator(image, training=False)
    weight = tf.zeros_like(batch["quality"])
    # The methods of the step itself, so that this cannot measure another one.
    calls: dict[str, Call] = {
        GENERATOR: _generator_pass(model, image, made),
        DISCRIMINATOR: lambda: model._discriminate(reference, made, weight),
        QUALITY_NETWORK: lambda: model._assess(image, reference, made, batch),
        SECOND_PASS: lambda: model._second_quality(made),
        OPTIMISERS: _updates(model),
        FAST_PASS: lambda: model._second_quality(made),
        BLIND_TARGET: lambda: model._blind(reference),
    }
    options: dict[str, dict[str, Any]] = {
        QUALITY_NETWORK: {"cam_target": "quality_map"},
        SECOND_PASS: {"perception_pass": "full"},
        FAST_PASS: {"perception_pass": "fast"},
    }
    parts = {
        name: _under(model, options.get(name, {}), compiled(call))
        for name, call in calls.items()
    }
    pairs = [*zip(image.numpy(), reference.numpy(), strict=True)]
    # No graph: NumPy and OpenCV.
    return {
        **parts,
        QUALITY_MAP: lambda: [similarity_map(*pair) for pair in pairs],
    }


def _under(model: G2NPAN, options: dict[str, Any], call: Call) -> Call:
    """A call during which the model's objective has other options."""

    def run() -> Any:
        objective = model.objective
        model.objective = dataclasses.replace(objective, **options)
        try:
            return call()
        finally:
            model.objective = objective

    return run


def _generator_pass(model: G2NPAN, image: tf.Tensor, made: Batch) -> Call:
    """G's forward pass, and backward from any gradient of its outputs."""
    upstream = {name: 1e-3 * tf.ones_like(x) for name, x in made.items()}
    variables = model.generator.trainable_variables

    def run() -> Any:
        with tf.GradientTape() as tape:
            outputs = model._train_generator(image)
        return tape.gradient(outputs, variables, output_gradients=upstream)

    return run


def _updates(model: G2NPAN) -> Call:
    """An update of every weight by gradients that do not change."""
    pairs = [
        (model.generator_optimizer, model.generator),
        (model.discriminator_optimizer, model.discriminator),
        (model.quality_optimizer, model.quality_network),
    ]
    gradients = [
        [1e-3 * tf.ones(v.shape) for v in net.trainable_variables]
        for _, net in pairs
    ]

    def run() -> None:
        for (optimizer, net), values in zip(pairs, gradients, strict=True):
            optimizer.apply(values, net.trainable_variables)

    return run


def table(figures: Mapping[str, Figure]) -> str:
    """Lays out the parts beside the step that was measured with them.

    Args:
        figures: Figures of `part_subjects`, of `STEP` and of `PIPELINE` of
            the same rounds.

    Returns:
        A Markdown table.
    """
    step = figures[STEP].processor_seconds
    parts = [figures[name] for name in IN_STEP]
    total = np.sum([figure.processor_seconds for figure in parts], axis=0)
    counted = sum(figure.subject.gflop for figure in parts)
    rows = [_part_row(figure, step) for figure in parts]
    rows += [
        _row("Sum of these parts", total, step, counted),
        _row("Whole step", step, step, figures[STEP].subject.gflop),
        _row(
            "Input pipeline, beside the step",
            figures[PIPELINE].processor_seconds,
            step,
        ),
    ]
    rows += [
        _part_row(figures[name], step)
        for name in (FAST_PASS, QUALITY_MAP, BLIND_TARGET)
    ]
    rule = ["---", *["---:"] * (len(HEAD) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, rule, *rows))


def _part_row(figure: Figure, step: np.ndarray) -> list[str]:
    """The row of a measured part."""
    return _row(
        figure.subject.name,
        figure.processor_seconds,
        step,
        figure.subject.gflop,
    )


def _row(
    name: str, seconds: np.ndarray, step: np.ndarray, gflop: float = 0.0
) -> list[str]:
    """Cells in the order of `HEAD`; shares are of the same round."""
    return [
        name,
        f"{1000 * np.median(seconds):.2f}",
        f"{np.median(seconds / step):.1%}",
        f"{gflop:.3f}" if gflop else "",
    ]
