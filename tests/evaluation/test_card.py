"""The card of a run holds the figures of its results.json, and no others."""

import dataclasses
import json
import math
import re
import shutil

import keras
import numpy as np
import pytest
import yaml

from g2npan_tf.evaluation import card as model_card
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.statistics import METRICS
from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.evaluation.statistics import Interval
from g2npan_tf.evaluation.table import table
from tests.evaluation.test_results import RESULTS
from tests.evaluation.test_results import gain
from tests.finished_runs import finished_run
from tests.finished_runs import save_run


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A finished run with two evaluations of drawn scores."""
    folder = save_run(finished_run(), tmp_path_factory.mktemp("runs") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "NUM_RESAMPLES", 20)
        for seed, path in enumerate(("evaluation", "evaluation/other")):
            (folder / path).mkdir()
            kept.write(folder / path / "results.json", results(seed))
    return folder


def results(seed):
    """What an evaluation of drawn scores finds."""
    rng = np.random.default_rng(seed)
    count = 30
    rows = {
        "pair_id": np.array([f"p{i // 3}" for i in range(count)]),
        "case_id": np.array([f"c{i // 3}" for i in range(count)]),
        "algorithm": np.array(["a", "b", "c"] * 10),
        "modality": np.array(["CT"] * count),
        "mos": rng.uniform(1, 5, count),
    }
    predictions = {
        "g2npan": np.clip(rows["mos"] + rng.normal(0, 0.5, count), 1, 5),
        "mean": np.full(count, 3.0),
        "algorithm_modality_mean": rng.uniform(1, 5, count),
    }
    return Results.of(
        evaluation.judge(evaluation.split_of(rows), predictions, "g2npan"),
        data={"name": f"base_{seed}/1.0.0", "scores": "simulated"},
        protocol="group",
        preset="compact",
        split=["test", "all"][seed],
    )


@pytest.fixture
def card(workdir):
    path = model_card.write(workdir, 128)
    assert path == workdir / "model_card.md"
    return path.read_text()


def measured(workdir):
    """Raw figures of the model in both results.json."""
    return [
        json.loads((workdir / path / "results.json").read_text())["methods"][
            "g2npan"
        ]
        for path in ("evaluation", "evaluation/other")
    ]


def test_each_figure_of_the_head_is_that_of_results_json(card, workdir):
    content = yaml.safe_load(card.split("---\n")[1])
    listed = content["model-index"][0]["results"]
    assert len(listed) == 2
    for one, figures in zip(listed, measured(workdir), strict=True):
        assert len(one["metrics"]) == 4
        for metric in one["metrics"]:
            name = metric["name"].lower()
            assert metric["value"] == figures["raw"][name]
            limits = figures["interval"][name]
            assert metric["args"]["low"] == limits["low"]
            assert metric["args"]["high"] == limits["high"]


def test_every_part_of_a_card_is_there(card, workdir):
    titles = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert titles == [
        "Use",
        "Scores",
        "How to load it",
        "Training",
        "Figures 1: base_0/1.0.0, test (simulated scores)",
        "Figures 2: base_1/1.0.0, all (simulated scores)",
        "Limits",
        "Versions",
        "Citation",
    ]
    for words in (
        "Research use only. This is not a medical device.",
        "**Simulated scores.** No radiologist",
        "keras 3.",
        "10.3389/fnins.2024.1415679",
        "`[batch, 128, 128, 3]`",
        "- Protocol: group (by case), test fold 0 of 5 left out",
        *(
            table(kept.read(workdir / path / "results.json", Results))
            for path in ("evaluation", "evaluation/other")
        ),
    ):
        assert words in card


def test_parameters_are_those_of_the_model(card, workdir):
    scorer = keras.saving.load_model(workdir / "scorer.keras", safe_mode=True)
    count = model_card.count_parameters(workdir / "scorer.keras")
    assert count == scorer.count_params()
    assert f"- Parameters: {count:,}\n" in card


def test_another_folder_gets_a_card_with_its_part_named(workdir, tmp_path):
    narrowed = dataclasses.replace(results(0), excluded=["algorithm:a"])
    kept.write(tmp_path / "results.json", narrowed)
    path = model_card.write(workdir, 128, tmp_path)
    assert path == tmp_path / "model_card.md"
    text = path.read_text()
    assert text.count("\n## Figures ") == 3
    assert "split: test; without algorithm:a\n" in text
    assert "Figures 3: base_0/1.0.0, test; without algorithm:a (sim" in text
    assert "10 cases; without algorithm:a." in text


def test_training_is_told_where_it_was_summed_up(workdir, card):
    assert "Epochs" not in card
    assert "Calibration" not in card
    summary = {"epochs": 9, "best_epoch": 4, "best_val_srcc": 0.5}
    summary["calibration"] = {"scale": 2.0, "offset": -0.25, "images": 192}
    summary["interval"] = {
        "half_width": 0.75,
        "coverage": 0.9,
        "images": 48,
        "cases": 2,
    }
    (workdir / "training.json").write_text(json.dumps(summary))
    try:
        text = model_card.write(workdir, 128).read_text()
    finally:
        (workdir / "training.json").unlink()
    assert "- Epochs: 9, the best one 4 (validation SRCC 0.500)\n" in text
    assert "- Calibration: logit * 2.00 -0.25, fitted to 192 images" in text
    assert "- Interval: 90%, MOS +- 0.75, from 48 images of 2 cases" in text


def test_what_trained_alone_is_told(workdir, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(workdir, folder)
    content = json.loads((folder / "config.json").read_text())
    content["data"] |= {
        "scores": "two radiologists",
        "extra_data": {"name": "r/1.0.0", "scores": "simulated", "images": 99},
        "extra_only": True,
    }
    (folder / "config.json").write_text(json.dumps(content))
    summary = {"epochs": 9, "best_epoch": 4}
    summary["calibration"] = {"scale": 2.0, "offset": -0.25, "images": 99}
    (folder / "training.json").write_text(json.dumps(summary))
    text = model_card.write(folder, 128).read_text()
    assert re.search("^# .*, trained on r/1.0.0$", text, re.MULTILINE)
    assert "- Extra data: r/1.0.0 (simulated scores); its 99 images" in text
    assert "fitted to 99 images of the extra data\n" in text
    assert "- Trained on simulated scores: it has learned" in text


FIGURES = Figures(0.5, 1 / 3, math.nan, 1e-7)
LIMITS = dict.fromkeys(METRICS, Interval(0.1, 0.7))


METHOD = dataclasses.replace(
    RESULTS.methods["ours"], raw=FIGURES, interval=LIMITS
)
ONE = dataclasses.replace(
    RESULTS,
    data={"name": "base/small/1.0.0", "scores": "simulated"},
    protocol='group: "by case", # 1',
    split="test",
    methods={"g2npan": METHOD},
    gains={},
)


def changed(**changes):
    return dataclasses.replace(ONE, **changes)


def head(*evaluations):
    text = model_card.front_matter(evaluations)
    assert text.startswith("---\n")
    assert text.endswith("\n---\n")
    return yaml.safe_load(text.removeprefix("---\n").removesuffix("---\n"))


def test_the_head_has_every_field():
    content = head(ONE, changed(split="all"))
    assert content["license"] == "apache-2.0"
    assert content["library_name"] == "keras"
    assert content["metrics"][1] == "spearmanr"
    (model,) = content["model-index"]
    assert [r["dataset"]["split"] for r in model["results"]] == ["test", "all"]
    dataset = model["results"][0]["dataset"]
    assert dataset["type"] == "base/small"
    assert dataset["revision"] == "1.0.0"
    assert dataset["name"] == "base/small/1.0.0 (simulated scores)"
    assert dataset["args"]["protocol"] == ONE.protocol


def test_figures_are_those_of_the_results_and_undefined_ones_left_out():
    content = head(ONE)
    metrics = content["model-index"][0]["results"][0]["metrics"]
    values = {m["name"].lower(): m["value"] for m in metrics}
    assert values == {k: v for k, v in FIGURES._asdict().items() if k != "krcc"}
    assert metrics[0]["args"] == {"low": 0.1, "high": 0.7}
    unknown = dict.fromkeys(METRICS, Interval(math.nan, math.nan))
    method = dataclasses.replace(METHOD, interval=unknown)
    assert "low" not in str(head(changed(methods={"g2npan": method})))


def parts(*evaluations):
    """What the head lists as splits."""
    (model,) = head(*evaluations)["model-index"]
    return [one["dataset"]["split"] for one in model["results"]]


def test_what_is_left_out_is_named():
    narrowed = {"excluded": ["modality:b"], "group_by": "case_id"}
    found = parts(ONE, changed(**narrowed))
    assert found == ["test", "test; without modality:b; grouped by case_id"]


def test_images_of_training_are_not_listed():
    data = ONE.data | {"images": 6}
    own = {"data": data, "trained_on": data}
    test, everything = changed(**own), changed(**own, split="all")
    # Written before images were counted.
    old = changed(data=data, trained_on=ONE.data, split="fold_2")
    other = changed(data=data, trained_on=data | {"images": 7}, split="all")
    assert parts(test, everything) == ["test"]
    assert parts(test, old) == ["test"]
    assert parts(test, other) == ["test", "all"]
    assert "model-index" not in head(everything)


GAINS = {
    "better": {"all": gain(0.1, 0.3)},
    "equal": {"all": gain(-0.1, 0.3)},
    "worse": {"all": gain(0.1, 0.2), "within_group": gain(-0.3, -0.1)},
    "unknown": {"all": gain(float("nan"), float("nan"))},
}


def test_every_method_that_is_not_clearly_beaten_is_named():
    evaluation = dataclasses.replace(
        RESULTS, gains=GAINS, excluded=["modality:b"]
    )
    text = "\n".join(model_card.limits({}, [evaluation], 128))
    assert "better (" not in text
    assert "SRCC over all images is not clearly above that of equal (" in text
    assert "SRCC within a group is below that of worse (0.100)" in text
    assert "not clearly above that of unknown" in text
    assert "On base/1.0.0 (test; without modality:b) its SRCC over all" in text


def test_simulated_scores_are_named_only_where_they_are():
    def limits(**facts):
        return model_card.limits(facts, [], 512)

    assert "not what radiologists think" in limits(scores="simulated")[1]
    formula = limits(scores="SSIM (no readers)")[1]
    assert "nothing of what radiologists think" in formula
    real = " ".join(limits(scores="two readers"))
    assert "simulated" not in real
    assert "formula" not in real
    assert "side 512" in real
    said = limits(name="b", scores="two readers", caveat="one patient")
    assert any("b: one patient. A figure" in line for line in said)
    assert real.startswith("Research use only. This is not a medical device.")
