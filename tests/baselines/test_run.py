"""The command: fitted on training folds, judged on the test fold."""

import csv
import dataclasses
import json
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.baselines import run
from g2npan_tf.baselines.methods import METHODS
from g2npan_tf.baselines.methods import Method
from g2npan_tf.core.config import Config
from g2npan_tf.data import base as data
from g2npan_tf.evaluation import figures as evaluation
from tests.tiny import REPOSITORY


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(evaluation, "NUM_RESAMPLES", 10)


def command(*flags):
    return subprocess.run(
        [sys.executable, "-m", "g2npan_tf.baselines.run", *flags],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )


def base(num_pairs=10, seed=0):
    """Rows of pairs with three algorithms, and a measure near their MOS."""
    rng = np.random.default_rng(seed)
    pairs = np.repeat([f"p{i}" for i in range(num_pairs)], 3)
    mos = rng.uniform(1, 5, 3 * num_pairs)
    rows = {
        "pair_id": pairs,
        "case_id": pairs,
        "algorithm": np.tile(["a", "b", "c"], num_pairs),
        "modality": np.full(3 * num_pairs, "CT-MRI"),
        "mos": mos,
    }
    return rows, 0.01 * mos + rng.normal(0, 0.002, 3 * num_pairs)


def folds(num_pairs=10, count=5):
    fold = np.repeat(np.arange(num_pairs) % count, 3)
    return [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k))
        for k in range(count)
    ]


def test_prediction_is_on_the_scale_of_mos_and_in_the_order_of_the_measure():
    rows, values = base()
    test, results = run.judge("oefp", rows, values, folds()[:1])
    assert results["images"] == len(test["mos"]) == 6
    assert results["methods"]["oefp"]["raw"]["rmse"] < 0.1
    order = stats.spearmanr(test["values"], test["predicted_mos"]).statistic
    assert order == pytest.approx(1.0)
    assert set(results["methods"]) == {
        "oefp",
        "mean",
        "algorithm_modality_mean",
    }


def test_test_scores_do_not_enter_the_fit():
    rows, values = base()
    (fold, *_) = folds()
    before, _ = run.judge("oefp", rows, values, [fold])
    rows["mos"][fold[1]] = 6 - rows["mos"][fold[1]]
    after, _ = run.judge("oefp", rows, values, [fold])
    np.testing.assert_array_equal(
        before["predicted_mos"], after["predicted_mos"]
    )


def test_pooled_folds_are_each_predicted_by_their_own_fit():
    rows, values = base()
    pooled, results = run.judge("oefp", rows, values, folds())
    assert results["images"] == 30
    assert sorted(pooled["pair_id"]) == sorted(rows["pair_id"])
    for k, fold in enumerate(folds()):
        alone, _ = run.judge("oefp", rows, values, [fold])
        np.testing.assert_array_equal(
            pooled["predicted_mos"][pooled["fold"] == k],
            alone["predicted_mos"],
        )
    # The folds' means differ, but rank nothing.
    assert set(results["gains"]) == {"algorithm_modality_mean"}


def test_reversed_measure_is_told():
    rows, values = base()
    _, results = run.judge("oefp", rows, -values, folds()[:1])
    assert (
        results["unfitted"]["srcc"]
        < 0
        < results["methods"]["oefp"]["raw"]["srcc"]
    )
    assert "turned the direction" in run.notes(results)
    _, results = run.judge("oefp", rows, values, folds()[:1])
    assert "turned the direction" not in run.notes(results)


def test_method_with_features_learns_from_the_training_rows_only():
    rows, values = base()
    seen = []

    def fit(features, mos):
        seen.append((features.shape, len(mos)))
        return lambda others: others[:, 0]

    method = Method(lambda rows: rows, False, "", fit, "nothing")
    features = np.stack([values, values], axis=1)
    with mock.patch.dict(METHODS, {"fake": method}):
        test, results = run.judge("fake", rows, features, folds()[:1])
        assert "nothing from the measure" in run.notes(results)
    assert seen == [((24, 2), 24)]
    assert "unfitted" not in results
    np.testing.assert_array_equal(test["predicted_mos"], test["values"][:, 0])


@pytest.mark.parametrize(
    ("protocol", "count"), [("leave_algorithm_out", 5), ("leave_both_out", 25)]
)
def test_all_parts_of_a_protocol_are_pooled(data_dir, protocol, count):
    config = Config(data_dir=data_dir)
    builder, parts = data.open_base(config), data.divide
    method = Method(lambda rows: rows["mos"], False, "")
    with (
        mock.patch.dict(METHODS, {"fake": method}),
        mock.patch.object(
            data, "divide", side_effect=lambda b, c: parts(b, config)
        ) as divide,
    ):
        wanted = dataclasses.replace(config, protocol=protocol)
        run._measured(builder, wanted, True, "fake")
    asked = [call.args[1].fold for call in divide.call_args_list]
    assert asked == list(range(count))


def test_all_folds_measure_every_image_once(data_dir):
    config = Config(data_dir=data_dir)
    builder = data.open_base(config)
    counts = []
    method = Method(
        lambda rows: counts.append(len(rows["mos"])) or rows["mos"], False, ""
    )
    with mock.patch.dict(METHODS, {"fake": method}):
        rows, values, parts = run._measured(builder, config, True, "fake")
    assert counts == [30]
    np.testing.assert_array_equal(values, rows["mos"])
    tested = np.concatenate([test for _, test in parts])
    assert sorted(tested) == list(range(30))
    for train, test in parts:
        assert set(rows["case_id"][train]).isdisjoint(rows["case_id"][test])
        assert len(train) + len(test) == 30


def test_command_prints_the_protocols_table_and_writes_every_image(
    data_dir, tmp_path
):
    path = tmp_path / "x.csv"
    done = command(
        "--method=rsfe", f"--data_dir={data_dir}", f"--output={path}"
    )
    assert done.returncode == 0, done.stderr
    for text in ("simulated scores", "fold 0", "| rsfe |", "nothing fitted"):
        assert text in done.stdout
    with path.open() as file:
        written = list(csv.DictReader(file))
    assert len({row["id"] for row in written}) == 6
    assert all(float(row["value"]) <= 0 for row in written)
    assert {row["case"] for row in written}.isdisjoint({"", "None"})
    assert {"fold", "mean", "algorithm_modality_mean"} <= set(written[0])
    figures = json.loads(path.with_suffix(".json").read_text())
    assert figures["data"]["scores"] == "simulated"
    assert figures["protocol"].startswith("group")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "expected --method="),
        (("--method=oefp", "word"), "expected --method="),
        (("--method=oefp", "--split=all", "--fold=1"), "goes without --fold"),
        (
            ("--method=oefp", "--split=all", "--protocol=leave_modality_out"),
            "without --protocol=ratio or leave_modality_out",
        ),
        (("--method=psnr",), "--method=psnr"),
        (("--method=oefp", "--output=x.json"), "expected a CSV file"),
    ],
)
def test_bad_flags_are_one_line_and_code_two(flags, message):
    done = command(*flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
