"""What is trained and measured for a row, and found again."""

import pytest

from g2npan_tf.core.errors import InputError
from tests.made_up_runs import fill
from tests.made_up_runs import request


def test_folds_and_seeds_are_added_to_what_is_there(tmp_path, trainer, capsys):
    fill(request(tmp_path, names=["G2NPAN"]), capsys)
    trainer.commands.clear()
    more = {"seeds": (0, 5), "folds": (0, 3)}
    fill(request(tmp_path, names=["G2NPAN"], **more), capsys)
    assert trainer.names == ["train.py", "evaluate.py"] * 3
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_a_stopped_table_goes_on(tmp_path, trainer, capsys):
    trainer.fail = "--num_ufw=0"
    with pytest.raises(InputError, match=r"train\.py ended with code 2"):
        fill(request(tmp_path, "fig6"), capsys)
    trainer.commands.clear()
    trainer.fail = "no such word"
    fill(request(tmp_path, "fig6"), capsys)
    assert trainer.names == ["train.py", "evaluate.py"] * 4


def test_a_method_that_refuses_the_base_is_left_out_with_its_reason(
    tmp_path, trainer, capsys
):
    trainer.fail = "--method=oefp"
    text = fill(request(tmp_path), capsys)
    assert "Left out: OEFP: no sources here." in text
    assert "| rSFe |" in text
