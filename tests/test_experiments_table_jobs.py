"""Which runs a table takes, with a made-up trainer."""

import pytest

from g2npan_tf.errors import InputError
from g2npan_tf.experiments import table_jobs
from tests.made_up_runs import fill
from tests.made_up_runs import request


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
    fill(request(tmp_path, "2", init_from=str(tmp_path / "start")), capsys)
    started = [
        f"--init_from={tmp_path / 'start'}" in c for c in trainer.commands
    ]
    assert started == [True, False, True, False]


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
