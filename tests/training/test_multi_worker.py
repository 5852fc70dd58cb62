"""Two workers as real processes on this machine, over the loopback."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.config_flags import to_flags
from g2npan_tf.training import run as training
from tests.tiny import REPOSITORY
from tests.tiny import TINY
from tests.tiny import arrays
from tests.tiny import assert_same
from tests.tiny import log_of

SECONDS = 900
PLAIN = ("--use_gan=false",)
WEIGHTS = "state.weights.h5"
# train.py, but what the worker that is not the chief saves is not removed.
KEEPING = """
import types
from g2npan_tf.core import command
from g2npan_tf.training import command as training
from g2npan_tf.training import distribution
distribution.atexit = types.SimpleNamespace(register=lambda *a, **k: None)
training.define_flags()
command.run(training.main)
"""


def free_ports():
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Workers:
    """Two workers of one run; their output is in `0.log` and `1.log`."""

    def __init__(self, folder, data_dir, *flags, own_flags=((), ()), code=()):
        folder.mkdir(exist_ok=True)
        self.logs = [folder / f"{index}.log" for index in (0, 1)]
        cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports()]}
        config = Config(
            **TINY, data_dir=str(data_dir), distribute="multi_worker"
        )
        self.processes = []
        for index, log in enumerate(self.logs):
            task = {"type": "worker", "index": index}
            text = json.dumps({"cluster": cluster, "task": task})
            given = [f"--workdir={folder / 'run'}", *to_flags(config), *flags]
            words = [*(code or ["train.py"]), *given, *own_flags[index]]
            own = {"TF_CONFIG": text, "TMPDIR": str(folder)}
            with log.open("w") as file:
                process = subprocess.Popen(
                    [sys.executable, *words],
                    env={**os.environ, **own},
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=REPOSITORY,
                )
            self.processes.append(process)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for process in self.processes:
            process.kill()
            process.wait()

    def exit_codes(self):
        return [process.wait(SECONDS) for process in self.processes]

    def texts(self):
        return [log.read_text() for log in self.logs]


def saved(folder, epoch):
    """All weights, statistics and moments of a checkpoint."""
    return arrays(folder / "checkpoints" / f"epoch_{epoch:06d}" / WEIGHTS)


def assert_close(one, other):
    """Not all weights: Adam makes whole steps of gradients near zero, too.

    And one replica normalises by another kernel than several do.
    """
    assert one.keys() == other.keys()
    a, b = (
        np.concatenate([x[name].ravel().astype(float) for name in sorted(one)])
        for x in (one, other)
    )
    assert np.quantile(np.abs(a - b), 0.99) < 5e-4
    assert np.linalg.norm(a - b) < 2e-3 * np.linalg.norm(a)


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    """A finished run of two workers, one epoch, and what the other saved."""
    folder = tmp_path_factory.mktemp("two")
    with Workers(
        folder, data_dir, *PLAIN, "--epochs=1", code=["-c", KEEPING]
    ) as workers:
        assert workers.exit_codes() == [0, 0], workers.texts()
    (other,) = folder.glob("g2npan-worker-*")
    return folder / "run", other, workers.texts()


def test_two_workers_end_with_the_same_weights_and_figures(finished):
    run, other, texts = finished
    assert_same(saved(run, 1), saved(other, 1))
    assert log_of(run) == log_of(other)
    assert all(" - quality_loss: " in text for text in texts)


def test_two_workers_give_what_one_process_gives(finished, data_dir, tmp_path):
    run, _, _ = finished
    few = {**TINY, "epochs": 1, "use_gan": False}
    training.run(Config(data_dir=data_dir, **few), tmp_path)
    assert_close(saved(tmp_path, 1), saved(run, 1))
    for two, one in zip(log_of(run), log_of(tmp_path), strict=True):
        for name in ("assessment_loss", "quality_loss", "cam_loss"):
            assert float(two[name]) == pytest.approx(float(one[name]), rel=1e-4)


def test_only_the_chief_writes_into_the_workdir(finished):
    run, other, _ = finished
    # Each process names its events by its id, so two would be two files.
    assert len(list((run / "events").iterdir())) == 1
    names = {path.name for path in run.iterdir()}
    assert names == {path.name for path in other.iterdir()}
    assert {"config.json", "scorer.keras", "training.json"} <= names


@pytest.fixture(scope="module")
def killed(data_dir, tmp_path_factory):
    """A run whose second worker was killed after the first epoch."""
    folder = tmp_path_factory.mktemp("killed")
    with Workers(folder, data_dir, *PLAIN, "--epochs=10000") as workers:
        first = folder / "run" / "checkpoints" / "epoch_000001"
        for _ in range(10 * SECONDS):
            if first.exists() or workers.processes[0].poll() is not None:
                break
            time.sleep(0.1)
        workers.processes[1].send_signal(signal.SIGKILL)
        codes = workers.exit_codes()
    return folder, codes, workers.texts()


@pytest.mark.slow
def test_a_killed_worker_stops_the_job_in_one_line(killed):
    _, codes, texts = killed
    assert codes == [75, -signal.SIGKILL], texts
    assert re.search(
        r"\nerror: lost the connection to worker 1, all workers stop; saved "
        r"up to epoch \d+; rerun the same command to resume: --workdir=.*\n$",
        texts[0],
    ), texts[0]
    assert "Traceback" not in texts[0]


@pytest.mark.slow
def test_workers_go_on_together_after_a_kill(killed, data_dir, tmp_path):
    folder, _, _ = killed
    run = folder / "run"
    done = int(max(p.name for p in run.glob("checkpoints/epoch_??????"))[-6:])
    epochs = f"--epochs={done + 1}"
    apart = f"--workdir={folder / 'elsewhere'}"
    with Workers(
        folder, data_dir, *PLAIN, epochs, own_flags=((), (apart,))
    ) as workers:
        # The first that says so ends; the other may only see that.
        assert set(workers.exit_codes()) <= {2, 75}, workers.texts()
    assert "the workers differ in the last checkpoint" in "".join(
        workers.texts()
    )
    with Workers(folder, data_dir, *PLAIN, epochs) as workers:
        assert workers.exit_codes() == [0, 0], workers.texts()
    for text in workers.texts():
        assert re.findall(r"\nEpoch (\d+)/", text) == [str(done + 1)]
    with Workers(tmp_path, data_dir, *PLAIN, epochs) as workers:
        assert workers.exit_codes() == [0, 0], workers.texts()
    assert log_of(run) == log_of(tmp_path / "run")
    assert_same(saved(run, done + 1), saved(tmp_path / "run", done + 1))
    # The killed worker could not remove its folder, nobody else left one.
    assert len(list(folder.glob("g2npan-worker-*"))) == 1


@pytest.mark.slow
def test_two_workers_train_all_three_networks(data_dir, tmp_path):
    # Eq. 10's second pass begins with the second epoch.
    flags = ("--epochs=2", "--perception_warmup=1")
    with Workers(tmp_path, data_dir, *flags, code=["-c", KEEPING]) as workers:
        assert workers.exit_codes() == [0, 0], workers.texts()
    (other,) = tmp_path.glob("g2npan-worker-*")
    assert_same(saved(tmp_path / "run", 2), saved(other, 2))
    assert log_of(tmp_path / "run") == log_of(other)
