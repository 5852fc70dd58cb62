"""What TensorBoard shows of a run: figures, speed, panels, a profile."""

import pathlib
import re
import time

import cv2
import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.core.errors import InputError
from g2npan_tf.model.scorer import predict
from g2npan_tf.training.callbacks import Logs

NUM_PANELS = 4
# Nuances are faint.
NUANCE_GAIN = 4
PANEL = (
    "Input, generated reference, nuance (brightened by "
    f"{NUANCE_GAIN}), local quality (bright is good); without GAN input and "
    "local quality. Validation images from the worst to the best by MOS, the "
    "same over the whole run."
)


def panel_rows(scores: np.ndarray) -> np.ndarray:
    """Which validation images the panels show, from the worst to the best.

    Up to `NUM_PANELS` different rows, int `[k]`; the same for the same scores,
    so over the whole run and when it is resumed.
    """
    order = np.argsort(scores, kind="stable")
    count = min(NUM_PANELS, len(order))
    return order[np.linspace(0, len(order) - 1, count).round().astype(int)]


class StepTime(keras.callbacks.Callback):
    """Measures the speed of an epoch's steps, without what is around them.

    The first step of an epoch is left out where there are others: that of a
    session traces the graph. Must come before what works at the end of an
    epoch. The batch size is that over all replicas.
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.figures: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the clock."""
        self.start, self.left_out = time.perf_counter(), 0

    def on_train_batch_begin(
        self, batch: int, logs: Logs | None = None
    ) -> None:
        """Starts it again after the first step."""
        if batch == 1:
            self.start, self.left_out = time.perf_counter(), 1

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Counts the steps."""
        self.steps = batch + 1 - self.left_out

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Works out the figures."""
        seconds = (time.perf_counter() - self.start) / self.steps
        strategy = self.model.distribute_strategy
        self.figures = {
            "seconds_per_step": seconds,
            "images_per_second": self.batch_size / seconds,
            "replicas": strategy.num_replicas_in_sync,
        }


class Summaries(keras.callbacks.Callback):
    """TensorBoard events: every figure of the logs, the speed, the panels.

    The panels show the images, uint8 `[n, size, size, 3]`.
    """

    def __init__(
        self, directory: pathlib.Path, images: np.ndarray, step_time: StepTime
    ) -> None:
        super().__init__()
        self.writer = tf.summary.create_file_writer(str(directory))
        self.images, self.step_time = images, step_time

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the events of an epoch."""
        with self.writer.as_default(step=epoch + 1):
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, float(value))
            for name, value in self.step_time.figures.items():
                tf.summary.scalar(f"speed/{name}", value)
            if len(self.images):
                tf.summary.image(
                    "panel",
                    panels(self.model.scorer, self.images),
                    max_outputs=NUM_PANELS,
                    description=PANEL,
                )
        self.writer.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the events."""
        self.writer.close()


def panels(scorer: keras.Model, images: np.ndarray) -> np.ndarray:
    """One row of pictures per image, see `PANEL`.

    From uint8 `[n, size, size, 3]`; gives uint8 `[n, size, k * size, 3]`, k is
    4, or 2 for a scorer without GAN.
    """
    maps = predict(scorer, images, len(images))
    columns = [images]
    for name, gain in (("reference", 1), ("nuance", NUANCE_GAIN)):
        if name in maps:
            scaled = np.clip(maps[name] * gain, 0, 1)
            columns.append((255 * scaled).astype(np.uint8))
    columns.append(np.stack([_heat(c, images.shape[1]) for c in maps["cam"]]))
    return np.concatenate(columns, axis=2)


def _heat(cam: np.ndarray, size: int) -> np.ndarray:
    """Local quality in colours, uint8 RGB of the image's size."""
    cam = np.round(255 * cam).astype(np.uint8)
    cam = cv2.resize(cam, (size, size), interpolation=cv2.INTER_CUBIC)
    heat = cv2.applyColorMap(cam, cv2.COLORMAP_VIRIDIS)
    return cv2.cvtColor(heat, cv2.COLOR_BGR2RGB)


def profiled_steps(
    text: str, available: int | None = None
) -> tuple[int, int] | None:
    """Reads the flag `--profile=START:END`; None for an empty text.

    Steps count from 1 over this session, not over the run, so that the same
    flag also profiles a run that is resumed. There must be as many as
    `available`, if that is known.
    """
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text)
    first, last = map(int, match.groups()) if match else (0, 0)
    if not 1 <= first <= last:
        raise InputError(
            "--profile must be START:END, the first and the last step to "
            f"profile, counted from 1. Received: {text}"
        )
    if available is not None and last > available:
        raise InputError(
            f"--profile={text}: this session has {available} steps"
        )
    return first, last


def profiler(
    text: str, directory: pathlib.Path
) -> list[keras.callbacks.TensorBoard]:
    """Keras' callback that profiles the steps of `--profile`, if there are any.

    Its own curves are of no interest beside those of `Summaries`.
    """
    steps = profiled_steps(text)
    if steps is None:
        return []
    return [_Profiler(directory, steps)]


class _Profiler(keras.callbacks.TensorBoard):
    """Profiles some steps, and says so if a session ends before them."""

    def __init__(self, directory: pathlib.Path, steps: tuple[int, int]) -> None:
        super().__init__(directory, write_graph=False, profile_batch=steps)
        self.first, self.steps = steps[0], 0

    def on_train_batch_begin(
        self, batch: int, logs: Logs | None = None
    ) -> None:
        """Counts the steps."""
        self.steps += 1
        super().on_train_batch_begin(batch, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Ends the profile, if there is one."""
        super().on_train_end(logs)
        if self.steps < self.first:
            print(f"no profile: this session had only {self.steps} steps")
