"""From image files to rows of scores, and the tables that rows are written to.

No file stops another: one that cannot be scored gets a row with the reason.
"""

import csv
import dataclasses
import functools
import io
import json
import math
import os
import unicodedata
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TextIO
from typing import TypeVar

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.images.content import scorer_image
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.paths import why_no_file
from g2npan_tf.images.read import Frame
from g2npan_tf.images.read import read_frames
from g2npan_tf.report.pictures import DISPLAY_SIZE
from g2npan_tf.report.pictures import shrunk
from g2npan_tf.scoring.assessor import FURTHER
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.assessor import is_outside

OK = "ok"
# The note of an image that is outside.
OUTSIDE = (
    "outside: less like the training images than 99 in 100 of them, "
    "so that the score may mean nothing"
)
COLUMNS = ("path", "mos", "quality", "status", "notes")
# A spreadsheet would run a cell that starts with one of these as a formula.
_FORMULA_SIGNS = "=+-@\u2212"
# Width of the table's paths, at most; a longer path moves no other row.
_MAX_WIDTH = 200
_CELL_ENDS = ("\t", "\r", "\n")

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class ScoreRow:
    """The result of one image.

    The path is as given, or as found below a folder. MOS is predicted, 1..5;
    quality is the same on 0..1. Both are None if there is no score; the status,
    otherwise `ok`, then says why in one line. Notes are the conversions that
    the image went through, and `OUTSIDE`. The fields of `assessor.FURTHER` are
    None if the model does not give them.
    """

    path: str
    mos: float | None = None
    quality: float | None = None
    status: str = OK
    notes: tuple[str, ...] = ()
    mos_low: float | None = None
    mos_high: float | None = None
    mos_spread: float | None = None
    distance: float | None = None


@dataclasses.dataclass(frozen=True)
class ScoredImage:
    """A row with what it rests on; no assessment if there is no score.

    Attributes:
        source: The file as it was named.
        pixels: The image to show beside its maps, RGB, uint8
            `[height, width, 3]`, at most `DISPLAY_SIZE` a side; None if no
            maps were asked for.
        size: Width and height in the file, in pixels.
    """

    row: ScoreRow
    source: str = ""
    assessment: Assessment | None = None
    pixels: np.ndarray | None = None
    size: tuple[int, int] = (0, 0)


@dataclasses.dataclass(frozen=True)
class _Waiting:
    """An image that can be scored, and its result without the score."""

    scored: np.ndarray
    result: ScoredImage


def score_files(
    assessor: Assessor,
    paths: Iterable[str | os.PathLike[str]],
    limits: Limits = DEFAULT_LIMITS,
    maps: bool = False,
) -> Iterator[ScoredImage]:
    """Scores untrusted files (`find_images`), as `score_frames` does."""
    files = ((os.fspath(path), file_frames(path, limits)) for path in paths)
    return score_frames(assessor, files, maps)


def score_frames(
    assessor: Assessor,
    files: Iterable[tuple[str, Iterable[Frame]]],
    maps: bool = False,
) -> Iterator[ScoredImage]:
    """Scores what files hold, in batches that are filled across files.

    Args:
        assessor: The loaded artefact; at most one of its batches is held in
            memory.
        files: Names and frames; the frames may end in an `InputError`.
        maps: Whether the maps and the image are wanted beside the score.

    Yields:
        One result per file in the same order, or one per frame (`x.dcm#2`) of
        a file with several. A frame without content, and an error that ends a
        file's frames early, has a row of its own with the reason.
    """

    def assess(batch: list[_Waiting]) -> Iterator[ScoredImage]:
        pixels = [item.scored for item in batch]
        if maps:
            return map(_scored, batch, assessor.explain(pixels))
        found = assessor.numbers(pixels)
        assessments = (
            Assessment(quality=mos.to_quality(row["mos"]), **row)
            for row in _dicts(found)
        )
        return map(_scored, batch, assessments)

    waiting = (
        item
        for name, frames in files
        for item in _readable(name, frames, assessor.size, maps)
    )
    for item in in_batches(waiting, assess, assessor.batch_size):
        yield ScoredImage(item) if isinstance(item, ScoreRow) else item


