"""Which runs a table takes, with a made-up trainer."""

import dataclasses
import os
import pathlib
import types

import numpy as np
import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.experiments import table_runs
from g2npan_tf.experiments.paper_tables import Row
from tests.made_up_runs import EVALUATE
from tests.made_up_runs import FACTS
from tests.made_up_runs import TRAIN
from tests.made_up_runs import fill
from tests.made_up_runs import request


def pretrained(folder, facts=None, **settings):
    """Folder of a compact run, whose weights are not read; its base is gone."""
    start = folder / "start"
    start.mkdir()
    facts = facts or {"name": "fusion_quality/distortions_whole/1.2.0"}
    config = request(folder, **settings).base
    config_module.save(config, facts, start / "config.json")
    (start / "best.weights.h5").write_bytes(b"")
    return str(start)


def test_tables_share_the_runs_of_one_configuration(tmp_path, trainer, capsys):
    fill(request(tmp_path, "fig6"), capsys)
    assert trainer.names == [TRAIN, EVALUATE] * 5
    trainer.commands.clear()
    fill(request(tmp_path, "2"), capsys)
    # VGG11 is there; VGG16, VGG19 and VGG11 + CAM are not.
    assert trainer.names == [TRAIN, EVALUATE] * 3
    trainer.commands.clear()
    fill(request(tmp_path, "1", rows=["G2NPAN"]), capsys)
    assert not trainer.commands


def test_rows_without_start_weights_are_left_out(tmp_path, trainer, capsys):
    text = fill(request(tmp_path, "2"), capsys)
    said = "Left out: VGG11 + pre, VGG11 + pre + CAM: no start weights were "
    assert f"{said}given; expected --init_from=WORKDIR" in text
    assert "| VGG11 + pre " not in text
    trainer.commands.clear()
    start = pretrained(tmp_path, use_gan=False)
    fill(request(tmp_path, "2", init_from=start), capsys)
    started = [f"--init_from={start}" in c for c in trainer.commands]
    assert started == [True, False, True, False]
    # What is finished is not checked any more.
    trainer.commands.clear()
    pathlib.Path(start, "config.json").unlink()
    fill(request(tmp_path, "2", init_from=start), capsys)
    assert not trainer.commands


def test_start_weights_of_other_networks_or_folds_stop_before_any_training(
    tmp_path, trainer, capsys
):
    wanted = request(tmp_path, "2", init_from=pretrained(tmp_path))
    message = r"row VGG11 \+ pre: .*use_gan=True there and False here"
    with pytest.raises(InputError, match=message) as caught:
        fill(wanted, capsys)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        table_runs.plan(wanted, None)
    other = tmp_path / "other"
    other.mkdir()
    start = pretrained(other, FACTS, use_gan=False)
    folds = request(tmp_path, "2", folds=(0, 1), init_from=start)
    with pytest.raises(InputError, match=r"\+ pre: .* expected fold=1"):
        fill(folds, capsys)
    assert not trainer.commands
    # Rows that do not take them are free.
    fill(dataclasses.replace(wanted, rows=("VGG11",)), capsys)
    assert trainer.names == [TRAIN, EVALUATE]


def test_only_finished_trains_nothing(tmp_path, trainer, capsys):
    fill(request(tmp_path, rows=["G2NPAN"]), capsys)
    trainer.commands.clear()
    text = fill(request(tmp_path), capsys, only_finished=True)
    assert not trainer.commands
    assert "| G2NPAN |" in text
    assert "rSFe, Tang: 1 runs are not finished." in text


def test_rows_that_would_be_one_network_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"VGG11 and VGG11 \+ CAM would be"):
        table_runs.jobs(request(tmp_path, "2", cam_weight=0.0))


def test_a_stopped_table_resumes(tmp_path, trainer, capsys):
    trainer.fail = "--num_ufw=0"
    with pytest.raises(InputError, match=r"training ended with code 2"):
        fill(request(tmp_path, "fig6"), capsys)
    trainer.commands.clear()
    trainer.fail = ""
    fill(request(tmp_path, "fig6"), capsys)
    assert trainer.names == [TRAIN, EVALUATE] * 4


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InputError("no sources here"), "no sources here"),
        (
            ModuleNotFoundError(name="sklearn"),
            "sklearn is not installed; needs pip install "
            "'g2npan-tf[baselines]'",
        ),
    ],
)
def test_a_method_that_cannot_be_measured_is_left_out_with_its_reason(
    tmp_path, trainer, capsys, error, reason
):
    trainer.fail, trainer.error = "oefp", error
    text = fill(request(tmp_path), capsys)
    assert f"Left out: OEFP: {reason}." in text
    assert "| rSFe |" in text


