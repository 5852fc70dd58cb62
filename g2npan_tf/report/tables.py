"""Tables that sort by a click on a heading, and stand without scripts."""

import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from g2npan_tf.report.page import Html
from g2npan_tf.report.page import escaped
from g2npan_tf.report.page import tag


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading, with the unit if there is one.
        digits: Digits behind the point of its numbers; None: a column of text.
        sortable: Whether a click sorts by it (pictures have no order).
        descending: Whether the first click sorts from the largest.
        explanation: Shown when the pointer rests on the heading.
    """

    title: str
    digits: int | None = None
    sortable: bool = True
    descending: bool = False
    explanation: str = ""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell that shows something else than it is sorted by.

    Attributes:
        content: Text, which is escaped, or `Html`.
        order: A number, a text, or None to be last.
    """

    content: object
    order: float | str | None


def table(
    columns: Sequence[Column], rows: Iterable[Sequence], caption: str = ""
) -> Html:
    """A sortable table in a box that scrolls sideways if it must.

    Args:
        columns: From left to right.
        rows: Cells of each row, as many as columns: text (escaped), `Html`,
            numbers, a `Cell`, or None for an empty one, which sorts last.
        caption: What the table shows, also read by screen readers.

    Returns:
        The table.
    """
    return Html("".join(table_parts(columns, rows, caption)))


def table_parts(
    columns: Sequence[Column], rows: Iterable[Sequence], caption: str = ""
) -> Iterator[Html]:
    """Yields `table` row by row, for rows that are not in memory."""
    name = escaped(caption or "table")
    yield Html(
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0">'
        '<table class="sortable">'
    )
    if caption:
        yield tag("caption", caption)
    yield tag("thead", tag("tr", *map(_heading, columns)))
    yield Html("<tbody>")
    for row in rows:
        cells = (_cell(*pair) for pair in zip(columns, row, strict=True))
        yield tag("tr", *cells)
    yield Html("</tbody></table></div>")


def _heading(column: Column) -> Html:
    """The heading of a column."""
    kind = _kind(column)
    return tag(
        "th",
        column.title,
        scope="col",
        class_=kind,
        data_type=kind,
        data_first="descending" if column.descending else None,
        title=column.explanation or None,
    )


def _kind(column: Column) -> str:
    """What a column holds: the class of its cells."""
    if not column.sortable:
        return "none"
    return "text" if column.digits is None else "number"


def _cell(column: Column, value: object) -> Html:
    """One cell; numbers are sorted by their value, not by their digits."""
    kind = _kind(column)
    order = None
    if isinstance(value, Cell):
        order = "" if value.order is None else value.order
        value = value.content
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        value, order = Html("&ndash;"), ""
    elif column.digits is not None and isinstance(value, int | float):
        order = value if order is None else order
        value = f"{value:.{column.digits}f}"
    return tag("td", value, class_=kind, data_sort=order)
