"""What ends a run before its last epoch: no number, or no gain."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.training import checkpoints
from g2npan_tf.training.callbacks import Keeper
from g2npan_tf.training.callbacks import Logs


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops a run at the step whose loss is not a number, naming the loss.

    Choice: the running means are watched. They are not finite from the very
    step on where a loss is not, on whatever replica, and `fit` copies them to
    the host at every step anyhow: this adds nothing to the graph and no wait.
    The last step of an epoch may leave weights that only the next one would
    notice, so they are looked at too before the epoch is saved.

    Must come before what writes anything at the end of an epoch.

    Args:
        directory: Folder of the run's checkpoints; None: it has none.
    """

    def __init__(self, directory: pathlib.Path | None) -> None:
        super().__init__()
        self.directory = directory

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Notes where the run is."""
        self.epoch, self.step = epoch + 1, 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Checks the losses in the order in which they depend on each other.

        Raises:
            FloatingPointError: If one is NaN or infinite.
        """
        self.step = batch + 1
        logs = logs or {}
        for name in (tracker.name for tracker in self.model.trackers):
            if name in logs and not np.isfinite(logs[name]).all():
                self._stop(f"{name} is {logs[name]}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Checks the weights, before anything of this epoch is saved.

        Raises:
            FloatingPointError: If one is NaN or infinite.
        """
        for weight in self.model.weights:
            value = tf.convert_to_tensor(weight)
            if value.dtype.is_floating and not np.isfinite(value).all():
                self._stop(f"the step left {weight.path} not finite")

    def _stop(self, what: str) -> None:
        """Says where, what and from where the run could go on."""
        good = self.directory and checkpoints.newest(self.directory)
        last = f"last good checkpoint: {good}" if good else "no checkpoint yet"
        raise FloatingPointError(
            f"epoch {self.epoch}, step {self.step}: {what}; {last}"
        )


class StopWithoutGain(keras.callbacks.Callback):
    """Ends a run whose validation figure has not risen for some epochs.

    Must come after the keeper, whose progress tells, also of a resumed run,
    which epoch was the best.

    Args:
        keeper: Of the same run.
        patience: Epochs without gain; 0: never ends.
    """

    def __init__(self, keeper: Keeper, patience: int) -> None:
        super().__init__()
        self.keeper, self.patience = keeper, patience

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Lets the epoch that is saved by now be the last one."""
        if gains_no_more(self.keeper.progress, self.patience):
            self.model.stop_training = True


def gains_no_more(progress: checkpoints.Progress, patience: int) -> bool:
    """Whether a run has ended by early stopping.

    Args:
        progress: Where it stands.
        patience: Epochs without gain; 0: no early stopping.

    Returns:
        True if the best epoch is that long ago. Never without a validation
        part, where every epoch counts as the best so far, or as long as its
        SRCC was not defined.
    """
    if progress.best_figure < -1:
        return False
    return 0 < patience <= progress.epoch - progress.best_epoch
