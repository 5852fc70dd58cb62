"""The head of a model card is YAML that says what results.json says."""

import json
import math
import re

import pytest

from g2npan_tf.evaluation import front_matter
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.results import WithinGroup
from g2npan_tf.evaluation.statistics import METRICS
from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.evaluation.statistics import Interval

FIGURES = Figures(0.5, 1 / 3, math.nan, 1e-7)
LIMITS = dict.fromkeys(METRICS, Interval(0.1, 0.7))


def results(**changes):
    """Of one method, whose intervals may be given."""
    limits = changes.pop("limits", LIMITS)
    methods = {
        "g2npan": Agreement(
            FIGURES, limits, FIGURES, math.nan, WithinGroup(0.5, 0.5)
        )
    }
    whole = {
        "data": {"name": "base/small/1.0.0", "scores": "simulated"},
        "protocol": 'group: "by case", # 1',
        "split": "test",
        "images": 6,
        "pairs": 3,
        "methods": methods,
        "gains": {},
    }
    return Results(**whole | changes)


RESULTS = results()


def head(*evaluations):
    text = front_matter.front_matter(evaluations, "g2npan")
    assert text.startswith("---\n")
    assert text.endswith("\n---\n")
    return text.removeprefix("---\n").removesuffix("---\n")


def test_a_parser_of_yaml_reads_every_field():
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load(head(RESULTS, results(split="all")))
    assert content["license"] == "apache-2.0"
    assert content["library_name"] == "keras"
    assert content["metrics"][1] == "spearmanr"
    (model,) = content["model-index"]
    assert [r["dataset"]["split"] for r in model["results"]] == ["test", "all"]
    dataset = model["results"][0]["dataset"]
    assert dataset["type"] == "base/small"
    assert dataset["revision"] == "1.0.0"
    assert dataset["name"] == "base/small/1.0.0 (simulated scores)"
    assert dataset["args"]["protocol"] == RESULTS.protocol


def test_figures_are_those_of_the_results_and_undefined_ones_left_out():
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load(head(RESULTS))
    metrics = content["model-index"][0]["results"][0]["metrics"]
    values = {m["name"].lower(): m["value"] for m in metrics}
    assert values == {k: v for k, v in FIGURES._asdict().items() if k != "krcc"}
    assert metrics[0]["args"] == {"low": 0.1, "high": 0.7}


def test_lines_without_a_parser():
    lines = head(RESULTS).splitlines()
    values = [json.loads(x.split(": ")[1]) for x in lines if " value: " in x]
    assert values == [0.5, 1 / 3, 1e-7]
    assert all(re.match(r' *(- )?("|[a-z_-]+:( |$))', line) for line in lines)


def test_an_undefined_interval_is_left_out():
    limits = dict.fromkeys(METRICS, Interval(math.nan, math.nan))
    assert "low" not in head(results(limits=limits))


def parts(*evaluations):
    """What the head lists as splits."""
    text = head(*evaluations)
    return [json.loads(x) for x in re.findall(r" split: (.*)", text)]


def test_what_is_left_out_is_named():
    narrowed = {"excluded": ["modality:b"], "group_by": "case_id"}
    found = parts(RESULTS, results(**narrowed))
    assert found == ["test", "test; without modality:b; grouped by case_id"]


def test_images_of_training_are_not_listed():
    data = RESULTS.data | {"images": 6}
    own = {"data": data, "trained_on": data}
    test, everything = results(**own), results(**own, split="all")
    # Written before images were counted.
    old = results(data=data, trained_on=RESULTS.data, split="fold_2")
    other = results(data=data, trained_on=data | {"images": 7}, split="all")
    assert parts(test, everything) == ["test"]
    assert parts(test, old) == ["test"]
    assert parts(test, other) == ["test", "all"]
    assert "model-index" not in head(everything)


def test_nested_lists_and_mappings():
    yaml = pytest.importorskip("yaml")
    value = {"a": [{"b": {"c": [1, "x: y"]}, "d": True}], "e": {"f": "no"}}
    assert yaml.safe_load(front_matter.yaml(value)) == value
