"""Reading a table of scores that nobody vouches for."""

import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.core.table import number
from g2npan_tf.core.table import read_table

COLUMNS = ("path", "mos")


def read(tmp_path, data):
    path = tmp_path / "scores.csv"
    path.write_bytes(data)
    return read_table(path, COLUMNS, lambda name: name in (*COLUMNS, "split"))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_header_says_the_separator(tmp_path, separator, mark, end):
    lines = [separator.join(row) for row in (COLUMNS, (" café.png", "3.5"))]
    table = read(tmp_path, mark + end.join(lines).encode())
    assert not table.problems
    assert dict(table.rows[0].cells) == {"path": "café.png", "mos": "3.5"}
    assert table.rows[0].line == 2


@pytest.mark.parametrize("first", [b"sep=;", b'"sep=;"', b"SEP=; "])
def test_a_line_for_spreadsheets_is_left_out(tmp_path, first):
    table = read(tmp_path, first + b"\r\npath;mos\r\na;1\r\nb\r\n")
    assert dict(table.rows[0].cells) == {"path": "a", "mos": "1"}
    assert table.rows[0].line == 3
    assert table.problems[0].line == 4
    with pytest.raises(InputError, match="line 2: no column"):
        read(tmp_path, first)


def test_quoted_cells_may_hold_the_separator(tmp_path):
    table = read(tmp_path, b'path,mos\n"a,b.png",3\n')
    assert table.rows[0].cells["path"] == "a,b.png"


def test_blank_rows_are_left_out_and_lines_still_counted(tmp_path):
    table = read(tmp_path, b"path,mos\n\n , \na,1\n")
    assert [row.line for row in table.rows] == [4]


def test_bad_rows_are_all_reported_by_line(tmp_path):
    data = b'path,mos\na,1\nb;2\nc\nx\xe9,3\nd,4,5\n"e,1\nf,6\n'
    table = read(tmp_path, data)
    assert [row.cells["path"] for row in table.rows] == ["a", "f"]
    found = {problem.line: problem.reason for problem in table.problems}
    assert sorted(found) == [3, 4, 5, 6, 7]
    assert "mixed separators: semicolon" in found[3]
    assert found[4] == "1 cells; expected 2"
    assert "0xE9 at 2 is not UTF-8" in found[5]
    assert found[6] == "3 cells; expected 2"
    assert "not a row" in found[7]


def test_problem_names_line_and_file(tmp_path):
    problem = read(tmp_path, b"path,mos\na\nb,1\n").problems[0]
    assert str(problem) == "line 2: (no path): 1 cells; expected 2"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no column path, no column mos"),
        (b"path,mos\n", "no rows"),
        (b"path,score\na,1\n", "no column mos, unknown column 'score'"),
        (b"path,mos,mos\na,1,1\n", "column 'mos' twice"),
        (b"path,mos,x\xe9\n", "line 1: wrong encoding"),
        ("path,mos\na,1\n".encode("utf-16"), "not UTF-8 text"),
        (b"path,mos\na\0,1\n", "not UTF-8 text"),
    ],
)
def test_unusable_tables_are_refused_in_one_line(tmp_path, data, message):
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, data)
    assert str(error.value).startswith(str(tmp_path / "scores.csv"))
    assert "\n" not in str(error.value)


def test_missing_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "scores.csv", COLUMNS, lambda name: True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5.01", "outside the scale; expected 1 to 5"),
        ("0", "outside the scale"),
        ("nan", "expected a finite number"),
        ("inf", "expected a finite number"),
        ("", "expected a number"),
        ("4_5", "expected a number"),
        ("\uff14", "expected a number"),
        ("good", "expected a number"),
        ("3,5", "expected a point"),
    ],
)
def test_only_numbers_on_the_scale_are_read(text, message):
    assert number("mos", "1", 1, 5) == 1.0
    assert number("mos", "5.0", 1, 5) == 5.0
    with pytest.raises(InputError, match=message) as error:
        number("reader_1", text, 1, 5)
    assert "reader_1" in str(error.value)
