"""What happens at the end of an epoch: figures, log, best model, resume, end.

The order in `training.run` matters: `ValidationFigures` writes into the logs
that the callbacks after it read.
"""

import csv
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.core import mos
from g2npan_tf.core.files import written_aside
from g2npan_tf.evaluation import statistics
from g2npan_tf.model import precision
from g2npan_tf.model.scorer import predict
from g2npan_tf.training import checkpoints

Logs = dict[str, Any]


class Stages(keras.callbacks.Callback):
    """Lets the generator train alone in the first epochs of a run.

    With a stage of that kind the model is told at the first epoch of each
    `fit`, too: a run that stopped where all begin has their loss scales apart.
    """

    def __init__(self, epochs_alone: int) -> None:
        super().__init__()
        self.epochs_alone = epochs_alone
        # What the model was told last.
        self.alone: bool | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Changes what the steps from now on train, if that is due."""
        alone = epoch < self.epochs_alone
        if self.epochs_alone and alone != self.alone:
            self.model.train_generator_alone(alone)
            self.alone = alone


class ValidationFigures(keras.callbacks.Callback):
    """Adds `val_plcc`, `val_srcc`, `val_krcc`, `val_rmse` to the logs.

    Computed over the whole validation part, in inference mode, with RMSE on
    [0, 1] as in the paper. As long as the generator trains alone nothing has
    learned to score, and there are none. `images` are uint8
    `[n, size, size, 3]`, `scores` the readers' MOS, `[n]`, 1..5.
    """

    def __init__(
        self, images: np.ndarray, scores: np.ndarray, batch_size: int
    ) -> None:
        super().__init__()
        self.images, self.batch_size = images, batch_size
        self.quality = mos.to_quality(scores)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Scores the validation part."""
        if logs is None or not len(self.images) or self.model.generator_alone:
            return
        predicted = predict(self.model.scorer, self.images, self.batch_size)
        values = statistics.figures(self.quality, predicted["quality"])
        logs.update(
            {f"val_{name}": value for name, value in values._asdict().items()}
        )


class LearningRate(keras.callbacks.Callback):
    """Adds the epoch's first `learning_rate`.

    One for all networks; the generator's may be lower, and counts while it
    trains alone.
    """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Reads the rate of the next step."""
        optimizer, _ = self.model.moved()[-1]
        rate = optimizer.learning_rate
        self.rate = float(keras.ops.convert_to_numpy(rate))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds it to the logs."""
        if logs is not None:
            logs["learning_rate"] = self.rate


