"""Checkpoints go on bit for bit and survive damage, kills and a full disk."""

import contextlib
import errno
import io
import os
import pathlib
import signal
import sys
import warnings

import keras
import pytest
import tensorflow as tf

from g2npan_tf.core.errors import InputError
from g2npan_tf.training import checkpoints
from g2npan_tf.training.checkpoints import BEST
from g2npan_tf.training.checkpoints import SCORER
from g2npan_tf.training.checkpoints import STATE
from g2npan_tf.training.checkpoints import Progress
from tests.model.test_train_step import g2npan
from tests.tiny import arrays
from tests.tiny import assert_same
from tests.tiny import checkpoint_files
from tests.tiny import random_batch


def adam_model():
    model = g2npan()
    model.compile(model.objective, *(keras.optimizers.Adam() for _ in range(3)))
    return model


def steps(model, seeds):
    for seed in seeds:
        batch = random_batch(seed=seed)
        model.train_step({n: tf.constant(x) for n, x in batch.items()})


def state(model):
    values = [w.numpy() for w in model.weights]
    for name in model.OPTIMIZERS:
        values += [v.numpy() for v in getattr(model, name).variables]
    return values


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    straight = adam_model()
    steps(straight, [0, 1])
    first = adam_model()
    steps(first, [0])
    saved = checkpoint_files(first)
    checkpoints.save(saved, Progress(1, 1, 0.5), tmp_path)
    second = adam_model()
    progress, best = checkpoints.restore(second, tmp_path)
    assert progress == Progress(1, 1, 0.5)
    assert best == {name: saved[name] for name in (BEST, SCORER)}
    steps(second, [1])
    assert_same(state(second), state(straight))


def test_content_is_what_keras_writes(tmp_path):
    model = g2npan()
    model.save_weights(tmp_path / STATE)
    content = checkpoints.content(model.save_weights, STATE)
    assert_same(arrays(io.BytesIO(content)), arrays(tmp_path / STATE))
    (tmp_path / SCORER).write_bytes(
        checkpoints.content(model.scorer.save, SCORER)
    )
    scorer = keras.saving.load_model(tmp_path / SCORER, safe_mode=True)
    assert_same(scorer.get_weights(), model.scorer.get_weights())


class Model:
    """Loads what `files` makes; from then on it is at that epoch."""

    def __init__(self):
        self.loaded = None

    def load_weights(self, path):
        self.loaded = path.read_bytes()


def files(epoch):
    return {
        STATE: b"state of %d" % epoch * 9,
        BEST: b"best until %d" % epoch * 9,
        SCORER: b"scorer until %d" % epoch * 9,
    }


def save(epoch, directory):
    return checkpoints.save(
        files(epoch), Progress(epoch, 1, 0.5 + epoch / 8), directory
    )


def check_whole(directory, *epochs):
    """Restores, which must give one of these epochs with all its files."""
    model = Model()
    progress, best = checkpoints.restore(model, directory)
    assert progress.epoch in epochs
    whole = files(progress.epoch)
    assert model.loaded == whole.pop(STATE)
    assert best == whole
    assert progress.best_figure == 0.5 + progress.epoch / 8
    assert checkpoints.newest(directory).name == f"epoch_{progress.epoch:06d}"
    return progress.epoch


@pytest.fixture
def two_saved(tmp_path):
    """Folder with two checkpoints."""
    directory = tmp_path / "checkpoints"
    for epoch in (1, 2):
        save(epoch, directory)
    return directory


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_only_the_two_newest_are_kept(two_saved):
    save(3, two_saved)
    assert names(two_saved) == ["epoch_000002", "epoch_000003"]
    saved = [BEST, SCORER, "state.json", STATE]
    assert names(two_saved / "epoch_000003") == saved


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.write_bytes(content)


