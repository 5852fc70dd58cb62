"""The evaluation command refuses in one line what it cannot do."""

import pytest

from tests.tiny import run_python


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected --workdir=FOLDER of a run or --model=MODEL, one of"),
        (["--workdir=x", "--model=ct"], "one of them, and nothing else"),
        (["--model=ct", "--output=x"], "--model goes with --data=DATA_SET"),
        (["--model=ct", "--data=x"], "and --output=FOLDER"),
        (["--model=absent", "--data=x", "--output=y"], "absent: no such model"),
        (["--model=ct", "--data=absent", "--output=y"], "--data=absent: no s"),
        (["--workdir=x", "word"], "and nothing else"),
        (["--workdir=x", "--group_by=size"], "--group_by=size"),
        (["--workdir=absent"], "absent/config.json"),
    ],
)
def test_bad_flags_are_one_line_and_code_two(flags, message):
    done = run_python("-m", "g2npan_tf.evaluation.command", *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_shipped_model_is_judged_on_a_data_set(data_dir, tmp_path):
    done = run_python(
        "-m",
        "g2npan_tf.evaluation.command",
        "--model=fusion",
        "--data=fusion_quality/phantom",
        f"--data_dir={data_dir}",
        f"--output={tmp_path / 'figures'}",
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert "| fusion |" in done.stdout
    assert "the model is of fusion_quality/whole_brain_atlas" in done.stdout
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"results.json", "predictions.csv", "report.html"}
