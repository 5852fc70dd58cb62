"""A TensorBoard profile of some steps of a run."""

import pathlib
import re

import keras
import tensorflow as tf

from g2npan_tf.core.errors import InputError
from g2npan_tf.training.callbacks import Logs


def profiled_steps(
    text: str, available: int | None = None
) -> tuple[int, int] | None:
    """Reads the flag `--profile=START:END`.

    Args:
        text: The first and the last step; empty: none.
        available: Steps of this session, if known.

    Returns:
        Both, from 1; None for the empty text.

    Raises:
        InputError: If the text has another form or there are not that many
            steps.
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


class Profile(keras.callbacks.Callback):
    """Profiles steps and writes what TensorBoard's profile plugin shows.

    Choice: steps are counted over this session, not over the run, so that
    the same flag also profiles a run that goes on. The first step traces the
    graph: profile from a later one.

    Args:
        steps: From `profiled_steps`; None: does nothing.
        directory: Gets `plugins/profile/`; the folder of the events, where
            TensorBoard shows the profile beside the curves.
    """

    def __init__(
        self, steps: tuple[int, int] | None, directory: pathlib.Path
    ) -> None:
        super().__init__()
        self.first, self.last = steps or (0, 0)
        self.directory = directory
        self.step = 0
        self.running = False

    def on_train_batch_begin(
        self, batch: int, logs: Logs | None = None
    ) -> None:
        """Starts the profile at the first step and marks each in it."""
        self.step += 1
        if self.step == self.first:
            self.directory.mkdir(parents=True, exist_ok=True)
            tf.profiler.experimental.start(str(self.directory))
            self.running = True
        if self.running:
            # _r marks a root event: the plugin's steps.
            self.trace = tf.profiler.experimental.Trace(
                "train", step_num=self.step, _r=1
            )
            self.trace.__enter__()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Ends the mark, and the profile after the last step."""
        if self.running:
            self.trace.__exit__(None, None, None)
            if self.step == self.last:
                self._stop()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Writes the profile of a run that ended early."""
        if self.running:
            self._stop()
        elif self.step < self.first:
            print(f"no profile: this session had only {self.step} steps")

    def _stop(self) -> None:
        """Writes the profile."""
        tf.profiler.experimental.stop()
        self.running = False
