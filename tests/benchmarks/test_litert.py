"""The table of LiteRT files."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import litert
from export.finished_run import FinishedRun
from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from tests.artefacts import save_litert
from tests.artefacts import tiny_scorer
from tests.tiny import REPOSITORY

READERS = np.array([1.0, 2, 3, 4])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (READERS + np.array([0.5, -0.1, 0, 0]), (0.5, 0.15, 0.1, 0.0)),
        # A swapped pair: 1 - 6 * (1 + 1) / (4 * 15).
        (np.array([2.0, 1, 3, 4]), (1.0, 0.5, 0.0, -0.2)),
    ],
    ids=str,
)
def test_differences_are_the_hand_worked_ones(found, expected):
    result = litert.accuracy(READERS, READERS, found)
    plcc = np.corrcoef(READERS, found)[0, 1] - 1
    assert (
        result.largest,
        result.mean,
        result.bias,
        result.srcc,
        result.plcc,
    ) == pytest.approx((*expected, plcc), abs=1e-12)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Every precision is one small float32 file."""
    folder = tmp_path_factory.mktemp("artefacts")
    content = save_litert(folder).read_bytes()
    for name in ("", ".float16", ".dynamic", ".int8"):
        (folder / f"g2npan{name}.tflite").write_bytes(content)
    return folder


@pytest.fixture
def half_peak(monkeypatch):
    @contextlib.contextmanager
    def peak_meter(num_threads):
        yield lambda: 50.0 * num_threads

    monkeypatch.setattr(litert.machine, "peak_meter", peak_meter)


def test_every_file_is_timed_with_every_number_of_threads(models, half_peak):
    path = models / "g2npan.tflite"
    # One of 1 x 1 from three channels to one, at 128 x 128.
    assert litert.convolution_gflop(path.read_bytes()) == pytest.approx(
        2e-9 * 128 * 128 * 3
    )
    timings = litert.measure({"float32": path, "int8": path}, 0.05)
    assert set(timings) == {"float32", "int8"}
    for by_threads in timings.values():
        assert set(by_threads) == {1, 2}
        for threads, one in by_threads.items():
            assert 0 < one.median <= one.p95
            assert one.peak == 50.0 * threads


def test_a_row_says_size_exactness_and_speed():
    timings = {
        1: litert.Timing(20.0, 25.0, 100.0),
        2: litert.Timing(10.0, 15.0, 200.0),
    }
    found = litert.Accuracy(0.1318, 0.0217, 0.0206, 0.0018, -0.0014)
    sizes = {"float32": 8_000_000, "int8": 2_000_000}
    first, second = (
        litert.row(name, sizes, found, timings, gflop=1.4) for name in sizes
    )
    assert first[:3] == ["float32", "8.00", "100.0%"]
    assert first[-5:] == ["20.0", "25.0", "10.0", "15.0", "70%"]
    assert second[1:8] == [
        "2.00",
        "25.0%",
        *["0.1318", "0.0217", "+0.0206", "+0.0018", "-0.0014"],
    ]
    assert second[-1] == ""
    assert len(first) == len(litert.HEAD)


def test_the_whole_test_part_is_scored(
    models, half_peak, data_dir, tmp_path, monkeypatch
):
    config = Config(data_dir=data_dir, validation_share=0.25)
    facts = base.facts(base.open_base(config))
    config_module.save(config, facts, tmp_path / "config.json")
    run = FinishedRun(config, facts, tiny_scorer())
    monkeypatch.setattr("export.finished_run.load", lambda workdir: run)
    text = litert.report(tmp_path, models, 0.0)
    assert "Test part: 6 images; scorer.keras has SRCC " in text
    assert text.count("| 0.0000 | 0.0000 | ") == 4


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
        [sys.executable, "-m", "benchmarks.litert", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
