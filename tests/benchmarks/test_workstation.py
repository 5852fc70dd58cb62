import pathlib
import sys

import pytest

from benchmarks import workstation
from g2npan_tf.core.errors import InputError
from tests.artefacts import save_litert


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_litert(tmp_path_factory.mktemp("artefacts"))


def test_scoring_needs_little_memory_and_no_heavy_package(model, monkeypatch):
    monkeypatch.setattr(workstation, "PROCESSES", 2)
    cost = workstation.measure(pathlib.Path(sys.executable), model)
    assert cost.modules == []
    assert 20 < cost.memory_mb < workstation.MEMORY_GOAL
    # The time itself depends on what else runs; the command judges it.
    assert 0 < cost.import_processor_seconds


def test_a_file_that_does_not_score_is_bad_input(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"not scored .*damaged"):
        workstation.measure(pathlib.Path(sys.executable), path)


def test_the_table_tells_what_was_loaded():
    cost = workstation.Cost(0.25, 0.2, 111.4, ["keras"])
    lines = workstation.table(cost).splitlines()
    assert lines[2:] == [
        "| Import time, s (median of 5) | 0.25 | < 0.5 |",
        "| The same, processor time, s | 0.20 | |",
        "| Resident memory while scoring, MB | 111 | < 200 |",
        "| tensorflow, keras, scipy, matplotlib loaded | keras | none |",
    ]


@pytest.mark.slow
def test_an_environment_of_the_workstation_extra_scores(model, tmp_path):
    try:
        python = workstation.install(tmp_path / "environment")
    except InputError as error:
        pytest.skip(f"no packages can be had here: {error}")
    (site,) = python.parent.parent.glob("lib/python*/site-packages")
    for name in workstation.ABSENT:
        assert not (site / name).exists()
    assert workstation.measure(python, model).modules == []
