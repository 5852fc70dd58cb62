import csv
import io
import json

import pytest

from g2npan_tf.scoring.score_rows import WRITERS
from g2npan_tf.scoring.score_rows import Row

ROWS = [
    Row("a b.png", 3.4216, 0.6054, notes=("alpha dropped", "x")),
    Row("ü.png", status="no such file"),
]


def written(rows, file_format):
    stream = io.StringIO()
    WRITERS[file_format](iter(rows), stream)
    return stream.getvalue()


def test_table_columns_are_aligned():
    assert written(ROWS, "table").splitlines() == [
        " MOS  quality  path     status",
        "3.42    0.605  a b.png  ok; alpha dropped; x",
        "   -        -  ü.png    no such file",
    ]


def test_table_is_aligned_for_wide_and_combining_signs():
    rows = [Row("漢字.png", 1.0, 0.0), Row("e\u0301.png", 5.0, 1.0)]
    _, wide, combined = written(rows, "table").splitlines()
    assert wide.endswith("漢字.png  ok")
    assert combined.endswith("e\u0301.png     ok")


def test_table_of_nothing_is_its_header():
    assert written([], "table") == " MOS  quality  path  status\n"


def test_table_keeps_control_signs_from_the_terminal():
    assert "?[31mred?" in written([Row("\x1b[31mred\n")], "table")


def test_csv_reads_back():
    first, second = csv.DictReader(io.StringIO(written(ROWS, "csv")))
    assert first == {
        "path": "a b.png",
        "mos": "3.4216",
        "quality": "0.6054",
        "status": "ok",
        "notes": "alpha dropped; x",
    }
    assert second["mos"] == second["quality"] == ""
    assert second["status"] == "no such file"


@pytest.mark.parametrize(
    "start",
    [
        *("=", "+", "-", "@", "\t", "\r", "\n"),
        *(" =", "  +", "\u00a0-", "\u3000@", "\t=", "\ufeff="),
        *("\uff1d", "\uff0b", "\uff0d", "\uff20", "\u2212", " \uff1d"),
    ],
    ids=ascii,
)
def test_csv_cells_are_never_formulas(start):
    name = f'{start}HYPERLINK("http://x")'
    row = Row(name, status=name, notes=(name,))
    (read,) = csv.DictReader(io.StringIO(written([row], "csv"), newline=""))
    for column in ("path", "status", "notes"):
        assert read[column] == f"'{name}"


def test_other_csv_cells_stay_as_they_are():
    names = ["a=b", " a", "1-2", "(=1)", "x; @y", "", "  "]
    for name in names:
        text = written([Row(name, status="ok")], "csv")
        (read,) = csv.DictReader(io.StringIO(text, newline=""))
        assert read["path"] == name
        assert read["notes"] == ""


def test_jsonl_reads_back():
    first, second = map(json.loads, written(ROWS, "jsonl").splitlines())
    assert first["mos"] == 3.4216
    assert first["notes"] == ["alpha dropped", "x"]
    assert second == {
        "path": "ü.png",
        "mos": None,
        "quality": None,
        "status": "no such file",
        "notes": [],
    }


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_rows_are_written_as_they_come(file_format):
    stream = io.StringIO()
    lengths = []

    def slow():
        for row in ROWS:
            lengths.append(len(stream.getvalue()))
            yield row

    WRITERS[file_format](slow(), stream)
    assert lengths[1] > lengths[0]
    assert len(stream.getvalue()) > lengths[1]
