import time

import numpy as np
import pytest

from benchmarks.timing import Figure
from benchmarks.timing import Subject
from benchmarks.timing import measure


def sleeper(name, log, seconds=0.0, images=4):
    def call():
        log.append(name)
        time.sleep(seconds)

    return Subject(name, call, images, gflop=2.0, threads=1)


def test_every_round_measures_everything_once():
    log = []
    subjects = [sleeper("a", log), sleeper("b", log)]
    measure(subjects, {1: lambda: log.append("peak") or 1.0}, 2, 0.0)
    warm_up, rounds = log[:4], log[4:]
    assert warm_up == ["a", "a", "b", "b"]
    assert rounds == ["peak", "a", "peak", "b"] * 2


def test_time_is_per_image_and_sleep_costs_no_processor_time():
    subject = sleeper("a", [], seconds=0.05)
    (figure,) = measure([subject], {1: lambda: 100.0}, 3, 0.0)
    assert figure.seconds.shape == (3,)
    assert np.all(figure.seconds >= 0.05 / 4)
    assert np.all(figure.processor_seconds < figure.seconds)
    np.testing.assert_array_equal(figure.peak, 100.0)


def test_calls_fill_the_given_time():
    log = []
    measure([sleeper("a", log, seconds=0.001)], {1: lambda: 1.0}, 1, 0.05)
    assert 2 + 2 <= len(log) <= 2 + 51


def test_shares_of_a_worked_example():
    subject = Subject("a", lambda: None, 1, gflop=3.0, threads=2)
    figure = Figure(
        subject,
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


def test_a_peak_for_each_number_of_threads_is_needed():
    with pytest.raises(KeyError):
        measure([sleeper("a", [])], {2: lambda: 1.0}, 1, 0.0)