DAMAGES = {
    "flipped bit": flip,
    "truncated": lambda path: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path: path.write_text(""),
    "empty json": lambda path: path.write_text("{}"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "missing": pathlib.Path.unlink,
}


@pytest.mark.parametrize("file", [STATE, BEST, SCORER, "state.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_is_noticed(
    two_saved, file, damage, capsys
):
    DAMAGES[damage](two_saved / "epoch_000002" / file)
    assert check_whole(two_saved, 1) == 1
    damaged, used = capsys.readouterr().err.splitlines()
    assert "epoch_000002: damaged checkpoint, not used" in damaged
    assert file in damaged or file == "state.json"
    assert "epoch_000001: used instead" in used
    # The run goes on: the damaged one is replaced, the other one kept.
    save(2, two_saved)
    assert check_whole(two_saved, 2) == 2
    assert names(two_saved) == ["epoch_000001", "epoch_000002"]


def test_a_changed_figure_in_the_manifest_is_noticed(two_saved):
    path = two_saved / "epoch_000002" / "state.json"
    assert "0.75" in path.read_text()
    path.write_text(path.read_text().replace("0.75", "0.85"))
    assert check_whole(two_saved, 1) == 1


def test_damaged_ones_of_later_epochs_do_not_count_as_kept(two_saved):
    save(3, two_saved)
    flip(two_saved / "epoch_000003" / STATE)
    flip(two_saved / "epoch_000002" / STATE)
    save(1, two_saved)
    assert check_whole(two_saved, 1) == 1
    save(2, two_saved)
    assert names(two_saved) == ["epoch_000001", "epoch_000002"]


def test_a_run_with_damaged_checkpoints_only_does_not_begin_anew(two_saved):
    for path in two_saved.glob("*/state.json"):
        path.write_text("{}")
    with pytest.raises(InputError, match="every checkpoint is damaged"):
        checkpoints.restore(Model(), two_saved)
    assert checkpoints.newest(two_saved) is None


def test_without_checkpoints_a_run_starts(tmp_path):
    assert checkpoints.restore(Model(), tmp_path / "none") == (Progress(), {})


def killed_at(number, directory):
    """Whether a save of epoch 3 is killed at its n-th file operation."""
    with warnings.catch_warnings():
        # Python 3.12 on: the child is of a process with threads.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            left = [number]

            def count(event, arguments):
                if event.startswith(("open", "os.", "shutil.")):
                    left[0] -= 1
                    if left[0] == 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            save(3, directory)
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_a_save_killed_at_any_file_operation_loses_nothing(tmp_path):
    seen = []
    while True:
        directory = tmp_path / str(len(seen)) / "checkpoints"
        for epoch in (1, 2):
            save(epoch, directory)
        killed = killed_at(len(seen) + 1, directory)
        seen.append(check_whole(directory, 2, 3))
        # The next save finds its way, whatever is left over.
        checkpoints.remove_leftovers(directory)
        assert set(names(directory)) <= {
            f"epoch_{epoch:06d}" for epoch in (1, 2, 3)
        }
        save(3, directory)
        assert names(directory) == ["epoch_000002", "epoch_000003"]
        if not killed:
            break
    # Each file is opened twice (written, flushed), folders are made, flushed
    # and renamed; the checkpoint counts from its renaming on.
    assert len(seen) > 20
    assert seen == sorted(seen)
    assert seen.count(3) > 3


def test_half_a_file_is_not_used(two_saved):
    aside = two_saved / "epoch_000003.tmp"
    aside.mkdir()
    (aside / STATE).write_bytes(files(3)[STATE][:9])
    assert check_whole(two_saved, 2) == 2
    # Somebody may be writing it: who only reads removes nothing.
    assert aside.exists()
    checkpoints.remove_leftovers(two_saved)
    assert names(two_saved) == ["epoch_000001", "epoch_000002"]


def test_everything_is_on_the_disk_before_it_counts(two_saved, monkeypatch):
    events = []
    sync, rename = os.fsync, pathlib.Path.rename

    def fsync(number):
        path = os.readlink(f"/proc/self/fd/{number}")
        events.append(os.path.relpath(path, two_saved))
        sync(number)

    def renamed(path, target):
        events.append(f"rename {path.name} {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(pathlib.Path, "rename", renamed)
    save(3, two_saved)
    counts = events.index("rename epoch_000003.tmp epoch_000003")
    aside, files = "epoch_000003.tmp", (STATE, BEST, SCORER, "state.json")
    written = {"..", aside, *(f"{aside}/{name}" for name in files)}
    assert set(events[:counts]) == written
    # The old one goes only when the new one's name is on the disk.
    assert events[counts + 1 :] == [".", "rename epoch_000001 epoch_000001.old"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("full_at", range(1, 5))
def test_a_full_disk_leaves_the_checkpoints_alone(
    two_saved, monkeypatch, number, full_at
):
    """The n-th file of the save does not fit."""
    written = []
    write_bytes = pathlib.Path.write_bytes

    def write(path, content):
        written.append(path)
        if len(written) == full_at:
            write_bytes(path, content[: len(content) // 2])
            raise OSError(number, os.strerror(number))
        return write_bytes(path, content)

    monkeypatch.setattr(pathlib.Path, "write_bytes", write)
    with pytest.raises(
        OSError, match=r"\(\d+ bytes needed, \d+ free\)"
    ) as info:
        save(3, two_saved)
    assert info.value.errno == number
    assert info.value.filename == str(two_saved)
    needed = sum(len(file) for file in files(3).values())
    assert f"({needed} bytes needed" in str(info.value)
    assert names(two_saved) == ["epoch_000001", "epoch_000002"]
    save(3, two_saved)
    assert check_whole(two_saved, 3) == 3


def test_a_disk_that_is_really_full_stops_the_save(small_disk):
    directory = small_disk(1) / "checkpoints"
    save(1, directory)
    large = {name: bytes(400_000) for name in files(2)}
    with pytest.raises(OSError, match="1200000 bytes needed") as info:
        checkpoints.save(large, Progress(2), directory)
    assert info.value.errno == errno.ENOSPC
    assert check_whole(directory, 1) == 1
    assert names(directory) == ["epoch_000001"]
    save(2, directory)
    assert check_whole(directory, 2) == 2
