"""How a table of measures is written: text, CSV, LaTeX."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from g2npan_tf.baselines.columns import Column
from g2npan_tf.baselines.score_table import Row
from g2npan_tf.baselines.score_table import Table
from g2npan_tf.scoring.rows import OK
from g2npan_tf.scoring.rows import cells_line
from g2npan_tf.scoring.rows import no_formula
from g2npan_tf.scoring.rows import printable
from g2npan_tf.scoring.rows import text_width

_SPECIAL = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {sign: f"${sign}$" for sign in "<>|"}
    # After a line's end these would be arguments.
    | {sign: f"{{{sign}}}" for sign in "[*"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


@dataclasses.dataclass(frozen=True)
class _Section:
    """One of the tables: of images, of means or of mean ranks.

    Attributes:
        kind: What a row stands for.
        headers: The columns' names, directions and ranges.
        goodness: Finds the best of a column; None: no best is marked.
    """

    kind: str
    title: str
    rows: tuple[Row, ...]
    headers: tuple[Column, ...]
    goodness: Callable[[Column, float], float] | None = None


def write_text(table: Table) -> str:
    """Aligned columns: the images, then the algorithms."""
    parts = ["\n".join(table.remarks)]
    for section in _sections(table):
        lines = _text_cells(table, section)
        widths = [max(map(text_width, x)) for x in zip(*lines, strict=True)]
        parts.append(
            "\n".join(
                [f"{section.title}:", *(_aligned(x, widths) for x in lines)]
            )
        )
    return "\n\n".join(parts) + "\n"


def write_csv(table: Table) -> str:
    """One header; the first column says what a row is of; no remarks."""
    header = [f"{c.name} ({c.better}; {c.range})" for c in table.columns]
    lines = [["row", "algorithm", "image", *header, "status", "notes"]]
    for section in _sections(table):
        for row in section.rows:
            names = map(no_formula, (row.algorithm, row.image))
            words = map(no_formula, (row.status, "; ".join(row.notes)))
            values = (_number(row, c, ".7g") for c in table.columns)
            lines.append([section.kind, *names, *values, *words])
    return "".join(map(cells_line, lines))


def write_latex(table: Table) -> str:
    """Tables for a paper, with the best of each column in bold.

    Images without values are comments, so that nobody misses them, and so are
    notes.
    Images without values become comments, so that nobody overlooks them.
    """
    parts = ["\n".join(f"% {remark}" for remark in table.remarks)]
    parts += ["\n".join(_tabular(table, x)) for x in _sections(table)]
    return "\n\n".join(parts) + "\n"


WRITERS = {"text": write_text, "csv": write_csv, "latex": write_latex}


def _sections(table: Table) -> Iterator[_Section]:
    """The tables that have rows."""
    yield _Section("image", "Images", table.images, table.columns)
    number = table.num_shared
    pairs = f"pair{'s' * (number != 1)}"
    over = f"over {number} {pairs} measured for every algorithm"
    if table.means:
        yield _Section(
            "mean",
            f"Means {over}",
            table.means,
            tuple(column.of_means for column in table.columns),
            Column.goodness,
        )
    if table.ranks:
        title = f"Mean ranks {over} (1 is best)"
        yield _Section(
            "mean rank",
            title,
            table.ranks,
            table.columns,
            lambda column, value: -value,
        )


def _number(row: Row, column: Column, digits: str, missing: str = "") -> str:
    """A formatted value, or `missing` if it is not defined."""
    value = row.values.get(column, math.nan)
    return f"{value:{digits}}" if math.isfinite(value) else missing


def _text_cells(table: Table, section: _Section) -> list[list[str]]:
    """The lines of a table as cells: two names, figures, the status."""
    headers = section.headers
    names = [column.name for column in headers]
    lines = [["algorithm", "", *names, ""]]
    if section.kind == "image":
        lines = [["algorithm", "image", *names, "status"]]
    if section.kind != "mean rank":
        lines.append(["", "", *(column.better for column in headers), ""])
        lines.append(["", "", *(column.range for column in headers), ""])
    for row in section.rows:
        values = [_number(row, column, ".3f", "-") for column in table.columns]
        status = "; ".join((row.status, *row.notes))
        if section.kind != "image":
            status = ""
        lines.append([row.algorithm, row.image, *values, status])
    return [list(map(printable, line)) for line in lines]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Names flush left, figures flush right."""
    last = len(cells) - 1
    padded = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        gap = " " * (width - text_width(cell))
        is_word = place < 2 or place == last
        padded.append(cell + gap if is_word else gap + cell)
    return "  ".join(padded).rstrip()


def _tabular(table: Table, section: _Section) -> Iterator[str]:
    """A table in plain LaTeX, without packages."""
    labels = ["algorithm"]
    if section.kind == "image":
        labels.append("image")
    yield f"% {section.title}"
    places = f"{'l' * len(labels)}{'r' * len(table.columns)}"
    yield rf"\begin{{tabular}}{{{places}}}"
    yield r"\hline"
    names = [_escaped(column.name) for column in section.headers]
    if section.kind != "mean rank":
        pairs = zip(names, section.headers, strict=True)
        yield _line([*labels, *(f"{name} {_arrow(c)}" for name, c in pairs)])
        ranges = (_latex_range(column) for column in section.headers)
        yield _line([*("" for _ in labels), *ranges])
    else:
        yield _line([*labels, *names])
    yield r"\hline"
    best = [_best(section, column) for column in table.columns]
    for row in section.rows:
        yield from _comments(row)
        if row.status == OK:
            words = (row.algorithm, row.image)[: len(labels)]
            yield _line([*map(_escaped, words), *_figures(table, row, best)])
    yield r"\hline"
    yield r"\end{tabular}"


def _comments(row: Row) -> Iterator[str]:
    """Why an image has no values, and its notes."""
    reasons = () if row.status == OK else (row.status,)
    for words in (*reasons, *row.notes):
        yield printable(f"% {row.algorithm}/{row.image}: {words}")


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _figures(
    table: Table, row: Row, best: Sequence[float | None]
) -> Iterator[str]:
    """The figures of a row, the best ones in bold."""
    for column, value in zip(table.columns, best, strict=True):
        shown = _number(row, column, ".3f")
        if value is not None and row.values.get(column) == value:
            shown = rf"\mathbf{{{shown}}}"
        yield f"${shown}$" if shown else "--"


def _best(section: _Section, column: Column) -> float | None:
    """The best value of a column of algorithms; None if it has none."""
    goodness = section.goodness
    values = [r.values[column] for r in section.rows if column in r.values]
    if goodness is None or len(values) < 2:
        return None
    return max(values, key=lambda value: goodness(column, value))


def _arrow(column: Column) -> str:
    return r"$\to 0$" if column.zero_is_best else r"$\uparrow$"


def _latex_range(column: Column) -> str:
    low, high = (
        r"\infty" if math.isinf(x) else f"{x:.4g}"
        for x in (column.low, column.high)
    )
    return f"$[{low}, {high}{')' if math.isinf(column.high) else ']'}$"


def _escaped(text: str) -> str:
    """Text that LaTeX prints literally."""
    return printable(text).translate(_SPECIAL)
