"""What can be wrong with the rows of a user's table of scores."""

import collections
import dataclasses
import functools
import hashlib
import os
import pathlib
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from datasets.custom.scale import Scale
from datasets.folds import NUM_FOLDS
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.table import Problem
from g2npan_tf.core.table import Row
from g2npan_tf.core.table import Table
from g2npan_tf.core.table import number
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.images.content import has_content
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.read import load_image

REQUIRED = ("path", "pair_id", "algorithm")
# Columns that must not differ between the images of a pair.
OF_PAIR = ("case_id", "modality", "source_a", "source_b", "split")
SCORES = ("mos", "mos_std")
READER = re.compile(r"reader_\w+")
FOLDS = tuple(f"fold_{k}" for k in range(NUM_FOLDS))
FILES = ("path", "source_a", "source_b")


def find_problems(
    root: pathlib.Path, table: Table, scale: Scale
) -> Iterator[Problem]:
    """Looks for everything that is wrong with the rows of a table.

    Args:
        root: Folder that the paths are relative to.
        table: What `read_table` made of it.
        scale: Of the scores.

    Yields:
        One problem at a time, not ordered by line.
    """
    # Sources are named in every row of their pair; they are read once.
    limits = Limits(grey_bits=scale.grey_bits)
    read = functools.cache(functools.partial(_read, root, limits))
    for row in table.rows:
        for check in (_check_texts, _check_scores, _check_readers):
            for reason in check(row, scale):
                yield _problem(row, reason)
        for name in FILES:
            found = read(row.cells.get(name, ""))
            is_blank = name == "path" and not found.shows
            reason = found.problem or (NO_CONTENT if is_blank else "")
            if reason:
                yield _problem(row, f"{name}: {reason}")
    yield from _duplicates(root, table.rows)
    yield from _leaks(table.rows, read)
    yield from _lonely(table)
    yield from _contradictions(table.rows)
    if "split" in table.columns:
        yield from _split_problems(table.rows)


def case_of(row: Row) -> str:
    """Case of a row; without one each pair is a case of its own."""
    return row.cells.get("case_id") or row.cells["pair_id"]


def _problem(row: Row, reason: str) -> Problem:
    """A problem of a row whose path is known."""
    return Problem(row.line, row.cells["path"], reason)


def _check_texts(row: Row, scale: Scale) -> Iterator[str]:
    """Texts that have to be there."""
    del scale
    yield from (f"{name} is empty" for name in REQUIRED if not row.cells[name])
    sources = [row.cells.get(name, "") for name in ("source_a", "source_b")]
    if any(sources) and not all(sources):
        yield "only one of source_a and source_b; expected both or none"


def _check_scores(row: Row, scale: Scale) -> Iterator[str]:
    """`mos` and `mos_std`."""
    if "mos" in row.cells:
        yield from _reasons("mos", row, scale.mos_min, scale.mos_max)
    if row.cells.get("mos_std"):
        width = scale.mos_max - scale.mos_min
        yield from _reasons("mos_std", row, 0.0, width)


def _check_readers(row: Row, scale: Scale) -> Iterator[str]:
    """Single readers' grades; an empty cell is no grade."""
    readers = [name for name in row.cells if READER.fullmatch(name)]
    graded = [name for name in readers if row.cells[name]]
    if readers and not graded and "mos" not in row.cells:
        yield "no reader's grade and no mos"
    for name in graded:
        yield from _reasons(name, row, scale.mos_min, scale.mos_max)


def _reasons(name: str, row: Row, low: float, high: float) -> Iterator[str]:
    """Says what is wrong with a number, if anything is."""
    try:
        number(name, row.cells[name], low, high)
    except InputError as error:
        yield str(error)


@dataclasses.dataclass(frozen=True)
class _Read:
    """What is wrong with an image file, or what it is a picture of.

    Attributes:
        problem: Why it cannot be read; empty if it can.
        picture: SHA-256 of its pixels.
        shows: Whether it has content.
    """

    problem: str = ""
    picture: bytes = b""
    shows: bool = True


