"""The folder of a report: it appears whole or not, in place of an earlier one.

What is in an earlier folder is deleted, so it must be a report beyond doubt:
its summary says so, and nothing is in it that a report does not have.
"""

import contextlib
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError

INDEX = "index.html"
SCORES = "scores.csv"
SUMMARY = "report.json"
PAGES = "images"
# What the summary calls itself, by which a report is known.
FORMAT = {"format": "g2npan-score report"}
_PAGE = re.compile(r"[0-9]{5,}\.html")
_EXPECTED = "expected a new or empty folder, or an earlier report"


def page_name(number: int) -> str:
    """File of an image's page; names of images may be anything."""
    return f"{number:05d}.html"


@contextlib.contextmanager
def written_aside(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an empty folder that becomes `directory` if the block succeeds.

    Args:
        directory: The folder to be made; what lacks above it is made too. One
            that is there must be empty or an earlier report: it is replaced.

    Yields:
        A hidden folder beside it; removed if the block fails, when an earlier
        `directory` stays as it was.

    Raises:
        InputError: If there is a file, or a folder with anything else, before
            the block or after it.
        OSError: If it cannot be written.
    """
    directory = pathlib.Path(os.path.realpath(directory))
    check(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = directory.with_name(f".{os.getpid()}-{directory.name}")
    aside.mkdir()
    try:
        yield aside
        _swap(aside, directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check(directory: pathlib.Path, moved: pathlib.Path | None = None) -> None:
    """Refuses a place where something of others is.

    Args:
        directory: As for `written_aside`.
        moved: Where its content is by now, if elsewhere.

    Raises:
        InputError: As for `written_aside`, or if it cannot be looked into.
    """
    place = moved or directory
    try:
        foreign = min(_foreign(place), default="")
        empty = not os.listdir(place)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise InputError(f"{directory}: a file; {_EXPECTED}") from error
    except OSError as error:
        raise InputError(f"{directory}: {error.strerror}") from error
    if foreign:
        raise InputError(f"{directory} holds {foreign}; {_EXPECTED}")
    if not empty and not _is_summary(place / SUMMARY):
        raise InputError(
            f"{directory} holds no {SUMMARY} of a report; {_EXPECTED}"
        )


def _foreign(directory: pathlib.Path) -> Iterator[str]:
    """Names of what no report has."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name == PAGES and entry.is_dir(follow_symlinks=False):
                yield from _foreign_pages(entry)
            elif not (
                entry.name in (INDEX, SCORES, SUMMARY)
                and entry.is_file(follow_symlinks=False)
            ):
                yield entry.name


def _foreign_pages(directory: os.DirEntry[str]) -> Iterator[str]:
    """The same of the folder of the pages."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if not (
                _PAGE.fullmatch(entry.name)
                and entry.is_file(follow_symlinks=False)
            ):
                yield f"{PAGES}/{entry.name}"


def _is_summary(path: pathlib.Path) -> bool:
    """Whether a file is the summary of a report."""
    try:
        summary = plain_json.parse(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and summary.items() >= FORMAT.items()


def _swap(aside: pathlib.Path, directory: pathlib.Path) -> None:
    """Moves the new folder to its place, and the earlier one away."""
    before = aside.with_name(f"{aside.name}-before")
    with contextlib.suppress(FileNotFoundError):
        os.rename(directory, before)
    try:
        # The run was long, and what is moved away gets nothing more.
        check(directory, before)
        os.rename(aside, directory)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.rename(before, directory)
        raise
    shutil.rmtree(before, ignore_errors=True)
