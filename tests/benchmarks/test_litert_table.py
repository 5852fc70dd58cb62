import subprocess
import sys

import pytest

from benchmarks import litert_table
from benchmarks.litert_accuracy import Accuracy
from benchmarks.litert_timing import Timing
from tests.tiny import REPOSITORY

SIZES = {"float32": 8_000_000, "int8": 2_000_000}
ACCURACY = Accuracy(0.1318, 0.0217, 0.0206, 0.0018, -0.0014)
TIMING = {
    "1": Timing(20.0, 25.0, 100, 70.0, 100.0),
    "2": Timing(10.0, 15.0, 100, 140.0, 200.0),
}


def test_a_row_says_size_exactness_and_speed():
    timings = {"float32": TIMING, "int8": TIMING}
    first, second = litert_table.rows(SIZES, {"int8": ACCURACY}, timings)
    assert first[:3] == ["float32", "8.00", "100.0%"]
    assert first[-5:] == ["20.0", "25.0", "10.0", "15.0", "70%"]
    assert second[:3] == ["int8", "2.00", "25.0%"]
    assert second[3:8] == ["0.1318", "0.0217", "+0.0206", "+0.0018", "-0.0014"]
    assert second[8:] == ["20.0", "25.0", "10.0", "15.0", ""]


def test_what_was_not_measured_is_told():
    (row, _) = litert_table.rows(SIZES, {}, {})
    assert row[3:] == ["not measured"] * 10


def test_the_table_has_as_many_cells_in_each_line():
    cells = litert_table.rows(SIZES, {"float32": ACCURACY}, {"int8": TIMING})
    lines = litert_table.markdown(cells).replace("\\|", "").splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {14}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "expected --workdir=RUN and --models=FOLDER"),
        (["--workdir=/nowhere", "--models=x"], "config.json: not found"),
        (["more"], "unexpected argument more"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, reason):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.litert_table", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
