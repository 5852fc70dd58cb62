"""One row per image: how scores are printed as table, CSV or JSON lines."""

import csv
import dataclasses
import json
import unicodedata
from collections.abc import Iterable
from typing import TextIO

OK = "ok"
COLUMNS = ("path", "mos", "quality", "status", "notes")
# A spreadsheet would run a cell that starts with one of these as a formula.
_FORMULA_SIGNS = "=+-@\u2212"
# Columns of paths in the table; one that is longer moves no other row.
_MAX_WIDTH = 200
_CELL_ENDS = ("\t", "\r", "\n")


@dataclasses.dataclass(frozen=True)
class Row:
    """The result of one image.

    Attributes:
        path: As given, or as found below a folder that was given.
        mos: Predicted mean opinion score, 1..5; None if there is none.
        quality: The same on 0..1.
        status: `ok`, or in one line why there is no score.
        notes: Conversions that the image went through.
    """

    path: str
    mos: float | None = None
    quality: float | None = None
    status: str = OK
    notes: tuple[str, ...] = ()


def write_table(rows: Iterable[Row], stream: TextIO) -> None:
    """Writes aligned columns, after the last row is known."""
    lines = [("MOS", "quality", "path", "status")]
    for row in rows:
        status = "; ".join((row.status, *row.notes))
        mos = _number(row.mos, 2) or "-"
        quality = _number(row.quality, 3) or "-"
        lines.append((mos, quality, _printable(row.path), _printable(status)))
    width = min(max(_width(path) for _, _, path, _ in lines), _MAX_WIDTH)
    for mos, quality, path, status in lines:
        gap = " " * (width - _width(path))
        stream.write(f"{mos:>4}  {quality:>7}  {path}{gap}  {status}\n")


def write_csv(rows: Iterable[Row], stream: TextIO) -> None:
    """Writes a header and one line per row, each as soon as it is there."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(csv_cells(row))
        stream.flush()


def csv_cells(row: Row) -> tuple[str, ...]:
    """The cells of a row under `COLUMNS`; none is a spreadsheet's formula."""
    return (
        _no_formula(row.path),
        _number(row.mos, 4),
        _number(row.quality, 4),
        _no_formula(row.status),
        _no_formula("; ".join(row.notes)),
    )


def write_jsonl(rows: Iterable[Row], stream: TextIO) -> None:
    """Writes one JSON object per row, each as soon as it is there."""
    for row in rows:
        stream.write(json.dumps(dataclasses.asdict(row), allow_nan=False))
        stream.write("\n")
        stream.flush()


WRITERS = {"table": write_table, "csv": write_csv, "jsonl": write_jsonl}


def _number(value: float | None, digits: int) -> str:
    """A fixed number of digits, or nothing."""
    return "" if value is None else f"{value:.{digits}f}"


def _no_formula(cell: str) -> str:
    """Makes a spreadsheet show a cell instead of running it."""
    ink = _first_ink(cell)
    is_formula = ink != "" and ink in _FORMULA_SIGNS
    return f"'{cell}" if is_formula or cell.startswith(_CELL_ENDS) else cell


def _first_ink(cell: str) -> str:
    """The first sign to be seen, as which some programs take its wide form."""
    for sign in unicodedata.normalize("NFKC", cell):
        # Spaces of all kinds, control and format signs show nothing.
        if unicodedata.category(sign)[0] not in "ZC":
            return sign
    return ""


def _printable(text: str) -> str:
    """Keeps line breaks and escape sequences away from a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + _is_wide(sign)
        for sign in text
    )


def _is_wide(sign: str) -> bool:
    """Whether a sign takes two columns, as Chinese ones do."""
    return unicodedata.east_asian_width(sign) in "WF"
