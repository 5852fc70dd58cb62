"""What readers of the figures see."""

import csv
import json

import numpy as np
import pytest

from g2npan_tf.evaluation import results as evaluation_table


def figures(srcc, low):
    values = {"plcc": 0.5, "srcc": srcc, "krcc": 0.25, "rmse": 0.125}
    return {
        "raw": values,
        "mapped": values,
        "rounded_krcc": float("nan"),
        "interval": {"srcc": {"mean": 0.3, "low": low, "high": 0.9}},
        "within_group": {"srcc": 0.75, "top1": 1.0},
    }


def gain(low, high):
    return {"difference": 0.1, "low": low, "high": high, "p_holm": 0.0424}


RESULTS = {
    "data": {"name": "base/1.0.0", "scores": "simulated"},
    "protocol": "group",
    "images": 6,
    "pairs": 3,
    "cases": 2,
    "methods": {"ours": figures(0.6, 0.1), "mean": figures(float("nan"), 0.0)},
    "gains": {"other": {"all": gain(0.01, 0.2), "within_group": gain(-1, 1)}},
}


def test_table_says_what_the_figures_were_measured_on():
    first = evaluation_table.table(RESULTS).splitlines()[0]
    assert first == (
        "Data: base/1.0.0 (simulated scores); protocol: group; 6 images of 3 "
        "pairs, 2 cases."
    )
    with_preset = evaluation_table.table(RESULTS | {"preset": "compact"})
    assert "; preset: compact; 6 images" in with_preset


NARROWED = {"excluded": ["algorithm:a", "modality:b"], "group_by": "case_id"}


def test_table_names_what_is_left_out_and_other_groups():
    text = evaluation_table.table(RESULTS | NARROWED)
    assert text.splitlines()[0].endswith(
        "2 cases; without algorithm:a, modality:b; grouped by case_id."
    )
    assert "SRCC in case |" in text
    whole = RESULTS | {"excluded": [], "group_by": "pair_id"}
    assert evaluation_table.table(whole) == evaluation_table.table(RESULTS)


def test_each_modality_has_its_rows():
    one = {"images": 3, **figures(0.6, 0.1)}
    mean = {"srcc": 0.2, "low": -0.1, "high": 0.4}
    results = RESULTS | {
        "by_modality": {"CT": {"ours": one}, "PET": {"ours": one}},
        "mean_of_folds": {
            "methods": {},
            "gains": {},
            "by_modality": {"PET": {"ours": mean}},
        },
    }
    lines = evaluation_table.table(results).splitlines()
    assert lines[-2:] == [
        "| CT | 3 | ours | 0.500 | 0.600 (0.100 to 0.900) | - |",
        "| PET | 3 | ours | 0.500 | 0.600 (0.100 to 0.900) | "
        "0.200 (-0.100 to 0.400) |",
    ]


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
    assert evaluation_table.part_of(settings) == part
    assert evaluation_table.is_own_test(settings) == (part == "test")


def test_table_has_a_row_a_method_and_a_dash_for_what_is_not_defined():
    lines = evaluation_table.table(RESULTS).splitlines()
    assert lines[4] == (
        "| ours | 0.500 | 0.600 (0.100 to 0.900) | 0.250 | - | 0.125 | 0.500 "
        "| 0.750 | 1.000 |"
    )
    assert lines[5].startswith("| mean | 0.500 | - (0.000 to 0.900) |")


@pytest.mark.parametrize(
    ("limits", "word"),
    [((0.1, 0.3), "above"), ((-0.3, -0.1), "BELOW"), ((-1, 1), "NOT clearly")],
)
def test_verdict_is_that_of_the_interval(limits, word):
    gains = {"other": {"all": gain(*limits), "within_group": gain(-1, 1)}}
    text = evaluation_table.table(RESULTS | {"gains": gains})
    assert f"SRCC over all images is {word}" in text
    assert "Holm's correction" in text
    assert f"({limits[0]:.3f} to {limits[1]:.3f}), p 0.042" in text


def test_a_difference_to_a_constant_is_none():
    undefined = dict.fromkeys(("difference", "low", "high"), float("nan"))
    gains = {"other": {"all": gain(0, 1), "within_group": undefined}}
    text = evaluation_table.table(RESULTS | {"gains": gains})
    assert "SRCC within a pair is not defined: one of the two is con" in text
    assert "nan" not in text


def test_predictions_are_one_row_an_image(tmp_path):
    rows = {
        "pair_id": np.array(["p", "p"]),
        "algorithm": np.array(["a", "b"]),
        "modality": np.array(["CT-MRI"] * 2),
        "mos": np.array([1.0, 4.5]),
    }
    path = tmp_path / "predictions.csv"
    evaluation_table.write_predictions(
        path, rows, [2.0, 3.25], {"value": ["x", "y"]}
    )
    with path.open() as file:
        written = list(csv.DictReader(file))
    assert written[1] == {
        "id": "p/b",
        "pair": "p",
        "algorithm": "b",
        "modality": "CT-MRI",
        "mos": "4.5000",
        "predicted_mos": "3.25",
        "value": "y",
    }
    assert len(written) == 2


def test_a_figure_that_is_none_is_null_wherever_it_stands(tmp_path):
    path = tmp_path / "results.json"
    evaluation_table.write_results(path, {"a": [{"b": float("nan")}, 1.5]})
    assert json.loads(path.read_text()) == {"a": [{"b": None}, 1.5]}


def test_predictions_that_hardly_differ_keep_their_order(tmp_path):
    path = tmp_path / "predictions.csv"
    names = ("pair_id", "algorithm", "modality")
    rows = {name: np.array(["a", "b", "c"]) for name in names}
    rows["mos"] = np.array([1.0, 2.0, 3.0])
    predicted = [2.77450001, 2.77450002, 2.77450003]
    evaluation_table.write_predictions(path, rows, predicted)
    read = evaluation_table.read_predictions(path)
    assert [float(row["predicted_mos"]) for row in read] == predicted
