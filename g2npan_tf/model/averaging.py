"""The exponential moving average of a network's weights."""

from typing import Any

import keras
import tensorflow as tf

Tensor = Any


def momentum_at(step: Tensor, momentum: float) -> Tensor:
    """How much of the average a step keeps: less at the start of a run.

    Choice: at most `(1 + step) / (10 + step)`, as TensorFlow's
    `ExponentialMovingAverage` with `num_updates`. With 0.999 alone the
    average of a run of 180 steps would still be five sixths its start.

    Args:
        step: Number of the step, from 1.
        momentum: The momentum that is reached in the end, 0..1.

    Returns:
        Scalar, float32.

    Example:
    >>> float(momentum_at(8, 0.999)), float(momentum_at(90000, 0.999))
    (0.5, 0.99...)
    """
    step = tf.cast(step, tf.float32)
    return tf.minimum(momentum, (1.0 + step) / (10.0 + step))


def update(
    average: keras.Model, network: keras.Model, momentum: Tensor
) -> None:
    """Moves an averaged network towards a trained one.

    `average = momentum * average + (1 - momentum) * weight`. Called in a
    replica, where every replica moves its own copy: they have equal weights,
    so that nothing needs to be exchanged.

    Choice: the statistics of batch normalisation are averaged like the
    weights, so that they are those of the same steps.

    Choice: a second network, not Keras' `use_ema`. That leaves the statistics
    out, and its average must be swapped with the weights to be used.

    Args:
        average: Same architecture as the network.
        network: What is trained.
        momentum: Scalar, 0..1.
    """
    pairs = [
        (mean.value, weight.value)
        for mean, weight in zip(
            average.variables, network.variables, strict=True
        )
    ]
    tf.distribute.get_replica_context().merge_call(
        _update_copies, args=(pairs, momentum)
    )


def _update_copies(
    strategy: tf.distribute.Strategy,
    pairs: list[tuple[tf.Variable, tf.Variable]],
    momentum: Tensor,
) -> None:
    """Updates the copy of every device."""
    for mean, weight in pairs:
        strategy.extended.update(mean, _move, (weight, momentum), group=False)


def _move(mean: tf.Variable, weight: Tensor, momentum: Tensor) -> tf.Operation:
    """One step of one weight on one device."""
    return mean.assign_add((1.0 - momentum) * (weight - mean))
