"""Files that appear whole or not at all, also when the power fails."""

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator

# What a full disk, a quota and a limit on a file's size say.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def written_aside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path beside `path` and moves it there if the block succeeds.

    Args:
        path: The file to be made or replaced; its folder must exist.

    Yields:
        A hidden path in the same folder with the same suffix. If the block
        fails, it is removed and a file that was at `path` stays as it was.

    Raises:
        OSError: If the disk does not take it; the error names `path`.
    """
    # The suffix stays last, since writers choose the format by it.
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield aside
        sync(aside)
        os.replace(aside, path)
        sync(path.parent)
    except OSError as error:
        # A failed write names no file, unlike a failed open.
        error.filename = error.filename or str(path)
        raise
    finally:
        aside.unlink(missing_ok=True)


def remove_leftovers(directory: pathlib.Path) -> None:
    """Removes what killed processes had begun to write aside."""
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
