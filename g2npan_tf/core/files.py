"""Files that appear whole or not at all, also when the power fails.

What is no regular file (a device, a FIFO, standard output) is written through,
as other programs do.
"""

import contextlib
import errno
import os
import pathlib
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator

# What a full disk, a quota and a limit on a file's size say.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Names of standard output.
STDOUT = ("-", "/dev/stdout")
# Links to what a process has open lead through here.
_OPEN_FILES = pathlib.Path("/proc")
# The usual limit of a name is 255.
_MAX_NAME_BYTES = 200


@contextlib.contextmanager
def written_aside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path beside `path` and moves it there if the block succeeds.

    That is a hidden path in the same folder, which must exist, with the same
    suffix. If the block fails, it is removed and a file that was at `path`
    stays as it was; an `OSError` names `path`. What is no regular file is
    written through, and a name of `STDOUT` is standard output.
    """
    if str(path) in STDOUT:
        with _copied_to_stdout() as aside:
            yield aside
        return
    if is_stream(path):
        yield path
        return
    target = pathlib.Path(os.path.realpath(path))
    # The suffix stays last, since writers choose the format by it.
    name = os.fsdecode(os.fsencode(target.name)[-_MAX_NAME_BYTES:])
    aside = target.with_name(f".{os.getpid()}-{name}")
    try:
        _keep_secret(aside, target)
        yield aside
        move(aside, target)
        sync(target.parent)
    except OSError as error:
        # A failed write names no file, unlike a failed open.
        error.filename = error.filename or str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def move(made: pathlib.Path, path: pathlib.Path) -> None:
    """Puts a finished file of the same disk in the place of another.

    The disk has it before it gets its name. A link is followed; the mode and
    the owner of a file that is there are kept.
    """
    target = pathlib.Path(os.path.realpath(path))
    with contextlib.suppress(FileNotFoundError):
        before = os.stat(target)
        made.chmod(stat.S_IMODE(before.st_mode))
        with contextlib.suppress(PermissionError):
            os.chown(made, before.st_uid, before.st_gid)
    sync(made)
    os.replace(made, target)


def is_stream(path: pathlib.Path) -> bool:
    """Whether a path is there, but is no regular file of a name of its own."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return not os.path.isdir(path)
    except OSError:
        return False
    while path.is_symlink():
        path = path.parent / path.readlink()
        if _OPEN_FILES in pathlib.Path(os.path.realpath(path.parent)).parents:
            return True
    return False


def _keep_secret(aside: pathlib.Path, target: pathlib.Path) -> None:
    """Makes the file with the mode of the one that it will replace."""
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(os.stat(target).st_mode) | stat.S_IWUSR
        aside.unlink(missing_ok=True)
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))


@contextlib.contextmanager
def _copied_to_stdout() -> Iterator[pathlib.Path]:
    """Yields a file that standard output gets if the block succeeds."""
    with tempfile.TemporaryDirectory() as folder:
        aside = pathlib.Path(folder, "stdout")
        yield aside
        sys.stdout.flush()
        with aside.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def remove_leftovers(directory: pathlib.Path) -> None:
    """Removes what killed processes left half written."""
    for path in directory.glob(".[0-9]*-*"):
        path.unlink(missing_ok=True)


def write(path: pathlib.Path, content: bytes) -> None:
    """Writes a file and waits until the disk has it."""
    path.write_bytes(content)
    sync(path)


def sync(path: pathlib.Path) -> None:
    """Waits until the disk has a file's content, or a folder's names."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # Some network file systems cannot do this for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)
