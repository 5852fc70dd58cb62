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
from g2npan_tf.core.config import NUM_FOLDS
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
SOURCES = ("source_a", "source_b")
# Columns that must not differ between the images of a pair.
OF_PAIR = ("case_id", "modality", *SOURCES, "split")
SCORES = ("mos", "mos_std")
READER = re.compile(r"reader_\w+")
FOLDS = tuple(f"fold_{k}" for k in range(NUM_FOLDS))
FILES = ("path", *SOURCES)


def find_problems(
    root: pathlib.Path, table: Table, scale: Scale
) -> Iterator[Problem]:
    """Yields all that is wrong with the rows of a table, not in their order."""
    # Sources are named in every row of their pair; they are read once.
    limits = Limits(grey_bits=scale.grey_bits)
    read = functools.cache(functools.partial(_read, root, limits))
    for row in table.rows:
        for reason in _reasons(row, scale):
            yield _problem(row, reason)
        for name in FILES:
            found = read(row.cells.get(name, ""))
            is_blank = name == "path" and not found.has_content
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
    return Problem(row.line, row.cells["path"], reason)


def _reasons(row: Row, scale: Scale) -> Iterator[str]:
    """What is wrong with texts and numbers; a reader may leave out images."""
    cells, low, high = row.cells, scale.mos_min, scale.mos_max
    yield from (f"{name} is empty" for name in REQUIRED if not cells[name])
    sources = [cells.get(name, "") for name in SOURCES]
    if any(sources) and not all(sources):
        yield "only one of source_a and source_b; expected both or none"
    ranges = {"mos": (low, high)} if "mos" in cells else {}
    if cells.get("mos_std"):
        ranges["mos_std"] = (0.0, high - low)
    readers = [name for name in cells if READER.fullmatch(name)]
    graded = [name for name in readers if cells[name]]
    if readers and not graded and "mos" not in cells:
        yield "no reader's grade and no mos"
    for name, ends in (ranges | dict.fromkeys(graded, (low, high))).items():
        try:
            number(name, cells[name], *ends)
        except InputError as error:
            yield str(error)


@dataclasses.dataclass(frozen=True)
class _Read:
    """Why an image file cannot be read; else the SHA-256 of its pixels."""

    problem: str = ""
    picture: bytes = b""
    has_content: bool = True


def _read(root: pathlib.Path, limits: Limits, cell: str) -> _Read:
    """Reads an image file; an empty cell is no file."""
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
