"""The command that makes the paper's tables: caching and flags."""

import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.experiments import tables
from tests.made_up_runs import EVALUATE
from tests.made_up_runs import TRAIN
from tests.made_up_runs import fill
from tests.made_up_runs import request
from tests.tiny import run_python


def test_a_second_call_only_prints(tmp_path, trainer, capsys):
    first = fill(request(tmp_path), capsys)
    methods = ["bmpri", "tsallis", "hossny", "oefp", "rsfe", "tang"]
    assert trainer.names == [*methods, TRAIN, EVALUATE]
    trainer.commands.clear()
    assert fill(request(tmp_path), capsys) == first
    assert not trainer.commands


def test_rows_that_are_not_there_are_refused():
    with pytest.raises(InputError, match=r"no row 'VGG11'; expected some of B"):
        tables._rows("1", ["OEFP", "VGG11"])
    assert tables._rows("1", ["G2NPAN", "OEFP"]) == ("OEFP", "G2NPAN")


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
    done = run_python("-m", "g2npan_tf.experiments.tables", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_full_command_is_the_papers_setting_on_the_same_data():
    small = Config(preset="compact", epochs=2, data_dir="d", init_from="w")
    full = tables._commands("2", small)["full"]
    assert full == (
        "python -m g2npan_tf.experiments.tables --table=2 "
        "--data=fusion_quality/phantom --data_dir=d --init_from=WORKDIR "
        "--preset=paper --folds=all"
    )


@pytest.mark.slow
def test_the_command_makes_a_table_and_a_second_call_only_prints(
    data_dir, tmp_path
):
    words = (
        "--table=1 --rows=OEFP,G2NPAN --epochs=1 --batch_size=8 --num_ufw=1 "
        "--generator_filters=4,4,8 --up_filters=8,4,4 --vgg_width=0.05 "
        "--discriminator_filters=4,8,8,8"
    ).split()
    first, second = (
        run_python(
            "-m",
            "g2npan_tf.experiments.tables",
            f"--data_dir={data_dir}",
            f"--output={tmp_path}",
            *words,
        )
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "scores: simulated" in first.stdout
    assert "| OEFP |" in first.stdout
    assert "| G2NPAN | 1 (1) |" in first.stdout
    assert second.stdout == first.stdout
    assert "running" in first.stderr
    assert "running" not in second.stderr
    assert "measuring" not in second.stderr
