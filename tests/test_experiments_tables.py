"""The command that makes the paper's tables: caching and flags."""

import subprocess
import sys

import pytest

from g2npan_tf.config import Config
from g2npan_tf.errors import InputError
from g2npan_tf.experiments import tables
from tests.made_up_runs import fill
from tests.made_up_runs import request
from tests.tiny import REPOSITORY


def test_a_second_call_only_prints(tmp_path, trainer, capsys):
    first = fill(request(tmp_path), capsys)
    assert trainer.names == ["g2npan_tf.baselines.run"] * 6 + [
        "train.py",
        "evaluate.py",
    ]
    trainer.commands.clear()
    assert fill(request(tmp_path), capsys) == first
    assert not trainer.commands


def test_rows_and_folds_that_are_not_there_are_refused():
    with pytest.raises(InputError, match=r"no row 'VGG11'; expected some of B"):
        tables._names("1", ["OEFP", "VGG11"])
    assert tables._names("1", ["G2NPAN", "OEFP"]) == ("OEFP", "G2NPAN")
    assert tables._folds(Config(), ["all"]) == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match=r"expected --folds=0,1,\.\.\."):
        tables._folds(Config(protocol="leave_modality_out"), ["all"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected --table=1|2|3|fig6"),
        (["--table=1", "--fold=1"], "--fold: the rows set it; expected --fol"),
        (["--table=3", "--protocol=group"], "Table 3 is of --protocol=ratio"),
        (["--table=3", "--train_share=.5"], "--train_share: the rows of"),
    ],
)
def test_bad_flags_are_one_line(words, message):
    done = subprocess.run(
        [sys.executable, "-m", "g2npan_tf.experiments.tables", *words],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
