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
    """Something whose speed is measured.

    Attributes:
        name: What it is called in the table.
        call: Does the work once.
        images: Images that one call treats.
        gflop: Operations per image in units of 1e9; 0 if not counted.
        threads: Threads it may use, so which peak it is compared with.
    """

    name: str
    call: Callable[[], Any]
    images: int
    gflop: float
    threads: int


@dataclasses.dataclass(frozen=True)
class Figure:
    """What the repetitions of a subject gave; arrays of one value each.

    Attributes:
        subject: What was measured.
        seconds: Wall time per image.
        processor_seconds: Processor time of this process per image.
        peak: The matrix product's GFLOP/s immediately before.
        others: Share of the machine that other programs used meanwhile.
    """

    subject: Subject
    seconds: np.ndarray
    processor_seconds: np.ndarray
    peak: np.ndarray
    others: np.ndarray

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


def measure(
    subjects: Sequence[Subject],
    peaks: Mapping[int, Callable[[], float]],
    rounds: int,
    seconds: float,
) -> list[Figure]:
    """Measures every subject once in each round.

    So a disturbance meets all of them, not one.

    Args:
        subjects: What to measure; each is called twice before, unmeasured.
        peaks: By number of threads, a function that measures the peak.
        rounds: Number of repetitions.
        seconds: Time per subject over all rounds; a call is not cut short.

    Returns:
        A figure per subject, in the same order.
    """
    for subject in subjects:
        subject.call()
        subject.call()
    repetitions = np.array(
        [
            [
                (*_repeat(subject, seconds / rounds, peaks[subject.threads]),)
                for subject in subjects
            ]
            for _ in range(rounds)
        ]
    )
    return [
        Figure(subject, *repetitions[:, index].T)
        for index, subject in enumerate(subjects)
    ]


def _repeat(
    subject: Subject, seconds: float, peak: Callable[[], float]
) -> tuple[float, float, float, float]:
    """One repetition: the values of `Figure` in its order."""
    gflops = peak()
    calls = 0
    used, total = machine.processor_seconds()
    own, start = time.process_time(), time.perf_counter()
    while calls == 0 or time.perf_counter() - start < seconds:
        subject.call()
        calls += 1
    wall = time.perf_counter() - start
    own = time.process_time() - own
    used_after, total_after = machine.processor_seconds()
    # The kernel counts in ticks, so that others may seem to use less than 0.
    others = max(0.0, used_after - used - own) / max(total_after - total, 1e-2)
    images = calls * subject.images
    return wall / images, own / images, gflops, others