def _read(root: pathlib.Path, limits: Limits, cell: str) -> _Read:
    """Reads an image file; an empty cell is checked apart."""
    path = root / cell
    if not cell:
        return _Read()
    inside = _resolved(path).is_relative_to(_resolved(root))
    if pathlib.PurePath(cell).is_absolute() or not inside:
        return _Read(f"{cell} leaves the folder; expected a path within it")
    try:
        pixels = load_image(path, limits).pixels
    except InputError as error:
        hint = "; expected / between folders" if "\\" in cell else ""
        return _Read(str(error).removeprefix(f"{path}: ") + hint)
    shape = str(pixels.shape).encode()
    digest = hashlib.sha256(shape + pixels.tobytes()).digest()
    return _Read("", digest, has_content(pixels))


def _resolved(path: pathlib.Path) -> pathlib.Path:
    """A path without links; `Path.resolve` raises where they are a circle."""
    return pathlib.Path(os.path.realpath(path))


def _duplicates(root: pathlib.Path, rows: Sequence[Row]) -> Iterator[Problem]:
    """Files that stand in two rows, however they are written."""
    first: dict[pathlib.Path, int] = {}
    for row in rows:
        if row.cells["path"]:
            path = _resolved(root / row.cells["path"])
            line = first.setdefault(path, row.line)
            if line != row.line:
                yield _problem(row, f"duplicate path, first in line {line}")


def _leaks(
    rows: Sequence[Row], read: Callable[[str], _Read]
) -> Iterator[Problem]:
    """Pictures that two cases share: training would see what is tested."""
    first: dict[bytes, Row] = {}
    for row in rows:
        picture = read(row.cells["path"]).picture
        other = first.setdefault(picture, row) if picture else row
        if case_of(other) != case_of(row):
            yield _problem(
                row,
                f"the same picture as in line {other.line}, but of case "
                f"{case_of(row)!r} and not {case_of(other)!r}: it would leak "
                "from training into test; expected one case_id",
            )


def _lonely(table: Table) -> Iterator[Problem]:
    """Groups of one image: nothing could be its reference but itself."""
    sizes = collections.Counter(row.cells["pair_id"] for row in table.rows)
    for row in table.rows:
        pair = row.cells["pair_id"]
        if pair and sizes[pair] == 1:
            yield _problem(
                row, f"pair_id {pair!r} is a group of one; expected two or more"
            )


def _contradictions(rows: Sequence[Row]) -> Iterator[Problem]:
    """Rows that say something else of their pair than its first row."""
    first: dict[str, Row] = {}
    for row in rows:
        other = first.setdefault(row.cells["pair_id"], row)
        for name in OF_PAIR if row.cells["pair_id"] else ():
            here, there = row.cells.get(name), other.cells.get(name)
            if here != there:
                yield _problem(
                    row,
                    f"{name} is {here!r}, but {there!r} in line {other.line} "
                    "of the same pair_id",
                )


def _split_problems(rows: Sequence[Row]) -> Iterator[Problem]:
    """Splits that are no folds, are missing, or share a case."""
    first: dict[str, Row] = {}
    for row in rows:
        split = row.cells["split"]
        if split not in FOLDS:
            yield _problem(
                row, f"split is {split!r}; expected {FOLDS[0]} to {FOLDS[-1]}"
            )
        other = first.setdefault(case_of(row), row)
        if other.cells["split"] != split:
            yield _problem(
                row,
                f"case {case_of(row)!r} is in {split!r} here and in "
                f"{other.cells['split']!r} in line {other.line}",
            )
    empty = [f for f in FOLDS if all(r.cells["split"] != f for r in rows)]
    if empty:
        yield Problem(1, "", f"split: no image in {', '.join(empty)}")
