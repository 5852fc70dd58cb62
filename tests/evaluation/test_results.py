"""What results.json and predictions.csv hold comes back as it was."""

import csv
import dataclasses
import json
import math

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.results import Split
from g2npan_tf.evaluation.results import WithinGroup
from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.evaluation.statistics import Interval


def figures(srcc, low):
    values = Figures(0.5, srcc, 0.25, 0.125)
    interval = {"srcc": Interval(low, 0.9, 0.3)}
    inside = WithinGroup(0.75, 1.0)
    return Agreement(values, interval, values, math.nan, inside)


def gain(low, high):
    return Difference(0.1, low, high, 0.0212, 0.0424)


RESULTS = Results(
    data={"name": "base/1.0.0", "scores": "simulated"},
    protocol="group",
    images=6,
    pairs=3,
    cases=2,
    methods={"ours": figures(0.6, 0.1), "mean": figures(math.nan, 0.0)},
    gains={"other": {"all": gain(0.01, 0.2), "within_group": gain(-1.0, 1.0)}},
)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({}, "test"),
        ({"split": "test", "excluded": [], "group_by": "pair_id"}, "test"),
        ({"split": "all"}, "all"),
        ({"excluded": ["modality:b"]}, "test; without modality:b"),
        ({"group_by": "case_id"}, "test; grouped by case_id"),
    ],
)
def test_a_part_is_named_and_the_own_one_known(settings, part):
    results = dataclasses.replace(RESULTS, **settings)
    assert results.part == part
    assert results.is_own_test == (part == "test")


def test_results_come_back(tmp_path):
    path = tmp_path / "results.json"
    kept.write(path, RESULTS)
    back = kept.read(path, Results)
    # NaN is not itself.
    assert repr(back) == repr(RESULTS)
    assert "NaN" not in path.read_text()
    written = json.loads(path.read_text())
    assert written["methods"]["mean"]["raw"]["srcc"] is None
    assert "preset" not in written


def test_results_of_earlier_versions_are_read(tmp_path):
    path = tmp_path / "results.json"
    kept.write(path, RESULTS)
    old = json.loads(path.read_text())
    del old["cases"], old["by_modality"], old["readers"]
    for one in old["gains"]["other"].values():
        del one["p"], one["p_holm"]
    path.write_text(json.dumps(old | {"forgotten": [1]}))
    back = kept.read(path, Results)
    assert back.cases is None
    assert back.gains["other"]["all"].p_holm is None
    assert kept.read(path, kept.Header).data == RESULTS.data


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"data": {}}', "[" * 999])
def test_what_is_no_results_is_one_line(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"results\.json: no figures of"):
        kept.read(path, Results)


def test_a_figure_that_is_none_is_null_wherever_it_stands(tmp_path):
    path = tmp_path / "results.json"
    kept.write(path, {"a": [{"b": float("nan")}, 1.5], "c": None})
    assert json.loads(path.read_text()) == {"a": [{"b": None}, 1.5], "c": None}


def predictions(mos=(1.0, 4.5, 3.0), predicted=(2.0, 3.25, 2.5), **more):
    count = len(mos)
    split = Split(
        np.array([f"p{i // 2}" for i in range(count)]),
        np.array([f"a{i % 2}" for i in range(count)]),
        np.array(["CT-MRI"] * count),
        np.array(mos),
        np.array(["c"] * count),
    )
    return Predictions(split.image, split, np.array(predicted), **more)


FULL = predictions(
    trivial={"mean": np.full(3, 3.0)},
    spread=np.array([0.5, np.nan, 0.0]),
    grades=np.array([[1.0, np.nan], [2.5, 3.0], [4.0, 4.0]]),
    seed=np.array(["0", "0", "1"]),
    fold=np.array(["2", "3", "2"]),
)


def test_predictions_are_one_row_an_image(tmp_path):
    path = tmp_path / "predictions.csv"
    measured = dataclasses.replace(FULL, measure=np.array([0.5, 1e-9, 3.0]))
    measured.write(path)
    with path.open() as file:
        written = list(csv.DictReader(file))
    assert len(written) == 3
    assert written[1] == {
        "id": "p0/a1",
        "pair": "p0",
        "algorithm": "a1",
        "modality": "CT-MRI",
        "mos": "4.5000",
        "predicted_mos": "3.25",
        "case": "c",
        "mean": "3.0000",
        "reader_sd": "nan",
        "reader_1": "2.5000",
        "reader_2": "3.0000",
        "seed": "0",
        "fold": "3",
        "value": "1e-09",
    }
    assert written[0]["reader_2"] == ""


def assert_same(one, other):
    np.testing.assert_equal(dataclasses.asdict(one), dataclasses.asdict(other))


def test_predictions_come_back(tmp_path):
    path = tmp_path / "predictions.csv"
    FULL.write(path)
    assert_same(kept.read_predictions(path), FULL)
    plain = predictions()
    plain.write(path)
    assert_same(kept.read_predictions(path), plain)


def test_predictions_that_hardly_differ_keep_their_order(tmp_path):
    path = tmp_path / "predictions.csv"
    predicted = [2.77450001, 2.77450002, 2.77450003]
    predictions(predicted=predicted).write(path)
    assert kept.read_predictions(path).predicted.tolist() == predicted


def test_some_images_keep_all_their_columns():
    assert_same(FULL.at(np.array([2, 0])).at(np.array([1, 0])), FULL.at([0, 2]))
    one = FULL.where(seed="0", fold="3")
    assert one.image.tolist() == ["p0/a1"]
    assert one.grades.tolist() == [[2.5, 3.0]]
    assert one.split.case_id.tolist() == ["c"]


def test_pooled_predictions_have_the_columns_of_all():
    three = dataclasses.replace(FULL, grades=np.ones((3, 3)), spread=None)
    both = kept.pooled([FULL, three])
    assert both.image.tolist() == 2 * FULL.image.tolist()
    assert both.grades.shape == (6, 2)
    assert both.spread is None
    assert both.fold.tolist() == 2 * FULL.fold.tolist()
    assert set(kept.pooled([FULL, predictions()]).trivial) == set()
