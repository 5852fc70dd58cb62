"""Which files are to be scored: files, folders, patterns, lists.

A link inside a folder (or below the fixed part of a pattern) is not followed
out of it unless that is asked for; a file that is named by hand may be one.
"""

import dataclasses
import fnmatch
import os
import pathlib
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import BinaryIO

from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import SUFFIXES

NO_IMAGE = f"no {', '.join(SUFFIXES)} file in this folder"
STDIN = "-"
LIST_MARK = "@"
_MAGIC = frozenset("*?[")
# Below a folder at any depth, itself included.
_ANY_DEPTH = "**"
# A list is text; this is some ten million names.
_MAX_LIST_BYTES = 2**30


@dataclasses.dataclass
class _Search:
    """How folders are searched, and what was left out on the way."""

    follow_links: bool = False
    num_left_out: int = 0
    closed: list[pathlib.Path] = dataclasses.field(default_factory=list)

    def walk(
        self, folder: pathlib.Path, depth: int | None = None
    ) -> Iterator[tuple[pathlib.Path, list[str], list[str]]]:
        """Yields folders with the names of their folders and files.

        Hidden ones are left out, and links that lead out of `folder`; a
        folder that is reached again by a link is not entered again. One that
        cannot be read is kept in `closed`.
        """
        home = os.path.realpath(folder)
        entered = {home}
        for parent, names, files in os.walk(
            folder, onerror=self._keep_closed, followlinks=self.follow_links
        ):
            here = pathlib.Path(parent)
            names[:] = sorted(
                name
                for name in names
                if not name.startswith(".")
                and self._may_enter(here / name, entered)
            )
            kept = [name for name in files if not name.startswith(".")]
            yield (
                here,
                list(names),
                sorted(name for name in kept if self._is_in(here / name, home)),
            )
            if depth is not None:
                level = len(here.relative_to(folder).parts)
                names[:] = names if level + 1 < depth else []

    def _keep_closed(self, error: OSError) -> None:
        """Remembers a folder that cannot be read."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self.closed.append(pathlib.Path(os.fsdecode(error.filename)))

    def _may_enter(self, path: pathlib.Path, entered: set[str]) -> bool:
        """Whether a folder is searched; one that is a link only if asked."""
        if not self.follow_links:
            linked = os.path.islink(path)
            self.num_left_out += linked
            return not linked
        real = os.path.realpath(path)
        new = real not in entered
        entered.add(real)
        return new

    def _is_in(self, path: pathlib.Path, home: str) -> bool:
        """Whether a file stays in the folder where it was found."""
        if self.follow_links or not os.path.islink(path):
            return True
        inside = os.path.realpath(path).startswith(os.path.join(home, ""))
        self.num_left_out += not inside
        return inside


@dataclasses.dataclass(frozen=True)
class ImagePaths:
    """The files that arguments stand for.

    Attributes:
        paths: In the order of the arguments, each once.
        num_links_left_out: Links to folders, or out of the folder of a
            search, that were not followed.
        lists: Files that arguments came from.
    """

    paths: tuple[pathlib.Path, ...]
    num_links_left_out: int = 0
    lists: tuple[str, ...] = ()


def find_images(
    arguments: Sequence[str],
    *,
    follow_links: bool = False,
    stdin: BinaryIO | None = None,
) -> ImagePaths:
    """Lists the files to be scored, each once.

    An argument is a file, a folder, a pattern (`*`, `?`, `[ab]`, and `**` for
    folders of any depth), `@list.txt` for a file with one path or pattern a
    line, or `-` for such a list on stdin. What exists by its name is no
    pattern. A file that is named, also by a pattern, is always listed,
    whatever its suffix; in folders only files of the known suffixes count.
    Hidden files and folders are left out, and the order is that of the names.
    Paths need not exist; those of lists are relative to the current folder.

    Returns:
        The files; a folder without images or that cannot be read, a pattern
        without files and a path that is missing stand for themselves, so that
        they get a row with an error.

    Raises:
        InputError: If an argument is empty (an unset variable of a shell) or a
            list cannot be read.
    """
    search = _Search(follow_links)
    found: dict[str, pathlib.Path] = {}
    for name in _names(arguments, stdin):
        for path in _expand(name, search):
            # a.png and ./a.png are one file.
            found.setdefault(os.path.abspath(path), path)
    lists = tuple(filter(None, map(_list_of, arguments)))
    return ImagePaths(tuple(found.values()), search.num_left_out, lists)


def why_no_file(path: str | os.PathLike[str]) -> str:
    """The status of a path of `find_images` that is a folder; else empty."""
    if not os.path.isdir(path):
        return ""
    try:
        os.scandir(path).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return NO_IMAGE


def _list_of(argument: str) -> str:
    """The file of a list; empty if the argument is none."""
    is_list = argument.startswith(LIST_MARK) and not os.path.exists(argument)
    return argument.removeprefix(LIST_MARK) if is_list else ""


def _names(arguments: Sequence[str], stdin: BinaryIO | None) -> Iterator[str]:
    """Replaces lists by their lines."""
    for argument in arguments:
        if not argument:
            raise InputError("an empty path; expected a file or a folder")
        if argument == STDIN:
            if stdin is None and sys.stdin is None:
                raise InputError("stdin: closed; expected a list of paths")
            yield from _lines("stdin", stdin or sys.stdin.buffer)
        elif path := _list_of(argument):
            try:
                with open(path, "rb") as file:
                    yield from _lines(argument, file)
            except InputError:
                raise
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise InputError(f"{argument}: {reason.lower()}") from error
        else:
            yield argument


def _lines(name: str, file: BinaryIO) -> Iterator[str]:
    """The paths of a list; names need not be text, blank lines are none."""
    data = file.read(_MAX_LIST_BYTES).removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise InputError(f"{name}: no text; expected one path a line")
    for line in data.split(b"\n"):
        line = line.removesuffix(b"\r")
        if line.strip():
            yield os.fsdecode(line)


def _expand(name: str, search: _Search) -> Iterable[pathlib.Path]:
    """The files of one path or pattern, or it itself if there is none."""
    path = pathlib.Path(name)
    try:
        if os.path.isdir(path):
            return _images_below(path, search) or [path]
        if not _MAGIC & set(name) or os.path.lexists(path):
            return [path]
        return list(_matching(path, search)) or [path]
    except ValueError:
        # A name that no file can have.
        return [path]


def _images_below(folder: pathlib.Path, search: _Search) -> list[pathlib.Path]:
    """The visible image files below a folder, in the order of their paths.

    With the folders that cannot be read.
    """
    num_closed = len(search.closed)
    found = [
        parent / name
        for parent, _, names in search.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES)
    ]
    return sorted(found + search.closed[num_closed:])


def _matching(pattern: pathlib.Path, search: _Search) -> Iterator[pathlib.Path]:
    """What a shell would make of a pattern, and the images of its folders."""
    parts = pattern.parts
    # Names that exist are names.
    patterns = (
        i
        for i, part in enumerate(parts)
        if _MAGIC & set(part)
        and not os.path.lexists(pathlib.Path(*parts[: i + 1]))
    )
    fixed = next(patterns, len(parts))
    root, wanted = pathlib.Path(*parts[:fixed]), parts[fixed:]
    depth = None if _ANY_DEPTH in wanted else len(wanted)
    hits, num_closed = [], len(search.closed)
    for parent, folders, files in search.walk(root, depth):
        below = parent.relative_to(root).parts
        hits += [
            parent / name
            for name in (*folders, *files)
            if _is_match((*below, name), wanted)
        ]
    hits += search.closed[num_closed:]
    for path in sorted(set(hits)):
        is_folder = os.path.isdir(path)
        yield from _images_below(path, search) if is_folder else [path]


def _is_match(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the parts of a path fit those of a pattern."""
    if not wanted:
        return not names
    if wanted[0] == _ANY_DEPTH:
        return any(
            _is_match(names[start:], wanted[1:])
            for start in range(len(names) + 1)
        )
    return (
        bool(names)
        and (names[0] == wanted[0] or fnmatch.fnmatch(names[0], wanted[0]))
        and _is_match(names[1:], wanted[1:])
    )
