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


def test_a_share_below_its_goal_is_not_reached():
    row = table.speed_row(figure([0.5]), HALF)
    assert row[-1] == "at least 50 %: not reached"


def test_a_share_measured_on_a_busy_machine_is_doubtful():
    row = table.speed_row(figure([0.1], others=0.11), HALF)
    assert row[-1] == "at least 50 %: reached (doubtful: busy machine)"


def test_memory_must_stay_below_its_goal():
    verdicts = [
        table.memory_row("training", mib, table.TRAINING_MEMORY)[-1]
        for mib in (3071.0, 3072.0)
    ]
    assert verdicts == [
        "below 3 GiB: reached",
        "below 3 GiB: not reached",
    ]


def test_pipeline_is_compared_round_by_round():
    step = figure([0.1, 0.4])
    pipeline = figure([0.01, 0.1], name="Pipeline")
    np.testing.assert_allclose(
        table.pipeline_ratio(pipeline, step), [10.0, 4.0]
    )
    row = table.pipeline_row(pipeline, step)
    assert row[0] == "Pipeline, 7 x the step (4 to 10)"
    assert row[-1] == "at least 5 x: reached"


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
        *table.gflop_rows({"net": 1.0}),
        *table.peak_rows([figure([0.1])]),
        table.pipeline_row(figure([0.1]), figure([0.1])),
    ]
    lines = table.markdown(rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {len(table.HEAD) + 1}


def test_gflop_rows_name_what_was_counted():
    ((name, value, *_),) = table.gflop_rows({"Generator": 1.23456})
    assert (name, value) == ("Generator", "1.235 GFLOP/image")
    assert table.TRAINING_SHARE["paper"].limit == pytest.approx(0.6)
