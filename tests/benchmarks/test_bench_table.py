"""The rows of the tables, by worked examples."""

import numpy as np
import pytest

from benchmarks import bench_table as table
from benchmarks.timing import Figure
from benchmarks.timing import Subject

HALF = table.Goal(0.5, "at least 50 %")


def figure(seconds, name="Step", threads=2, others=0.05):
    seconds = np.array(seconds)
    return Figure(
        Subject(name, lambda: None, 16, gflop=8.0, threads=threads),
        seconds=seconds,
        processor_seconds=seconds,
        peak=np.full(len(seconds), 160.0),
        others=np.full(len(seconds), others),
    )


def test_speed_row_of_a_worked_example():
    row = table.speed_row(figure([0.1, 0.2, 0.125]), HALF)
    assert row == [
        "Step",
        "8.0 images/s",
        "5.0 to 10.0",
        "125.0",
        "64",
        "40% (25% to 50%)",
        "at least 50 %: not reached",
    ]


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (
            table.speed_row(figure([0.1], others=0.11), HALF),
            "at least 50 %: reached (doubtful: busy machine)",
        ),
        (
            table.memory_row("training", 3071.0, table.TRAINING_MEMORY),
            "below 3 GiB: reached",
        ),
        (
            table.memory_row("training", 3072.0, table.TRAINING_MEMORY),
            "below 3 GiB: not reached",
        ),
        # Compared round by round: 10 and 4 times.
        (
            table.pipeline_row(figure([0.01, 0.1], "Pipe"), figure([0.1, 0.4])),
            "at least 5 x: reached",
        ),
    ],
    ids=str,
)
def test_verdicts(row, verdict):
    assert row[-1] == verdict
    if row[0].startswith("Pipe"):
        assert row[0] == "Pipe, 7 x the step (4 to 10)"


def test_peaks_of_all_figures_are_joined_by_threads():
    rows = table.peak_rows(
        [figure([1.0], threads=2), figure([1.0, 1.0], threads=1)]
    )
    assert [row[0] for row in rows] == [
        "Matrix product, 1 thread",
        "Matrix product, 2 threads",
    ]
    assert rows[0][1:3] == ["160 GFLOP/s", "160 to 160"]


def test_reason_splits_the_share_into_idle_and_slow():
    # 8 GFLOP in 0.1 s is half of 160; one of two threads ran.
    assert table.reason(figure([0.1])) == (
        "Step: 50% of the peak. 2 threads ran 50% of the time and made 100% "
        "of the peak while they ran; other programs used 5% of the machine."
    )


def test_table_has_as_many_cells_in_every_row():
    rows = [
        table.speed_row(figure([0.1])),
        table.memory_row("training", 100.0),
        *table.gflop_rows({"net": 1.23456}),
        *table.peak_rows([figure([0.1])]),
        table.pipeline_row(figure([0.1]), figure([0.1])),
    ]
    assert rows[2][:2] == ["net", "1.235 GFLOP/image"]
    lines = table.markdown(table.HEAD, rows, texts=(0, 6)).splitlines()
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {len(table.HEAD) + 1}
