import errno
import os
import stat
import threading

import pytest

from g2npan_tf.core.files import is_stream
from g2npan_tf.core.files import remove_leftovers
from g2npan_tf.core.files import written_aside


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


def write(path, text):
    with written_aside(path) as aside:
        aside.write_text(text)


def test_a_link_is_followed(tmp_path):
    target, link = tmp_path / "there" / "table.csv", tmp_path / "link"
    target.parent.mkdir()
    link.symlink_to(target)
    for text in ("new", "newer"):
        write(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert os.listdir(target.parent) == ["table.csv"]


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o664])
def test_the_mode_is_kept_and_nobody_else_reads_before(tmp_path, mode):
    path = tmp_path / "table.csv"
    path.touch()
    path.chmod(mode)
    with written_aside(path) as aside:
        assert not stat.S_IMODE(aside.stat().st_mode) & ~(mode | 0o200)
        aside.write_text("new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "new"


def test_a_long_name_fits(tmp_path):
    path = tmp_path / ("n" * 251 + ".csv")
    write(path, "new")
    assert path.read_text() == "new"


def test_a_fifo_is_written_through(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write(path, "through")
    reader.join(10)
    assert read == ["through"]
    assert path.is_fifo()


def test_a_device_stays_a_device(tmp_path):
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    write(link, "new")
    assert link.is_symlink()
    assert stat.S_ISCHR(os.stat(link).st_mode)
    assert not is_stream(tmp_path)


def test_what_a_process_has_open_is_written_through(tmp_path):
    with open(tmp_path / "open.txt", "w") as file:
        link = tmp_path / "link"
        link.symlink_to(f"/dev/fd/{file.fileno()}")
        before = os.stat(file.fileno()).st_ino
        write(link, "through")
        assert (tmp_path / "open.txt").stat().st_ino == before
    assert (tmp_path / "open.txt").read_text() == "through"


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_has_names(name, capfdbinary):
    print("first")
    write(name, "second")
    assert capfdbinary.readouterr().out == b"first\nsecond"
    assert not os.path.exists("-")
