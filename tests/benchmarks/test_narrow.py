"""The narrow network with and without oneDNN."""

import io
import json

import numpy as np
import pytest

from benchmarks import narrow
from benchmarks.timing import PIPELINE
from benchmarks.timing import STEP
from g2npan_tf.model.train_step import G2NPAN
from tests.benchmarks.test_bench import TINY


@pytest.mark.parametrize(
    ("slow", "pipeline", "verdicts"),
    [
        (20.0, 0.001, ["below 2 x: reached", "below 5 %: reached"]),
        (10.0, 0.01, ["below 2 x: not reached", "below 5 %: not reached"]),
    ],
)
def test_goals_are_judged_by_medians_of_ratios(slow, pipeline, verdicts):
    # Two equal rounds: images/s, share of the peak, seconds of step, pipeline.
    settings = {"on": (30.0, 0.46, 0.03, pipeline), "off": (slow, 0.2, 0.06, 1)}
    text = narrow.markdown(
        {name: np.array([row, row]).T for name, row in settings.items()}
    )
    assert f"| 30.0 | {slow:.1f} | {30 / slow:.2f} (" in text
    assert "| 46% | 20% |  | at least 45 %: reached |" in text
    for verdict in verdicts:
        assert f"| {verdict} |" in text


def test_a_process_answers_each_question(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(narrow, "NETWORK", TINY)
    monkeypatch.setattr(G2NPAN, "train_step", lambda self, batch: self(batch))
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    narrow.main(str(tmp_path), 0.0)
    answers = capsys.readouterr().out.splitlines()
    assert len(answers) == 2
    for answer in map(json.loads, answers):
        assert set(answer) == {STEP, PIPELINE, "gflop"}
        assert min(*answer[STEP], *answer[PIPELINE], answer["gflop"]) > 0
