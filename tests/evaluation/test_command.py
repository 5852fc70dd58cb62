"""The evaluation command refuses in one line what it cannot do."""

import pytest

from tests.tiny import run_python


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected --workdir=FOLDER of a run, and nothing else"),
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