def _dicts(columns: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """The rows of columns by name."""
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, map(float, row), strict=True))


def in_batches(
    items: Iterable[Item | ScoreRow],
    score: Callable[[list[Item]], Iterable[Result]],
    batch_size: int,
    num_bytes: Callable[[Item], int] = lambda item: 0,
    max_bytes: int = 0,
) -> Iterator[Result | ScoreRow]:
    """Scores items in batches, and passes on rows of what could not be read.

    A batch has at most `batch_size` items and rows, and at most `max_bytes` of
    items unless it has only one; no item is read before it is needed. `score`
    gives one result per item. The order of items and rows is kept.
    """
    batch: list[Item | ScoreRow] = []
    total = 0
    for item in items:
        size = 0 if isinstance(item, ScoreRow) else num_bytes(item)
        if total + size > max_bytes:
            yield from _results(batch, score)
            batch, total = [], 0
        batch.append(item)
        total += size
        if len(batch) == batch_size:
            yield from _results(batch, score)
            batch, total = [], 0
    yield from _results(batch, score)


def _results(
    batch: list[Item | ScoreRow],
    score: Callable[[list[Item]], Iterable[Result]],
) -> Iterator[Result | ScoreRow]:
    """Scores one batch, if anything in it can be scored."""
    readable = [item for item in batch if not isinstance(item, ScoreRow)]
    results = iter(score(readable) if readable else ())
    for item in batch:
        yield item if isinstance(item, ScoreRow) else next(results)


def file_frames(
    path: str | os.PathLike[str], limits: Limits
) -> Iterator[Frame]:
    """Reads a path of `find_images`, which may also be a folder."""
    if reason := why_no_file(path):
        raise InputError(reason)
    yield from read_frames(path, limits)


def _readable(
    name: str, frames: Iterable[Frame], size: int, maps: bool
) -> Iterator[_Waiting | ScoreRow]:
    """Yields what can be scored, and rows for what cannot."""
    try:
        for frame in frames:
            scored = scorer_image(frame.pixels, size)
            row = ScoreRow(frame.name, notes=frame.notes)
            if scored is None:
                yield dataclasses.replace(row, status=NO_CONTENT)
                continue
            height, width = frame.pixels.shape[:2]
            # A large image is shrunk before it waits for its batch.
            shown = shrunk(frame.pixels, DISPLAY_SIZE) if maps else None
            result = ScoredImage(row, name, None, shown, (width, height))
            yield _Waiting(scored, result)
    except InputError as error:
        yield ScoreRow(name, status=str(error).removeprefix(f"{name}: "))


def _scored(item: _Waiting, assessment: Assessment) -> ScoredImage:
    """Adds the score, unless it is not finite."""
    row = item.result.row
    if not math.isfinite(assessment.mos):
        status = "the model gave no finite score"
        return ScoredImage(dataclasses.replace(row, status=status))
    further = {name: getattr(assessment, name) for name in FURTHER}
    row = with_score(row, assessment.mos, assessment.quality, further)
    return dataclasses.replace(item.result, row=row, assessment=assessment)


def with_score(
    row: ScoreRow, mos: float, quality: float, further: Mapping[str, Any]
) -> ScoreRow:
    """Adds a score and the numbers of `FURTHER`; notes an image outside."""
    notes = [OUTSIDE] if is_outside(further.get("distance")) else []
    return dataclasses.replace(
        row,
        mos=mos,
        quality=quality,
        notes=(*notes, *row.notes),
        **further,
    )


