"""The report: one file, whole, with figures, plots and maps; in a browser."""

import dataclasses
import math

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import report as evaluation_report
from g2npan_tf.evaluation.report import Part
from g2npan_tf.evaluation.results import FoldMean
from g2npan_tf.evaluation.results import FoldMeans
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Split
from g2npan_tf.evaluation.table import attribution
from g2npan_tf.scoring.assessor import Assessment
from tests.evaluation.test_results import RESULTS
from tests.evaluation.test_results import figures
from tests.evaluation.test_results import gain
from tests.html_checks import Elements
from tests.html_checks import check_page

COUNT = 24


def explain(chosen):
    """Gives maps of noise."""
    rng = np.random.default_rng(0)
    return [
        (
            rng.integers(0, 256, (128, 128, 3), np.uint8),
            Assessment(
                3.0,
                0.5,
                rng.random((8, 8), np.float32),
                rng.random((128, 128, 3), np.float32),
                rng.random((128, 128, 3), np.float32),
            ),
        )
        for _ in chosen.image
    ]


def plain(chosen):
    """What a model without generator has."""
    return [
        (pixels, Assessment(one.mos, one.quality, one.cam))
        for pixels, one in explain(chosen)
    ]


def drawn_predictions():
    """Scores of drawn images; one algorithm has a bad name."""
    rng = np.random.default_rng(0)
    split = Split(
        np.array([f"pair_{i // 3}" for i in range(COUNT)]),
        np.array(["a", "<b>&", "stationary"] * 8),
        np.array(["CT-MRI", "PET-MRI"] * 12),
        rng.uniform(1, 5, COUNT),
    )
    predicted = split.mos + rng.normal(0, 0.5, COUNT)
    spread = rng.uniform(0.1, 1, COUNT)
    return Predictions(split.image, split, predicted, spread=spread)


MEASURED = dataclasses.replace(
    RESULTS,
    preset="compact",
    network="G2NPAN",
    methods={"g2npan": figures(0.6, 0.1), "mean": figures(math.nan, 0.0)},
    gains={
        "some_method": {
            "all": gain(0.01, 0.2),
            "within_group": dataclasses.replace(gain(-1, 1), p=math.nan),
        }
    },
    readers={"one reader": dataclasses.replace(figures(0.9, 0.1), readers=3)},
    mean_of_folds=FoldMeans(
        {"g2npan": FoldMean(0.7, 0.5, 0.8), "other": FoldMean(0.4, 0.3, 0.5)},
        {"other": gain(0.25, 0.35)},
        {},
    ),
    units=3,
    drawn="case",
    trained_on={"name": "other/1.0.0"},
    group_by="case_id",
    excluded=["modality:PET"],
    differs=["sampling: <smaller>"],
    baselines={"mean": "mean MOS of the training part"},
)


def write(folder, explain=explain, results=MEASURED, names=("",)):
    path = folder / "report.html"
    rows = drawn_predictions()
    evaluation_report.write(
        path,
        results,
        [Part(name, results, rows) for name in names],
        {"this run": folder / "log.csv"},
        explain,
    )
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "log.csv").write_text(
        "epoch,quality_loss,val_srcc\n1,0.6,0.1\n2,0.5,0.2\n"
    )
    return write(folder)


def pictures(page):
    return [i for i in page.find("img") if i.get("class") != "plot"]


def test_it_is_whole_and_escapes_what_it_shows(report):
    page = check_page(report.read_text())
    assert "Evaluation on base/1.0.0 (simulated scores)" in page.text
    assert "sampling: <smaller>" in page.text
    assert "modality:PET" in page.text
    assert "<b>&" in page.text
    assert "Research use only" in page.text


def test_figures_have_intervals_meanings_and_p(report):
    page = Elements(report.read_text())
    assert "nan" not in page.text.lower()
    for words in (
        "0.600 (0.100 to 0.900)",
        "one reader: each of 3 readers against the mean",
        "mean: mean MOS of the training part",
        "G2NPAN minus each other method that ranks",
        "some methodover all images+0.100 (0.010 to 0.200)0.02120.0424",
        "other0.400 (0.300 to 0.500)+0.100 (0.250 to 0.350)0.0424",
        "whole cases",
        "Only 3 cases to draw from",
    ):
        assert words in " ".join(page.text.split()), words
    assert 'data-sort=""' in report.read_text()


def test_every_kind_of_images_is_shown_with_its_rule_and_maps(report):
    page = check_page(report.read_text())
    for kind in ("Worst predictions", "Best predictions", "Most disputed"):
        assert kind in page.text
    assert "Rule: largest |predicted MOS - MOS|; at most one" in page.text
    # Three kinds, four images each, four pictures of each.
    assert len(pictures(page)) == 48
    assert {i["alt"].partition(" of ")[0] for i in pictures(page)} >= {
        "Image",
        "Generated reference",
        "Where it is good (CAM)",
    }


def test_a_model_without_generator_shows_what_it_has(tmp_path):
    page = check_page(write(tmp_path, plain).read_text())
    assert len(pictures(page)) == 24
    assert "(nuance)" not in page.text
    assert "no log.csv" in page.text


