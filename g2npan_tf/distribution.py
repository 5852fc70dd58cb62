"""Which tf.distribute strategy a run trains under."""

import tensorflow as tf

from g2npan_tf.config import Config
from g2npan_tf.errors import InputError


def strategy(config: Config) -> tf.distribute.Strategy:
    """The strategy that `--distribute` names.

    Args:
        config: `distribute` and `batch_size` are used.

    Returns:
        The default strategy, or a mirrored one over all GPUs; without GPUs
        over the logical CPUs, which is for tests.

    Raises:
        InputError: If the batch cannot be divided among the replicas.
    """
    if config.distribute == "none":
        return tf.distribute.get_strategy()
    if tf.config.list_logical_devices("GPU"):
        mirrored = tf.distribute.MirroredStrategy()
    else:
        devices = [d.name for d in tf.config.list_logical_devices("CPU")]
        # The default collectives fail on CPUs with synchronised batch norm.
        mirrored = tf.distribute.MirroredStrategy(
            devices, tf.distribute.ReductionToOneDevice()
        )
    replicas = mirrored.num_replicas_in_sync
    if config.batch_size % replicas:
        raise InputError(
            f"--batch_size={config.batch_size} must be a multiple of the "
            f"number of replicas, {replicas}"
        )
    return mirrored
