"""What can be wrong with the rows of a user's table of scores."""

import collections
import functools
import pathlib
import re
from collections.abc import Iterator
from collections.abc import Sequence

from datasets.folds import NUM_FOLDS
from datasets.score_scale import Scale
from g2npan_tf.errors import InputError
from g2npan_tf.images import load_image
from g2npan_tf.input_policy import Limits
from g2npan_tf.score_table import Problem
from g2npan_tf.score_table import Row
from g2npan_tf.score_table import Table
from g2npan_tf.score_table import number

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
    file_problem = functools.cache(
        functools.partial(_file_problem, root, limits)
    )
    for row in table.rows:
        for check in (_check_texts, _check_scores, _check_readers):
            for reason in check(row, scale):
                yield _problem(row, reason)
        for name in FILES:
            reason = file_problem(row.cells.get(name, ""))
            if reason:
                yield _problem(row, f"{name}: {reason}")
    yield from _duplicates(root, table.rows)
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


def _file_problem(root: pathlib.Path, limits: Limits, cell: str) -> str:
    """Says what is wrong with an image file; an empty cell is checked apart."""
    path = root / cell
    if not cell:
        return ""
    inside = path.resolve().is_relative_to(root.resolve())
    if pathlib.PurePath(cell).is_absolute() or not inside:
        return f"{cell} leaves the folder; expected a path within it"
    try:
        load_image(path, limits)
    except InputError as error:
        hint = "; expected / between folders" if "\\" in cell else ""
        return str(error).removeprefix(f"{path}: ") + hint
    return ""


def _duplicates(root: pathlib.Path, rows: Sequence[Row]) -> Iterator[Problem]:
    """Files that stand in two rows, however they are written."""
    first: dict[pathlib.Path, int] = {}
    for row in rows:
        if row.cells["path"]:
            path = (root / row.cells["path"]).resolve()
            line = first.setdefault(path, row.line)
            if line != row.line:
                yield _problem(row, f"duplicate path, first in line {line}")


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