def test_several_parts_each_have_their_figures_and_a_lost_model_is_said(
    tmp_path,
):
    def lost(chosen):
        raise InputError("the model is <gone>")

    text = write(tmp_path, lost, names=("seed 3", "seed 4")).read_text()
    page = check_page(text)
    for name in ("seed 3", "seed 4"):
        assert f"Figures, {name}" in page.text
        assert f"with fitted logistic, {name}" in text
    assert "Not shown: the model is <gone>" in page.text
    assert not pictures(page)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_errors_or_overflow(report, chromium, width):
    page = chromium.open(report.as_uri(), width)
    assert chromium.errors == []
    if width == 1280:
        # The widest table fits, so that no column is overlooked.
        box = page.locator(".scroll").first
        assert box.evaluate("b => b.scrollWidth <= b.clientWidth")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide == width
    heading = page.locator("th button", has_text="KRCC").first
    heading.click()
    first = page.locator("table").first.locator("tbody tr").first
    assert first.inner_text().startswith("G2NPAN")


@pytest.mark.parametrize(
    ("facts", "title", "words"),
    [
        ({"scores": "simulated"}, "simulated", "No radiologist judged these"),
        (
            {"scores": "three radiologists", "num_readers": 3},
            "real",
            "Real scores of three radiologists (3 readers).",
        ),
        (
            {"scores": "three radiologists", "caveat": "by set"},
            "real",
            "Real scores of three radiologists. Cases and folds: by set.",
        ),
        (
            {"scores": "similarity (no readers)"},
            "a formula's",
            "similarity (no readers). Nobody judged these images.",
        ),
        ({}, "unknown", "origin of these scores is not"),
    ],
)
def test_real_scores_are_never_taken_for_simulated_ones(facts, title, words):
    facts = facts | {"name": "base/1.0.0"}
    heading = evaluation_report.title_of(facts)
    assert heading == f"Evaluation on base/1.0.0 ({title} scores)"
    found = attribution(facts)
    assert words in found.strong + found.text
    assert found.is_warning == (title != "real")


def test_shares_by_hand():
    names = np.array(["a", "a", "b"])
    split = Split(names, names, names, np.array([1.0, 3.0, 5.0]))
    members = Predictions(names, split, np.array([2.0, 4.0, 5.0]))
    one, two = evaluation_report.shares(members, "algorithm").rows
    # Means 2 and 3, one MOS too high: a quarter of the scale.
    assert one == ("a", 2, 2.0, 3.0, 1.0, pytest.approx(1), 0.25)
    assert two[:5] == ("b", 1, 5.0, 5.0, 0.0)
    assert math.isnan(two[5])


def test_plots_hold_what_was_measured():
    rows = drawn_predictions()
    assert "24 points" in evaluation_report.scatter(rows, "x").description
    said = evaluation_report.algorithm_bars(rows, "x").description
    means = {}
    for name in ("a", "<b>&", "stationary"):
        mine = rows.split.algorithm == name
        means[name] = rows.split.mos[mine].mean()
        assert f"MOS {name} {means[name]:.3g}" in said
        assert f"predicted {name} {rows.predicted[mine].mean():.3g}" in said
    best = sorted(means, key=lambda name: -means[name])
    assert said.index(best[0]) < said.index(best[1]) < said.index(best[2])


def test_constant_predictions_and_single_images_are_drawn():
    rows = drawn_predictions()
    constant = dataclasses.replace(rows, predicted=np.full(COUNT, 3.0))
    for some in (constant, rows.at(np.array([0]))):
        assert evaluation_report.scatter(some, "x").figure().axes
        assert evaluation_report.algorithm_bars(some, "x").figure().axes


def test_learning_curves_of_the_logs_that_are_there(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,quality_loss,val_srcc\n1,0.6,\n2,0.5,0.3\n")
    logs = {"one": log, "two": tmp_path / "none.csv"}
    loss, srcc = evaluation_report.learning_curves(logs)
    assert loss.description == srcc.description == "one"
    (line,) = srcc.figure().axes[0].lines
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == (
        [2.0],
        [0.3],
    )
    log.write_text("epoch,quality_loss\n1,0.6\n")
    assert len(evaluation_report.learning_curves(logs)) == 1


def rows_of(*rows):
    """Predictions from pair, algorithm, MOS, prediction and spread."""
    pair, algorithm, mos, predicted, spread = map(
        np.array, zip(*rows, strict=True)
    )
    split = Split(pair, algorithm, np.full(len(pair), "CT"), mos)
    return Predictions(split.image, split, predicted, spread=spread)


ROWS = rows_of(
    ("p", "a", 1.0, 4.0, 0.1),
    ("p", "b", 1.0, 3.5, 0.9),
    ("q", "a", 5.0, 4.9, 0.5),
    ("q", "b", 3.0, 3.0, 0.0),
    ("r", "a", 2.0, 2.5, np.nan),
)


def test_rules_by_hand():
    picked = evaluation_report.pick(ROWS)
    # p/b has the second largest error, but p/a is of the same pair.
    assert picked["worst"] == [0, 4, 2]
    assert picked["best"] == [3, 4, 1]
    # The grades of q/b agree, and r/a has no two grades.
    assert picked["disputed"] == [1, 2]
    assert set(picked) == set(evaluation_report._KINDS)


def test_no_more_than_asked_for():
    picked = evaluation_report.pick(ROWS, count=1)
    assert {k: len(v) for k, v in picked.items()} == dict.fromkeys(picked, 1)


def test_equal_ones_come_by_name():
    rows = rows_of(*((pair, "a", 1.0, 2.0, 0.0) for pair in "zyx"))
    assert evaluation_report.pick(rows)["worst"] == [2, 1, 0]


def test_without_grades_nothing_is_disputed():
    rows = rows_of(("p", "a", 1.0, 2.0, np.nan), ("q", "a", 1.0, 3.0, 0.0))
    unknown = dataclasses.replace(rows, spread=None)
    for some in (rows, unknown):
        assert set(evaluation_report.pick(some)) == {"worst", "best"}
