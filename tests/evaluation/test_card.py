"""The card of a run holds the figures of its results.json, and no others."""

import dataclasses
import json
import re
import shutil

import keras
import numpy as np
import pytest

from g2npan_tf.evaluation import card as model_card
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Results
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
    yaml = pytest.importorskip("yaml")
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


def test_the_same_without_a_parser_of_yaml(card, workdir):
    values = [float(x) for x in re.findall(r"value: (\S+)", card)]
    expected = [
        figures["raw"][name]
        for figures in measured(workdir)
        for name in ("plcc", "srcc", "krcc", "rmse")
    ]
    assert values == expected


def test_the_table_holds_the_figures_and_intervals(card, workdir):
    for figures in measured(workdir):
        limits = figures["interval"]["srcc"]
        assert (
            f"| {figures['raw']['srcc']:.3f} ({limits['low']:.3f} to "
            f"{limits['high']:.3f}) |" in card
        )


def test_every_part_of_a_card_is_there(card):
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
        "**Simulated.**",
        "keras 3.",
        "10.3389/fnins.2024.1415679",
        "`[batch, 128, 128, 3]`",
        "- Protocol: group (by case), test fold 0 of 5 left out",
    ):
        assert words in card


def test_parameters_are_those_of_the_model(card, workdir):
    scorer = keras.saving.load_model(workdir / "scorer.keras", safe_mode=True)
    count = model_card.count_parameters(workdir / "scorer.keras")
    assert count == scorer.count_params()
    assert f"- Parameters: {count:,}\n" in card


def test_real_and_unknown_scores_are_named():
    real = model_card._scores({"scores": "three radiologists"})
    assert real == "**Real.** It learned the scores of three radiologists."
    assert model_card._scores({}).startswith("**Unknown.**")
    formula = model_card._scores({"scores": "similarity (no readers)"})
    assert formula.startswith("**A formula's.** It learned similarity (no")


def test_another_folder_gets_its_own_card(workdir, tmp_path):
    shutil.copy(workdir / "evaluation" / "results.json", tmp_path)
    path = model_card.write(workdir, 128, tmp_path)
    assert path == tmp_path / "model_card.md"
    assert path.read_text().count("\n## Figures ") == 3


def test_a_part_of_the_test_part_is_named(workdir, tmp_path):
    narrowed = dataclasses.replace(results(0), excluded=["algorithm:a"])
    kept.write(tmp_path / "results.json", narrowed)
    text = model_card.write(workdir, 128, tmp_path).read_text()
    assert 'split: "test; without algorithm:a"\n' in text
    assert "Figures 3: base_0/1.0.0, test; without algorithm:a (sim" in text
    assert "10 cases; without algorithm:a." in text


def test_training_is_told_where_it_was_summed_up(workdir, card):
    assert "Epochs" not in card
    assert "Calibration" not in card
    found = {"scale": 2.0, "offset": -0.25, "images": 192}
    summary = {
        "epochs": 9,
        "best_epoch": 4,
        "best_val_srcc": 0.5,
        "calibration": found,
    }
    (workdir / "training.json").write_text(json.dumps(summary))
    try:
        text = model_card.write(workdir, 128).read_text()
    finally:
        (workdir / "training.json").unlink()
    assert "- Epochs: 9, the best one 4 (validation SRCC 0.500)\n" in text
    assert "- Calibration: logit * 2.00 -0.25, fitted to 192 images" in text
