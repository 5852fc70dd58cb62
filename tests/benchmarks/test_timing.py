"""Repetitions in turns, and what is computed of them."""

import itertools

import numpy as np
import pytest

from benchmarks.timing import Figure
from benchmarks.timing import Subject
from benchmarks.timing import measure
from benchmarks.timing import take_turn


def logger(name, log, images=4):
    return Subject(name, lambda: log.append(name), images, gflop=2.0, threads=1)


def test_every_round_measures_everything_once():
    log = []
    subjects = [logger("a", log), logger("b", log)]
    measure(subjects, {1: lambda: log.append("peak") or 1.0}, 2, 0.0)
    warm_up, rounds = log[:4], log[4:]
    assert warm_up == ["a", "a", "b", "b"]
    assert rounds == ["peak", "a", "peak", "b"] * 2
    with pytest.raises(KeyError):
        measure([logger("a", [])], {2: lambda: 1.0}, 1, 0.0)


def test_calls_fill_the_given_time_and_are_divided_by_images(monkeypatch):
    log = []
    # A call takes a second, in half of which this process runs; of four
    # seconds on all cores three are used.
    monkeypatch.setattr("time.perf_counter", lambda: float(len(log)))
    monkeypatch.setattr("time.process_time", lambda: len(log) / 2)
    monkeypatch.setattr(
        "benchmarks.machine.processor_seconds",
        lambda: (3.0 * len(log), 4.0 * len(log)),
    )
    (figure,) = measure([logger("a", log)], {1: lambda: 100.0}, 2, 10.0)
    assert len(log) == 2 + 10
    np.testing.assert_array_equal(figure.seconds, [0.25, 0.25])
    np.testing.assert_array_equal(figure.processor_seconds, [0.125, 0.125])
    np.testing.assert_array_equal(figure.peak, [100.0, 100.0])
    np.testing.assert_allclose(figure.others, [2.5 / 4] * 2)


def test_shares_of_a_worked_example():
    figure = Figure(
        Subject("a", lambda: None, 1, gflop=3.0, threads=2),
        seconds=np.array([0.1, 0.05]),
        processor_seconds=np.array([0.1, 0.1]),
        peak=np.array([60.0, 100.0]),
        others=np.array([0.0, 0.0]),
    )
    np.testing.assert_allclose(figure.rate, [10.0, 20.0])
    np.testing.assert_allclose(figure.gflops, [30.0, 60.0])
    np.testing.assert_allclose(figure.share, [0.5, 0.6])
    # Two threads, of which one ran, or both.
    np.testing.assert_allclose(figure.busy, [0.5, 1.0])


def test_first_call_of_a_turn_is_not_timed(monkeypatch):
    durations = [100.0, 2.0, 4.0, 6.0]
    times = iter(itertools.accumulate(durations))
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    turn = take_turn(lambda: now.__setitem__(0, next(times)), seconds=5.0)
    assert turn[0] == pytest.approx(3.0)
