"""What a table would take, at a measured rate."""

import json
import types

import numpy as np
import pytest

from g2npan_tf.data import base
from g2npan_tf.experiments import table_plan
from tests.made_up_runs import fill
from tests.made_up_runs import request


@pytest.fixture(autouse=True)
def base_of_720_images(monkeypatch):
    parts = types.SimpleNamespace(train=np.arange(720))
    monkeypatch.setattr(base, "divide", lambda builder, config: parts)
    monkeypatch.setattr(base, "tiles_per_side", lambda builder: 1)


def cells(text, name):
    (line,) = [x for x in text.splitlines() if x.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_time_is_runs_times_epochs_times_images_at_the_measured_rate(
    tmp_path, trainer
):
    trainer.step = "9.0 s, which traces the graph, 2.00 s for the next; 1 s"
    wanted = request(tmp_path, "3", protocol="ratio", folds=(0, 1))
    text = table_plan.plan(wanted, None)
    # 16 images in 2 s; 2 runs of 2 epochs of 720 images: 360 s.
    assert cells(text, "2:8")[:5] == ["2", "2", "720", "8.0", "0.10"]
    assert "together: 0.70 hours at most" in text
    # Shares of one network are measured once, and kept.
    assert trainer.names == ["train.py"]
    assert "--epochs=0" in trainer.commands[0]
    assert list(json.loads((tmp_path / "rates.json").read_text()).values()) == [
        8.0
    ]
    table_plan.plan(wanted, None)
    assert trainer.names == ["train.py"]


def test_rate_of_a_finished_run_is_taken_and_what_is_done_costs_nothing(
    tmp_path, trainer, capsys
):
    fill(request(tmp_path, names=["G2NPAN"]), capsys)
    trainer.commands.clear()
    text = table_plan.plan(request(tmp_path, names=["G2NPAN"]), None)
    assert cells(text, "G2NPAN")[0] == "0"
    assert "together: 0.00 hours" in text
    text = table_plan.plan(request(tmp_path, folds=(0, 1)), None)
    # 10 images a second of the finished fold.
    assert cells(text, "G2NPAN")[:5] == ["1", "2", "720", "10.0", "0.04"]
    assert cells(text, "OEFP")[0] == "2 to measure"
    assert not trainer.commands


def test_a_rate_that_cannot_be_measured_is_a_question_mark(tmp_path, trainer):
    text = table_plan.plan(request(tmp_path, names=["G2NPAN"]), None)
    assert cells(text, "G2NPAN")[3:5] == ["?", "?"]
    assert not (tmp_path / "rates.json").exists()
