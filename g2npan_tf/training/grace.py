"""SIGTERM with a grace period: end at the next checkpoint if there is time."""

import collections
import math
import time
from typing import Any

import keras

from g2npan_tf.core import command

# Share of the grace period that may be planned; the rest is for a slower step
# and for the end of the process.
PLANNED = 0.8
# Latest steps that an estimate is made of.
NUM_STEPS = 100


class GracePeriod(keras.callbacks.Callback):
    """Lets a preempted run finish its epoch, if that fits the grace period.

    The last of the callbacks, so that its end of an epoch is after the save.
    What does not fit is stopped by `command.Terminated`.

    Choice: a session that has not finished an epoch yet does not know how
    long validation and save take, and stops at once. So does one with 0
    seconds from SIGTERM to the end (SIGKILL, in general).
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        # Until SIGTERM there is none.
        self.deadline = math.inf
        self.steps_done = 0
        self.step_seconds: collections.deque[float] = collections.deque(
            maxlen=NUM_STEPS
        )
        self.end_seconds = math.inf
        self.is_traced = False

    def on_signal(self, number: int, frame: Any) -> None:
        """Handles SIGTERM: plans the end, or stops at once at a second one."""
        if self.deadline < math.inf:
            raise command.Terminated
        self.deadline = time.monotonic() + PLANNED * self.seconds
        self._stop_if_late()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Counts from the epoch's start."""
        self.steps_done = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Starts the clock of a step."""
        self.begin = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Takes the time of a step; stops if it came out slower."""
        self.end = time.monotonic()
        self.steps_done += 1
        # The session's first step is traced, which takes long.
        if self.is_traced:
            self.step_seconds.append(self.end - self.begin)
        self.is_traced = True
        self._stop_if_late()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Takes the time of validation and save; ends a preempted run."""
        self.end_seconds = time.monotonic() - self.end
        if self.deadline < math.inf and epoch + 1 < self.params["epochs"]:
            raise command.Terminated

    def _stop_if_late(self) -> None:
        """Stops if the rest of the epoch does not fit any more."""
        if time.monotonic() + self._rest_seconds() > self.deadline:
            raise command.Terminated

    def _rest_seconds(self) -> float:
        """Estimate of the time until this epoch is saved."""
        if not self.step_seconds:
            return math.inf
        steps = self.params["steps"] - self.steps_done
        mean = sum(self.step_seconds) / len(self.step_seconds)
        return steps * mean + self.end_seconds
