"""A table that nobody vouches for: its cells and what is wrong.

Problems are collected, not raised one at a time: whoever repairs a table wants
to see all of them.
"""

import csv
import dataclasses
import math
import pathlib
import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

from g2npan_tf.core.errors import InputError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_MAX_BYTES = 2**26
_SEPARATOR_LINE = re.compile(rb'\s*"?sep=.?"?\s*', re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong with one row: its line (from 1), its image, the reason."""

    line: int
    file: str
    reason: str

    def __str__(self) -> str:
        """One line; the path of the image may be unknown and empty."""
        return f"line {self.line}: {self.file or '(no path)'}: {self.reason}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: its line and its cells by column, without outer blanks."""

    line: int
    cells: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table whose header is right: rows of cells, and what is no such row."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_table(
    path: pathlib.Path, required: Sequence[str], is_known: Callable[[str], bool]
) -> Table:
    """Reads a table; blank rows are left out.

    Choice: the separator is that of the header (comma, semicolon or tab),
    UTF-8 with or without a byte order mark, one row a line; a first line
    `sep=;` is left out, as spreadsheets do. A column that is
    not known is refused, since a mistyped `case_id` would let a case into two
    folds without a word.
    """
    lines = _read_lines(path)
    top = 1 if lines and _SEPARATOR_LINE.fullmatch(lines[0]) else 0
    try:
        header = _decode(lines[top]) if lines[top:] else ""
        separator, columns = _columns(header, required, is_known)
    except InputError as error:
        raise InputError(f"{path}: line {top + 1}: {error}") from None
    rows, problems = [], []
    for number, raw in enumerate(lines[top + 1 :], start=top + 2):
        try:
            cells = _cells(raw, separator, len(columns))
        except InputError as error:
            problems.append(Problem(number, "", str(error)))
            continue
        if any(cells):
            pairs = zip(columns, cells, strict=True)
            rows.append(Row(number, dict(pairs)))
    if not rows and not problems:
        raise InputError(f"{path}: no rows; expected one per image")
    return Table(tuple(columns), tuple(rows), tuple(problems))


def number(name: str, text: str, low: float, high: float) -> float:
    """Reads a cell of the named column, a finite number in [low, high].

    Choice: ASCII digits with a point; Python would read `4_5` as 45.
    """
    try:
        if "_" in text or not text.isascii():
            raise ValueError
        value = float(text)
    except ValueError:
        hint = "a point, not a comma" if "," in text else "a number"
        raise InputError(f"{name} is {text!r}; expected {hint}") from None
    if not math.isfinite(value):
        raise InputError(f"{name} is {text}; expected a finite number")
    if not low <= value <= high:
        raise InputError(
            f"{name} is {text}, outside the scale; expected {low:g} to {high:g}"
        )
    return value


def _read_lines(path: pathlib.Path) -> list[bytes]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: more than {_MAX_BYTES:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path}: {reason}; expected a table") from error
    if data.startswith(_UTF16) or b"\0" in data:
        raise InputError(f"{path}: not UTF-8 text; save it as CSV UTF-8")
    return data.removeprefix(b"\xef\xbb\xbf").splitlines()


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        raise InputError(
            f"wrong encoding: byte 0x{byte:02X} at {error.start + 1} is not "
            "UTF-8; save the table as CSV UTF-8"
        ) from None


def _columns(
    header: str, required: Sequence[str], is_known: Callable[[str], bool]
) -> tuple[str, list[str]]:
    separator = max(SEPARATORS, key=header.count)
    columns = _split(header, separator)
    problems = [f"no column {c}" for c in required if c not in columns]
    problems += [
        f"column {c!r} twice"
        for c in dict.fromkeys(columns)
        if columns.count(c) > 1
    ]
    problems += [f"unknown column {c!r}" for c in columns if not is_known(c)]
    if problems:
        raise InputError(", ".join(problems))
    return separator, columns


def _cells(raw: bytes, separator: str, expected: int) -> list[str]:
    line = _decode(raw)
    if not line.strip():
        return []
    cells = _split(line, separator)
    if len(cells) == expected:
        return cells
    others = [
        name
        for mark, name in SEPARATORS.items()
        if mark != separator and mark in line
    ]
    if len(cells) < expected and others:
        raise InputError(
            f"mixed separators: {' and '.join(others)} in a table separated "
            f"by {SEPARATORS[separator]}"
        )
    raise InputError(f"{len(cells)} cells; expected {expected}")


def _split(line: str, separator: str) -> list[str]:
    """Splits a line into cells, which may be quoted."""
    try:
        cells = next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise InputError(f"not a row of a table ({error})") from None
    return [cell.strip() for cell in cells]
