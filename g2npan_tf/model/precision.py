"""Mixed precision: networks in half precision, everything else in float32.

Weights, optimisers, losses, sigmoids, the CAM, the nuance and what is shipped
stay float32 under every policy.
"""

import contextlib
import copy
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Tensor = Any
FLOAT32 = "float32"
SCALED = "mixed_float16"


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Layers built inside compute as the policy (`Config.precision`) says."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def with_loss_scale(
    optimizer: keras.Optimizer, precision: str
) -> keras.Optimizer:
    """Lets an optimiser scale its loss where float16 would underflow.

    The scale is 2^15 at first, halved with each skipped step and doubled
    after 2,000 good ones.
    """
    if precision != SCALED:
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def skip_together(
    optimizers: Sequence[keras.Optimizer], gradients: Sequence[list[Tensor]]
) -> list[list[Tensor]]:
    """Makes all networks on all replicas skip a step if one of them must.

    Choice: one loss scale for the step. The generator's gradient is made of
    those that the other two networks pass on, so that they must be scaled
    alike. As all begin with one scale and skip together, theirs stay equal.
    (Keras' optimiser looks at the first replica only, and before the sum.)

    Args:
        optimizers: One per network.
        gradients: Of each network, scaled, of this replica.

    Returns:
        The gradients; with loss scale and something not finite in any of
        them on any replica, each network's first is NaN.
    """
    if not isinstance(optimizers[0], keras.optimizers.LossScaleOptimizer):
        return list(gradients)
    finite = [
        tf.reduce_all(tf.math.is_finite(gradient))
        for of_network in gradients
        for gradient in of_network
    ]
    bad = tf.cast(tf.logical_not(tf.reduce_all(finite)), tf.float32)
    replicas = tf.distribute.get_replica_context()
    bad = replicas.all_reduce(tf.distribute.ReduceOp.SUM, bad)
    mark = tf.where(bad > 0, float("nan"), 0.0)
    return [[first + mark, *rest] for first, *rest in gradients]


def share_scale(optimizers: Sequence[keras.Optimizer]) -> None:
    """Gives all the first one's loss scale, which they lost if it moved alone.

    See `skip_together`. Nothing where there is none.
    """
    first, *others = optimizers
    if not isinstance(first, keras.optimizers.LossScaleOptimizer):
        return
    for other in others:
        other.dynamic_scale.assign(first.dynamic_scale)
        other.step_counter.assign(first.step_counter)


def in_float32(model: keras.Model) -> keras.Model:
    """The same network with the same weights, computing in float32.

    What is shipped must run where half precision is slow or missing. A model
    that computes in float32 already is given back itself.
    """
    before = keras.saving.serialize_keras_object(model)
    after = copy.deepcopy(before)
    _set_policies(after)
    if after == before:
        return model
    twin = keras.saving.deserialize_keras_object(after)
    twin.set_weights(model.get_weights())
    return twin


def _set_policies(config: Any) -> None:
    """Makes every policy of a serialised model float32, in place."""
    if isinstance(config, list | tuple):
        for item in config:
            _set_policies(item)
    elif isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            config["config"]["name"] = FLOAT32
        for item in config.values():
            _set_policies(item)


class LossScale(keras.callbacks.Callback):
    """Adds `loss_scale` to the logs; stops a run that only skips steps."""

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Reads the scale, if there is one.

        Raises:
            FloatingPointError: If gradients were not finite at any scale.
        """
        optimizer, _ = self.model.moved()[-1]
        if logs is None or not hasattr(optimizer, "dynamic_scale"):
            return
        scale = float(keras.ops.convert_to_numpy(optimizer.dynamic_scale))
        logs["loss_scale"] = scale
        if scale < 1:
            raise FloatingPointError(
                f"epoch {epoch + 1}: gradients are not finite whatever the "
                f"loss scale (now {scale}); the checkpoints before it are kept"
            )