def name(config, method="", facts=FACTS):
    row = Row("A", "slug", (0, 0, 0, 0), method=method)
    wanted = request(pathlib.Path("x"), facts=facts)
    return table_runs.folder_name(row, config, wanted)


def test_folders_differ_where_figures_may():
    usual = name(Config())
    # The hash of earlier versions: finished runs are found again.
    assert usual == "phantom_1.1.0_group_slug_paper_1500_epochs_d1494bfe"
    places = {"data_dir": "/x", "manual_dir": "/y"}
    assert name(Config(fold=3, seed=9, **places)) == usual
    start = [Config(init_from=path) for path in ("x", os.path.abspath("x"))]
    assert name(start[0]) == name(start[1])
    changes = ({"epochs": 3}, {"learning_rate": 0.01}, {"protocol": "image"})
    others = [name(Config(**change)) for change in changes]
    others += [name(start[0]), name(Config(), facts={**FACTS, "bytes": 7})]
    assert len({usual, *others}) == 6
    # A compared method hangs on the data and the protocol only.
    oefp = name(Config(), "oefp")
    assert name(Config(epochs=3), "oefp") == oefp
    assert name(Config(protocol="image"), "oefp") != oefp


def test_other_start_weights_in_one_place_are_another_run(tmp_path):
    config = Config(init_from=str(tmp_path))
    (tmp_path / "best.weights.h5").write_bytes(b"one")
    before = name(config)
    (tmp_path / "best.weights.h5").write_bytes(b"two")
    assert name(config) != before


@pytest.fixture
def rates(monkeypatch):
    """A data set of 720 images, and what was measured of it."""
    asked = []

    def measure(config, workdir):
        asked.append(config)
        if config.learning_rate == 1:
            raise FloatingPointError("loss is nan")
        return types.SimpleNamespace(images_per_second=8.0)

    # The training part and a further data set.
    sources = [base.Source(None, np.arange(count)) for count in (700, 20)]
    monkeypatch.setattr(base, "training_sources", lambda *_: sources)
    monkeypatch.setattr(base, "is_tiled", lambda builder: False)
    monkeypatch.setattr(table_runs.training, "measure", measure)
    table_runs._measured_rate.cache_clear()
    return asked


def cells(text, row):
    (line,) = [x for x in text.splitlines() if x.startswith(f"| {row} |")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_time_is_runs_times_epochs_times_images_at_the_measured_rate(
    tmp_path, rates
):
    wanted = request(tmp_path, "3", protocol="ratio", folds=(0, 1))
    text = table_runs.plan(wanted, None)
    # 2 runs of 2 epochs of 720 images at 8 images/s: 360 s.
    assert cells(text, "2:8")[:5] == ["2", "2", "720", "8.0", "0.10"]
    assert "together: 0.70 hours at most" in text
    # Shares of one network are measured once.
    assert len(rates) == 1
    assert not list(tmp_path.iterdir())


def test_start_weights_do_not_change_the_rate(tmp_path, rates):
    start = pretrained(tmp_path, use_gan=False)
    rows = ("VGG11", "VGG11 + pre")
    table_runs.plan(request(tmp_path, "2", rows=rows, init_from=start), None)
    assert [config.init_from for config in rates] == [""]


def test_rate_of_a_finished_run_is_taken_and_what_is_done_costs_nothing(
    tmp_path, rates, trainer, capsys
):
    fill(request(tmp_path, rows=["G2NPAN"]), capsys)
    text = table_runs.plan(request(tmp_path, rows=["G2NPAN"]), None)
    assert cells(text, "G2NPAN")[0] == "0"
    assert "together: 0.00 hours" in text
    text = table_runs.plan(request(tmp_path, folds=(0, 1)), None)
    # 10 images a second of the finished fold.
    assert cells(text, "G2NPAN")[:5] == ["1", "2", "720", "10.0", "0.04"]
    assert cells(text, "OEFP")[0] == "2 to measure"
    assert not rates


def test_a_rate_that_cannot_be_measured_is_a_question_mark(tmp_path, rates):
    wanted = request(tmp_path, rows=["G2NPAN"], learning_rate=1.0)
    assert cells(table_runs.plan(wanted, None), "G2NPAN")[3:5] == ["?", "?"]
