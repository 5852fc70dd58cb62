"""A profile of the steps that were asked for, and of no others."""

import dataclasses
import types

import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.training import profiling
from g2npan_tf.training import run
from tests.training.test_run import TINY


@pytest.mark.parametrize(
    ("text", "steps"),
    [("", None), ("3:3", (3, 3)), ("10:20", (10, 20))],
)
def test_steps_are_read(text, steps):
    assert profiling.profiled_steps(text) == steps


@pytest.mark.parametrize("text", ["3", "a:b", "0:4", "5:4", "1:2:3", "-1:2"])
def test_another_form_is_refused_in_one_line(text):
    with pytest.raises(InputError, match=f"START:END.*Received: {text}$"):
        profiling.profiled_steps(text)


@pytest.fixture
def calls(monkeypatch):
    """What the profiler is told, in place of it."""
    made = []

    class Trace:
        def __init__(self, name, step_num, _r):
            self.step = step_num

        def __enter__(self):
            made.append(self.step)

        def __exit__(self, *_):
            made.append(-self.step)

    monkeypatch.setattr(
        profiling.tf.profiler,
        "experimental",
        types.SimpleNamespace(
            start=lambda directory: made.append("start"),
            stop=lambda: made.append("stop"),
            Trace=Trace,
        ),
    )
    return made


def train(profile, epochs, steps):
    for _ in range(epochs):
        for batch in range(steps):
            profile.on_train_batch_begin(batch)
            profile.on_train_batch_end(batch)
    profile.on_train_end()


def test_steps_are_counted_over_the_epochs_of_a_session(calls, tmp_path):
    train(profiling.Profile((3, 5), tmp_path), epochs=3, steps=2)
    assert calls == ["start", 3, -3, 4, -4, 5, -5, "stop"]


def test_a_run_that_ends_within_the_steps_writes_what_it_has(calls, tmp_path):
    train(profiling.Profile((2, 9), tmp_path), epochs=1, steps=2)
    assert calls == ["start", 2, -2, "stop"]


def test_a_run_that_ends_before_the_steps_says_so(calls, tmp_path, capsys):
    train(profiling.Profile((5, 9), tmp_path), epochs=1, steps=2)
    assert not calls
    assert "only 2 steps" in capsys.readouterr().out


def test_without_the_flag_nothing_is_profiled(calls, tmp_path, capsys):
    train(profiling.Profile(None, tmp_path), epochs=1, steps=2)
    assert not calls
    assert not capsys.readouterr().out


def test_a_run_that_goes_on_may_be_profiled(data_dir, eager_steps, tmp_path):
    config = Config(data_dir=data_dir, **TINY, use_gan=False)
    run.run(dataclasses.replace(config, epochs=1), tmp_path)
    profiled = dataclasses.replace(config, profile="2:2")
    run.run(profiled, tmp_path)
    # Where the profile plugin of TensorBoard looks for it.
    found = (tmp_path / "events/plugins/profile").glob("*/*.xplane.pb")
    (trace,) = found
    content = trace.read_bytes()
    assert b"Conv2D" in content
    assert b"train" in content


def test_more_steps_than_there_are_are_refused_before_anything(
    data_dir, tmp_path
):
    config = Config(data_dir=data_dir, **TINY, use_gan=False, profile="2:99")
    with pytest.raises(InputError, match="this session has 4 steps"):
        run.run(config, tmp_path)
    assert not list(tmp_path.iterdir())
