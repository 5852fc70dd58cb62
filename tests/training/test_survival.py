"""Runs that are killed, stopped or find the disk full, as real processes.

Each goes on by the same command and ends as one that nothing happened to, bit
for bit.
"""

import io
import json
import random
import resource
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.config_flags import to_flags
from tests.tiny import REPOSITORY
from tests.tiny import TINY
from tests.tiny import arrays
from tests.tiny import log_of

EPOCHS = 4
# Sends itself a signal at its n-th operation on a file named so.
SIGNAL_AT = """
import os, runpy, sys
text, left, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
del sys.argv[:4]
def count(event, arguments):
    global left
    if event.startswith(("open", "os.", "shutil.")) and text in str(arguments):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)
sys.addaudithook(count)
runpy.run_path("train.py", run_name="__main__")
"""
# What every run may have otherwise.
TIMES = ("images_per_second", "wall_seconds", "peak_memory_mib")


@pytest.fixture(scope="module")
def flags(data_dir):
    """Of a deterministic run without GAN, which is traced in seconds."""
    config = Config(
        **{**TINY, "epochs": EPOCHS},
        data_dir=data_dir,
        use_gan=False,
        deterministic=True,
    )
    return to_flags(config)


def start(workdir, flags, at=None, **options):
    """Starts train.py; `at`: file name, how many operations, signal."""
    hook = [] if at is None else ["-c", SIGNAL_AT, *map(str, at)]
    return subprocess.Popen(
        [sys.executable, *hook, "train.py", f"--workdir={workdir}", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        **options,
    )


def run(*arguments, **options):
    """Exit code and what was printed as an error, of a whole call."""
    process = start(*arguments, **options)
    _, err = process.communicate(timeout=600)
    return process.returncode, err


@pytest.fixture(scope="module")
def straight(flags, tmp_path_factory):
    """A run that nothing happens to."""
    workdir = tmp_path_factory.mktemp("straight") / "run"
    assert run(workdir, flags) == (0, "")
    return workdir


def checkpoint_names(workdir):
    return sorted(path.name for path in (workdir / "checkpoints").iterdir())


def weights(path):
    """All arrays of a weights file or of a model."""
    if path.suffix != ".keras":
        return arrays(path)
    with zipfile.ZipFile(path) as archive:
        return arrays(io.BytesIO(archive.read("model.weights.h5")))


def is_equal(one, two):
    assert one.keys() == two.keys()
    return all(np.array_equal(one[name], two[name]) for name in one)


def summary(workdir):
    values = json.loads((workdir / "training.json").read_text())
    return {name: x for name, x in values.items() if name not in TIMES}


def state(checkpoint):
    """Epoch, best epoch and best figure."""
    manifest = json.loads((checkpoint / "state.json").read_text())
    return manifest["state"]["progress"]


def check_equal(workdir, expected):
    """Everything but times is that of the other run, bit for bit."""
    assert checkpoint_names(workdir) == checkpoint_names(expected)
    for path in ("checkpoints/epoch_000003", "checkpoints/epoch_000004", ""):
        one, two = workdir / path, expected / path
        names = {path.name for path in one.iterdir()}
        assert names == {path.name for path in two.iterdir()}
        saved = names & {"state.weights.h5", "best.weights.h5", "scorer.keras"}
        assert len(saved) >= 2
        for name in saved:
            assert is_equal(weights(one / name), weights(two / name))
        if "state.json" in names:
            assert state(one) == state(two)
    for name in ("log.csv", "config.json"):
        assert (workdir / name).read_text() == (expected / name).read_text()
    assert summary(workdir) == summary(expected)


def limited_files():
    """In the child: no file may become larger, as if the disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_the_checkpoint_holds_every_optimizers_state(straight):
    saved = weights(straight / "checkpoints/epoch_000004/state.weights.h5")
    optimizer = {
        name: values for name, values in saved.items() if "optimizer" in name
    }
    steps = sum(values.shape == () and values == 8 for values in saved.values())
    # Momentum and velocity of each trained weight; 2 steps an epoch.
    assert len(optimizer) > len(saved) / 2
    assert steps == 1


def test_a_run_that_met_everything_equals_one_that_met_nothing(
    straight, flags, tmp_path
):
    """SIGKILL inside a save, a full disk, SIGTERM, and the same command."""
    workdir = tmp_path / "run"
    at = ("epoch_000002", 6, signal.SIGKILL)
    assert run(workdir, flags, at=at)[0] == -signal.SIGKILL
    assert checkpoint_names(workdir) == ["epoch_000001", "epoch_000002.tmp"]

    code, err = run(workdir, flags, preexec_fn=limited_files)
    assert code == 1
    assert err.count("\n") == 1, err
    assert "error: File too large (" in err
    assert "bytes needed, " in err
    assert f"{workdir}/checkpoints; saved up to epoch 1; rerun the" in err
    assert checkpoint_names(workdir) == ["epoch_000001"]

    at = ("epoch_000003", 1, signal.SIGTERM)
    code, err = run(workdir, flags, at=at)
    assert code == 143
    assert err.count("\n") == 1, err
    assert "stopped by SIGTERM; saved up to epoch 3; rerun the same" in err

    assert run(workdir, flags) == (0, "")
    check_equal(workdir, straight)


def last_saved(workdir):
    """The last epoch that is saved, 0 if none is."""
    saved = (workdir / "checkpoints").glob("epoch_??????")
    return max((int(path.name[-6:]) for path in saved), default=0)


def until_saved(process, workdir, epoch):
    """Waits until a run has saved an epoch."""
    while last_saved(workdir) < epoch:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.mark.slow
def test_sigterm_lets_the_epoch_end_and_be_saved(flags, tmp_path):
    process = start(tmp_path, [*flags, "--epochs=100000"])
    until_saved(process, tmp_path, 2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    epoch = int(log_of(tmp_path)[-1]["epoch"])
    assert f"saved up to epoch {epoch}; rerun the same command to resume" in err
    assert last_saved(tmp_path) == epoch


def logged(workdir):
    path = workdir / "log.csv"
    return path.read_text() if path.exists() else ""


KINDS = ("operation", "start", "epoch")


def random_kills(workdir, flags, seed):
    """How often it was killed, at random times and places, until it ended."""
    draw = random.Random(seed)
    for kills in range(100):
        # The first three at file operations of the next save or so: however
        # fast the machine is, they are within the four epochs.
        kind = draw.choice(KINDS if kills >= 3 else KINDS[:1])
        number = draw.randrange(1, 30 if kills < 3 else 90)
        before = logged(workdir)
        place = (workdir, number, signal.SIGKILL)
        process = start(workdir, flags, at=place if kind == KINDS[0] else None)
        if kind == "start":
            time.sleep(draw.uniform(0, 15))
        elif kind == "epoch":
            while logged(workdir) == before and process.poll() is None:
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 1))
        if kind != KINDS[0]:
            process.kill()
        _, err = process.communicate(timeout=600)
        if process.returncode == 0:
            return kills
        assert process.returncode == -signal.SIGKILL, err
    raise AssertionError("no progress")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_killed_at_random_equals_one_that_was_not(
    straight, flags, tmp_path, seed
):
    workdir = tmp_path / "run"
    assert random_kills(workdir, flags, seed) >= 3
    check_equal(workdir, straight)


@pytest.mark.slow
def test_all_three_networks_survive_kills(flags, tmp_path):
    gan = [*flags, "--use_gan=true", "--perception_warmup=1"]
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert run(straight, gan) == (0, "")
    for place, number in (("epoch_000001", 3), ("epoch_000003", 9)):
        at = (place, number, signal.SIGKILL)
        assert run(killed, gan, at=at)[0] == -signal.SIGKILL
    assert run(killed, gan) == (0, "")
    saved = weights(killed / "checkpoints/epoch_000004/state.weights.h5")
    for name in ("generator", "discriminator", "quality"):
        assert any(f"{name}_optimizer" in path for path in saved)
    check_equal(killed, straight)


@pytest.mark.slow
def test_another_seed_is_another_run(straight, flags, tmp_path):
    assert run(tmp_path, [*flags, "--seed=1"]) == (0, "")
    name = "checkpoints/epoch_000004/state.weights.h5"
    assert not is_equal(weights(tmp_path / name), weights(straight / name))


@pytest.mark.slow
def test_a_run_on_a_full_disk_goes_on_after_space_is_made(
    straight, flags, tmp_path, small_disk
):
    """A checkpoint has 1.5 MB, and three are there for a moment."""
    workdir = small_disk(6) / "run"
    filler = workdir.parent / "filler"
    filler.write_bytes(bytes(3_500_000))
    code, err = run(workdir, flags)
    assert code == 1
    assert err.count("\n") == 1, err
    assert "error: No space left on device (" in err
    epoch = int(err.partition("saved up to epoch ")[2][0])
    assert 1 <= epoch < EPOCHS
    assert last_saved(workdir) == epoch
    filler.unlink()
    assert run(workdir, flags) == (0, "")
    check_equal(workdir, straight)