class LogFile(keras.callbacks.Callback):
    """Appends one row an epoch to `log.csv`; a resumed run extends it."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Drops rows of epochs that are being repeated, then appends."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        row = {"epoch": epoch + 1, **values}
        rows: list[dict[str, Any]] = []
        if self.path.exists():
            with self.path.open(newline="") as file:
                rows = [
                    r for r in csv.DictReader(file) if int(r["epoch"]) <= epoch
                ]
        with (
            written_aside(self.path) as aside,
            aside.open("w", newline="") as file,
        ):
            # The epochs of a generator alone have fewer columns.
            columns = dict.fromkeys(
                name for each in (row, *rows) for name in each
            )
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows([*rows, row])


class Keeper(keras.callbacks.Callback):
    """Keeps the best scorer by `val_srcc` and a checkpoint to resume from.

    Without a validation part the last epoch is the best, and so is that of a
    generator which trains alone, until there is a figure.

    The workdir gets `scorer.keras`, `best.weights.h5` and `checkpoints/`.
    Progress and files of the best epoch are from `checkpoints.restore`.
    """

    def __init__(
        self,
        workdir: pathlib.Path,
        progress: checkpoints.Progress,
        best: checkpoints.Files,
    ) -> None:
        super().__init__()
        self.workdir, self.progress, self.best = workdir, progress, best

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves a checkpoint, and the scorer if it is the best so far."""
        logs = logs or {}
        best = self.progress
        alone = self.model.generator_alone
        figure = logs.get("val_srcc", np.nan if alone else float(epoch))
        # NaN (constant predictions) is better than nothing, and nothing else.
        figure = -1.5 if np.isnan(figure) else float(figure)
        state = checkpoints.content(self.model.save_weights, checkpoints.STATE)
        undefined = figure < -1 and best.best_figure < -1
        is_best = undefined or figure > best.best_figure
        if is_best:
            best = checkpoints.Progress(epoch + 1, epoch + 1, figure)
            self.best = {
                checkpoints.BEST: state,
                checkpoints.SCORER: checkpoints.content(
                    precision.in_float32(self.model.scorer).save,
                    checkpoints.SCORER,
                ),
            }
        self.progress = checkpoints.Progress(
            epoch + 1, best.best_epoch, best.best_figure
        )
        self._save(state)
        if is_best:
            self.publish()

    def replace_scorer(self, model: keras.Model, scorer: bytes) -> None:
        """Puts another `scorer.keras` in the place of the best epoch's.

        The model is in the state of the last epoch.
        """
        self.best = {**self.best, checkpoints.SCORER: scorer}
        self._save(checkpoints.content(model.save_weights, checkpoints.STATE))
        self.publish()

    def _save(self, state: bytes) -> None:
        checkpoints.save(
            {checkpoints.STATE: state, **self.best},
            self.progress,
            self.workdir / "checkpoints",
        )

    def publish(self) -> None:
        """Makes the best epoch's files in the workdir those of the checkpoint.

        After the checkpoint and when a run is resumed, so that they are never
        of an epoch that is trained again.
        """
        for name, content in self.best.items():
            path = self.workdir / name
            if not path.exists() or path.read_bytes() != content:
                with written_aside(path) as aside:
                    aside.write_bytes(content)


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops a run at the step whose loss is not a number, naming the loss.

    Choice: the running means are watched. They are not finite from the very
    step on where a loss is not, on whatever replica, and `fit` copies them to
    the host at every step anyhow: this adds nothing to the graph and no wait.
    The last step of an epoch may leave weights that only the next one would
    notice, so they are checked too before the epoch is saved.

    Must come before what writes anything at the end of an epoch. `directory`
    is that of the run's checkpoints; None: it has none.
    """

    def __init__(self, directory: pathlib.Path | None) -> None:
        super().__init__()
        self.directory = directory

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Notes where the run is."""
        self.epoch, self.step = epoch + 1, 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Checks the losses in the order in which they depend on each other."""
        self.step = batch + 1
        logs = logs or {}
        for name in (tracker.name for tracker in self.model.trackers):
            if name in logs and not np.isfinite(logs[name]).all():
                self._stop(f"{name} is {logs[name]}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Checks the weights, before anything of this epoch is saved."""
        for weight in self.model.weights:
            value = tf.convert_to_tensor(weight)
            if value.dtype.is_floating and not np.isfinite(value).all():
                self._stop(f"the step left {weight.path} not finite")

    def _stop(self, what: str) -> None:
        """Raises and says where, what and from where to resume."""
        good = self.directory and checkpoints.newest(self.directory)
        last = f"last good checkpoint: {good}" if good else "no checkpoint yet"
        raise FloatingPointError(
            f"epoch {self.epoch}, step {self.step}: {what}; {last}"
        )


class StopWithoutGain(keras.callbacks.Callback):
    """Ends a run whose validation figure has not risen for some epochs.

    Must come after the keeper, which knows, also of a resumed run, which epoch
    was the best. With a patience of 0 it never ends so.
    """

    def __init__(self, keeper: Keeper, patience: int) -> None:
        super().__init__()
        self.keeper, self.patience = keeper, patience

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Lets the epoch that is saved by now be the last one."""
        if self.keeper.progress.gains_no_more(self.patience):
            self.model.stop_training = True
