"""Tables of pages; until evaluation has templates, see `page.Table`."""

from collections.abc import Iterable
from collections.abc import Sequence

from markupsafe import Markup

from g2npan_tf.report.page import Cell
from g2npan_tf.report.page import Column
from g2npan_tf.report.page import Table

__all__ = ["Cell", "Column", "table"]


def table(
    columns: Sequence[Column], rows: Iterable[Sequence], caption: str = ""
) -> Markup:
    """A sortable table."""
    return Table(columns, rows, caption).__html__()
