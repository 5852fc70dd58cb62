import errno
import os

import pytest

from g2npan_tf.atomic_file import remove_leftovers
from g2npan_tf.atomic_file import written_aside


def write_half_and_fail(path):
    with written_aside(path) as aside:
        aside.write_text("half")
        (path / "missing").read_text()


def test_the_file_appears_when_the_block_succeeds(tmp_path):
    path = tmp_path / "table.csv"
    with written_aside(path) as aside:
        aside.write_text("new")
        assert aside.suffix == ".csv"
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_block_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="missing"):
        write_half_and_fail(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    events = []
    path = tmp_path / "table.csv"
    sync, replace = os.fsync, os.replace

    def fsync(number):
        events.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        sync(number)

    def replaced(old, new):
        events.append(new.name)
        replace(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replaced)
    with written_aside(path) as aside:
        aside.write_text("new")
    assert events == [aside.name, "table.csv", tmp_path.name]


def test_a_full_disk_is_named_with_the_file(tmp_path):
    path = tmp_path / "table.csv"
    with (
        pytest.raises(OSError, match=r"No space left.*table\.csv") as info,
        written_aside(path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert info.value.errno == errno.ENOSPC


def test_leftovers_of_killed_processes_are_removed(tmp_path):
    for name in (".123-scorer.keras", ".hidden", "log.csv"):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "log.csv"]
