"""Speed by interleaved repetitions, each beside a measurement of the peak."""

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import machine

STEP = "Training step"
PIPELINE = "Input pipeline alone"


@dataclasses.dataclass(frozen=True)
class Subject:
    """Something whose speed is measured."""

    name: str
    call: Callable[[], Any]  # Does the work once.
    images: int  # That one call treats.
    gflop: float  # Operations per image in units of 1e9; 0 if not counted.
    threads: int  # That it may use, so which peak it is compared with.


@dataclasses.dataclass(frozen=True)
class Figure:
    """What the repetitions of a subject gave; arrays of one value each."""

    subject: Subject
    seconds: np.ndarray  # Wall time per image.
    processor_seconds: np.ndarray  # Of this process, per image.
    peak: np.ndarray  # The matrix product's GFLOP/s immediately before.
    others: np.ndarray  # Share of the machine that other programs used.

    @property
    def rate(self) -> np.ndarray:
        """Images per second."""
        return 1 / self.seconds

    @property
    def gflops(self) -> np.ndarray:
        """GFLOP per second."""
        return self.subject.gflop / self.seconds

    @property
    def share(self) -> np.ndarray:
        """GFLOP/s as a share of the peak at that moment."""
        return self.gflops / self.peak

    @property
    def busy(self) -> np.ndarray:
        """Share of the threads' time in which they ran."""
        return self.processor_seconds / self.seconds / self.subject.threads


def repeat(call: Callable[[], Any], seconds: float) -> tuple[float, float]:
    """Wall and processor seconds of a call, which is repeated for some time.

    It is made at least once and never cut short.
    """
    calls = 0
    own, start = time.process_time(), time.perf_counter()
    while calls == 0 or time.perf_counter() - start < seconds:
        call()
        calls += 1
    wall = time.perf_counter() - start
    return wall / calls, (time.process_time() - own) / calls


def take_turn(call: Callable[[], Any], seconds: float) -> tuple[float, float]:
    """As `repeat`, after a call that is not counted.

    In it threads wake up and caches fill with this engine's data again.
    """
    call()
    return repeat(call, seconds)


def measure(
    subjects: Sequence[Subject],
    peaks: Mapping[int, Callable[[], float]],
    rounds: int,
    seconds: float,
) -> list[Figure]:
    """Measures every subject once in each round.

    So a disturbance meets all of them, not one.

    Args:
        subjects: Each is called twice before, unmeasured.
        peaks: By number of threads, a function that measures the peak.
        rounds: Number of repetitions.
        seconds: Time per subject over all rounds.

    Returns:
        A figure per subject, in the same order.
    """
    for subject in subjects:
        subject.call()
        subject.call()
    repetitions = np.array(
        [
            [
                _repetition(subject, seconds / rounds, peaks[subject.threads])
                for subject in subjects
            ]
            for _ in range(rounds)
        ]
    )
    return [
        Figure(subject, *repetitions[:, index].T)
        for index, subject in enumerate(subjects)
    ]


def _repetition(
    subject: Subject, seconds: float, peak: Callable[[], float]
) -> tuple[float, float, float, float]:
    """One repetition: the values of `Figure` in its order."""
    gflops = peak()
    own = time.process_time()
    used, total = machine.processor_seconds()
    wall, processor = repeat(subject.call, seconds)
    used_after, total_after = machine.processor_seconds()
    own = time.process_time() - own
    # The kernel counts in ticks, so that others may seem to use less than 0.
    others = max(0.0, used_after - used - own) / max(total_after - total, 1e-2)
    return wall / subject.images, processor / subject.images, gflops, others
