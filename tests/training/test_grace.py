"""When a run that gets SIGTERM finishes its epoch, and when it does not."""

import signal

import pytest

from g2npan_tf.core import command
from g2npan_tf.training import grace as preemption
from g2npan_tf.training.grace import GracePeriod

EPOCHS, STEPS = 3, 4


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(preemption.time, "monotonic", lambda: now[0])
    return now


def signalled(grace):
    grace.on_signal(signal.SIGTERM, None)


class Run:
    """Epochs of four steps of 1 s (the first one of 9 s) and a save of 2 s."""

    def __init__(self, seconds, clock):
        self.grace, self.clock = GracePeriod(seconds), clock
        self.grace.set_params({"epochs": EPOCHS, "steps": STEPS})
        self.epoch = 0

    def steps(self, count, begin=0):
        if not begin:
            self.grace.on_epoch_begin(self.epoch)
        for batch in range(begin, begin + count):
            self.grace.on_train_batch_begin(batch)
            self.clock[0] += 1 if self.epoch or batch else 9
            self.grace.on_train_batch_end(batch)

    def save(self):
        self.clock[0] += 2
        self.grace.on_epoch_end(self.epoch)
        self.epoch += 1


def run_in_epoch_2(seconds, clock, steps):
    run = Run(seconds, clock)
    run.steps(STEPS)
    run.save()
    run.steps(steps)
    return run


def test_the_epoch_is_finished_if_the_rest_and_a_save_fit(clock):
    # Left: 3 steps and a save, 5 s; 0.8 of the grace period may be planned.
    run = run_in_epoch_2(6.25, clock, 1)
    signalled(run.grace)
    run.steps(3, begin=1)
    with pytest.raises(command.Terminated):
        run.save()


@pytest.mark.parametrize(("seconds", "steps"), [(6.24, 1), (0, STEPS)])
def test_it_is_not_if_they_do_not(clock, seconds, steps):
    run = run_in_epoch_2(seconds, clock, steps)
    with pytest.raises(command.Terminated):
        signalled(run.grace)


def test_steps_that_come_out_slower_stop_it_after_all(clock):
    run = run_in_epoch_2(6.25, clock, 1)
    signalled(run.grace)
    run.steps(1, begin=1)
    clock[0] += 0.5
    with pytest.raises(command.Terminated):
        run.steps(1, begin=2)


def test_a_second_signal_stops_at_once(clock):
    run = run_in_epoch_2(1000, clock, 1)
    signalled(run.grace)
    with pytest.raises(command.Terminated):
        signalled(run.grace)


@pytest.mark.parametrize("steps", [0, 1, 2, STEPS])
def test_a_session_without_a_finished_epoch_stops_at_once(clock, steps):
    run = Run(1e6, clock)
    run.steps(steps)
    with pytest.raises(command.Terminated):
        signalled(run.grace)


def test_a_signal_while_saving_lets_the_save_finish(clock):
    run = run_in_epoch_2(30, clock, STEPS)
    signalled(run.grace)
    with pytest.raises(command.Terminated):
        run.save()


def test_after_the_last_epoch_the_run_ends_as_always(clock):
    run = run_in_epoch_2(30, clock, STEPS)
    run.save()
    run.steps(STEPS)
    signalled(run.grace)
    run.save()
    assert run.epoch == EPOCHS
