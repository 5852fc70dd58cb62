import math

import pytest

from g2npan_tf.report.page import tag
from g2npan_tf.report.tables import Cell
from g2npan_tf.report.tables import Column
from g2npan_tf.report.tables import table
from tests.html_checks import Elements

COLUMNS = (Column("path"), Column("MOS", digits=2, descending=True))


def cells(rows):
    """Text and sorting key of the cells of numbers."""
    elements = Elements(table(COLUMNS, rows, "scores"))
    return [x for x in elements.find("td") if x["class"] == "number"]


def test_numbers_are_rounded_to_see_and_whole_to_sort():
    content = table(COLUMNS, [["a", 1.23456]])
    assert '<td class="number" data-sort="1.23456">1.23</td>' in content


@pytest.mark.parametrize("missing", [None, math.nan, Cell("none", None)])
def test_missing_values_have_an_empty_key(missing):
    assert [x["data-sort"] for x in cells([["a", missing]])] == [""]


def test_cells_are_escaped_unless_they_are_html():
    rows = [["<b>", 1], [tag("a", "x", href="x.html"), 2]]
    elements = Elements(table(COLUMNS, rows, "<i>"))
    names = [name for name, _ in elements.tags]
    assert names.count("b") == names.count("i") == 0
    assert elements.find("a") == [{"href": "x.html"}]


def test_a_cell_may_be_sorted_by_something_else():
    content = table(COLUMNS, [[Cell("x", "b"), Cell("3.00 of 5", 3.0)]])
    assert '<td class="text" data-sort="b">x</td>' in content
    assert 'data-sort="3.0">3.00 of 5<' in content


def test_headings_say_how_to_sort():
    columns = (*COLUMNS, Column("picture", sortable=False))
    heads = Elements(table(columns, [])).find("th")
    assert [x["data-type"] for x in heads] == ["text", "number", "none"]
    assert heads[1]["data-first"] == "descending"


def test_a_row_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="argument 2"):
        table(COLUMNS, [["a"]])
