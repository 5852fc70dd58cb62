"""A folder that appears whole or not at all, in place of an earlier one."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Collection
from collections.abc import Iterator

from g2npan_tf.errors import InputError


@contextlib.contextmanager
def written_aside(
    directory: pathlib.Path, names: Collection[str]
) -> Iterator[pathlib.Path]:
    """Yields an empty folder that becomes `directory` if the block succeeds.

    Args:
        directory: The folder to be made; what lacks above it is made too. One
            that is there must be empty or hold nothing but `names`: it is
            replaced.
        names: What the block may write.

    Yields:
        A hidden folder beside it; removed if the block fails, when an earlier
        `directory` stays as it was.

    Raises:
        InputError: If there is a file, or a folder with anything else.
        OSError: If it cannot be written.
    """
    directory = pathlib.Path(os.path.realpath(directory))
    check(directory, names)
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = directory.with_name(f".{os.getpid()}-{directory.name}")
    aside.mkdir()
    try:
        yield aside
        _swap(aside, directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check(directory: pathlib.Path, names: Collection[str]) -> None:
    """Refuses a place where something of others is.

    Args:
        directory: As for `written_aside`.
        names: Likewise.

    Raises:
        InputError: Likewise.
    """
    expected = "expected a new or empty folder, or an earlier report"
    try:
        others = set(os.listdir(directory)) - set(names)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise InputError(f"{directory}: a file; {expected}") from error
    if others:
        raise InputError(f"{directory} holds {min(others)}; {expected}")


def _swap(aside: pathlib.Path, directory: pathlib.Path) -> None:
    """Moves the new folder to its place, and the earlier one away."""
    before = aside.with_name(f"{aside.name}-before")
    with contextlib.suppress(FileNotFoundError):
        os.rename(directory, before)
    try:
        os.rename(aside, directory)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.rename(before, directory)
        raise
    shutil.rmtree(before, ignore_errors=True)