def write_table(
    rows: Iterable[ScoreRow], stream: TextIO, further: Sequence[str] = ()
) -> None:
    """Writes aligned columns, once the last row is known."""
    lines = [(("MOS", "quality", *further), "path", "status")]
    for row in rows:
        status = "; ".join((row.status, *row.notes))
        numbers = (
            _number(row.mos, 2) or "-",
            _number(row.quality, 3) or "-",
            *(_number(getattr(row, name), 2) or "-" for name in further),
        )
        lines.append((numbers, printable(row.path), printable(status)))
    width = min(max(text_width(path) for _, path, _ in lines), _MAX_WIDTH)
    widths = (4, 7, *map(len, further))
    for numbers, path, status in lines:
        cells = (f"{x:>{n}}" for x, n in zip(numbers, widths, strict=True))
        gap = " " * (width - text_width(path))
        stream.write(f"{'  '.join(cells)}  {path}{gap}  {status}\n")


def open_text(path: str | os.PathLike[str]) -> TextIO:
    """Opens a file for rows, also for file names that are not valid text."""
    return open(
        path, "w", encoding="utf-8", errors="backslashreplace", newline=""
    )


def _number(value: float | None, digits: int) -> str:
    """A fixed number of digits, or nothing."""
    return "" if value is None else f"{value:.{digits}f}"


def csv_header(further: Sequence[str] = ()) -> str:
    """`COLUMNS`, with the further numbers after the quality."""
    place = COLUMNS.index("quality") + 1
    return cells_line((*COLUMNS[:place], *further, *COLUMNS[place:]))


def csv_line(row: ScoreRow, further: Sequence[str] = ()) -> str:
    """A row under `csv_header`; no cell is a spreadsheet's formula."""
    return cells_line(
        (
            no_formula(row.path),
            _number(row.mos, 4),
            _number(row.quality, 4),
            *(_number(getattr(row, name), 4) for name in further),
            no_formula(row.status),
            no_formula("; ".join(row.notes)),
        )
    )


def json_line(row: ScoreRow, further: Sequence[str] = ()) -> str:
    """A row as one JSON object."""
    return json.dumps(plain(row, further), allow_nan=False) + "\n"


def plain(row: ScoreRow, further: Sequence[str] = ()) -> dict[str, Any]:
    """A row by name, without the numbers that its model does not give."""
    absent = set(FURTHER) - set(further)
    values = dataclasses.asdict(row)
    return {name: x for name, x in values.items() if name not in absent}


def cells_line(cells: Iterable[str]) -> str:
    """A line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _write_lines(
    header: Callable[[Sequence[str]], str],
    line: Callable[[ScoreRow, Sequence[str]], str],
    rows: Iterable[ScoreRow],
    stream: TextIO,
    further: Sequence[str] = (),
) -> None:
    """Writes a header, and each row's line as soon as the row is known."""
    stream.write(header(further))
    for row in rows:
        stream.write(line(row, further))
        stream.flush()


# Formats of one line per row: what makes the header, and what makes a line.
# Both take the names of the further numbers that the model gives.
LINES = {
    "csv": (csv_header, csv_line),
    "jsonl": (lambda further=(): "", json_line),
}
WRITERS: dict[str, Callable[..., None]] = {
    "table": write_table,
    **{name: functools.partial(_write_lines, *x) for name, x in LINES.items()},
}


def no_formula(cell: str) -> str:
    """Makes a spreadsheet show a cell instead of running it."""
    ink = _first_ink(cell)
    is_formula = ink != "" and ink in _FORMULA_SIGNS
    return f"'{cell}" if is_formula or cell.startswith(_CELL_ENDS) else cell


def _first_ink(cell: str) -> str:
    """The first visible character; programs may read wide forms as ASCII."""
    for sign in unicodedata.normalize("NFKC", cell):
        # Spaces, control and format characters are invisible.
        if unicodedata.category(sign)[0] not in "ZC":
            return sign
    return ""


def printable(text: str) -> str:
    """Keeps line breaks and escape sequences from a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def text_width(text: str) -> int:
    """Columns that a text takes in a terminal; Chinese characters take two."""
    return sum(
        0
        if unicodedata.combining(sign)
        else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )
