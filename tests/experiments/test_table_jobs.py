"""Which runs a table takes, with a made-up trainer."""

import dataclasses
import pathlib

import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.errors import InputError
from g2npan_tf.experiments import table_jobs
from g2npan_tf.experiments import table_plan
from tests.made_up_runs import FACTS
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
    assert trainer.names == ["train.py", "evaluate.py"] * 5
    trainer.commands.clear()
    fill(request(tmp_path, "2"), capsys)
    # VGG11 is there; VGG16, VGG19 and VGG11 + CAM are not.
    assert trainer.names == ["train.py", "evaluate.py"] * 3
    trainer.commands.clear()
    fill(request(tmp_path, "1", names=["G2NPAN"]), capsys)
    assert not trainer.commands


def test_each_row_is_trained_as_the_paper_says(tmp_path, trainer, capsys):
    fill(request(tmp_path, "fig6"), capsys)
    trained = [c for c in trainer.commands if c[0].endswith("train.py")]
    names = ("use_gan", "num_ufw", "use_perception_weight", "cam_weight")
    seen = [
        tuple(
            next(w.partition("=")[2] for w in words if f"--{name}=" in w)
            for name in names
        )
        for words in trained
    ]
    assert seen == [
        ("False", "5", "True", "0.0"),
        ("True", "0", "False", "0.0"),
        ("True", "5", "False", "0.0"),
        ("True", "5", "True", "0.0"),
        ("True", "5", "True", "1.0"),
    ]


def test_rows_without_start_weights_are_left_out_with_the_command(
    tmp_path, trainer, capsys
):
    text = fill(request(tmp_path, "2"), capsys)
    assert (
        "Left out: VGG11 + pre, VGG11 + pre + CAM: no start weights were given"
        in text
    )
    assert "    THIS COMMAND --init_from=WORKDIR" in text
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


def test_start_weights_of_other_networks_stop_before_any_training(
    tmp_path, trainer, capsys
):
    wanted = request(tmp_path, "2", init_from=pretrained(tmp_path))
    message = r"row VGG11 \+ pre: .*use_gan=True there and False here"
    with pytest.raises(InputError, match=message) as caught:
        fill(wanted, capsys)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        table_plan.plan(wanted, None)
    assert not trainer.commands
    # Rows that do not take them are free.
    fill(dataclasses.replace(wanted, names=("VGG11",)), capsys)
    assert trainer.names == ["train.py", "evaluate.py"]


def test_start_weights_of_another_fold_stop_before_any_training(
    tmp_path, trainer, capsys
):
    start = pretrained(tmp_path, FACTS, use_gan=False)
    wanted = request(tmp_path, "2", folds=(0, 1), init_from=start)
    with pytest.raises(InputError, match=r"\+ pre: .* expected fold=1"):
        fill(wanted, capsys)
    assert not trainer.commands


def test_only_finished_trains_nothing(tmp_path, trainer, capsys):
    fill(request(tmp_path, names=["G2NPAN"]), capsys)
    trainer.commands.clear()
    text = fill(request(tmp_path), capsys, only_finished=True)
    assert not trainer.commands
    assert "| G2NPAN |" in text
    assert "rSFe, Tang: 1 runs are not finished." in text


def test_rows_that_would_be_one_network_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"VGG11 and VGG11 \+ CAM would be"):
        table_jobs.jobs(request(tmp_path, "2", cam_weight=0.0))
