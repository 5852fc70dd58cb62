"""Headings and tables of the report say what the figures are."""

import dataclasses
import math

import numpy as np
import pytest

from g2npan_tf.evaluation import sections
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Split
from tests.evaluation.test_plots import rows
from tests.evaluation.test_results import RESULTS
from tests.evaluation.test_results import figures
from tests.evaluation.test_results import gain
from tests.html_checks import Elements

JUDGED = dataclasses.replace(
    RESULTS,
    methods={"g2npan": figures(0.6, 0.1), "mean": figures(math.nan, 0.0)},
    gains={
        "other": {
            "all": gain(0.01, 0.2),
            "within_group": dataclasses.replace(gain(-1, 1), p=math.nan),
        }
    },
)
BASELINES = {"mean": "mean MOS of the training part"}


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
        ({}, "unknown", "Nobody said whose scores"),
    ],
)
def test_real_scores_are_never_taken_for_simulated_ones(facts, title, words):
    facts = facts | {"name": "base/1.0.0"}
    heading = sections.title_of(facts)
    assert heading == f"Evaluation on base/1.0.0 ({title} scores)"
    line = sections.origin(facts)
    assert words in Elements(line).text
    assert ("warning" in line) == (title != "real")


def test_the_network_is_called_what_it_is():
    named = dataclasses.replace(JUDGED, network="VGG11 + CAM")
    page = Elements(sections.figures(named, BASELINES))
    assert "VGG11 + CAM minus each other method" in page.text
    assert "g2npan" not in page.text
    older = Elements(sections.figures(JUDGED, BASELINES))
    assert "g2npan minus each other method" in older.text


def test_a_single_reader_stands_beside_the_methods():
    reader = dataclasses.replace(figures(0.9, 0.1), readers=3)
    judged = dataclasses.replace(JUDGED, readers={"one reader": reader})
    page = Elements(sections.figures(judged, {}))
    assert "one reader0.5000.900 (0.100 to 0.900)" in page.text
    assert "one reader: each of 3 readers against the mean" in page.text


def test_figures_have_intervals_baselines_and_p():
    page = Elements(sections.figures(JUDGED, BASELINES))
    assert "0.600 (0.100 to 0.900)" in page.text
    assert "mean: mean MOS of the training part" in page.text
    assert "over all images+0.100 (0.010 to 0.200)0.02120.0424" in page.text
    assert "p, Holm" in page.text


def test_an_undefined_figure_is_a_dash_and_sorts_last():
    text = sections.figures(JUDGED, BASELINES)
    assert "nan" not in text.lower()
    assert 'data-sort="">&ndash;</td>' in text


def test_shares_by_hand():
    names = np.array(["a", "a", "b"])
    split = Split(names, names, names, np.array([1.0, 3.0, 5.0]))
    members = Predictions(names, split, np.array([2.0, 4.0, 5.0]))
    text = Elements(sections.shares(members, "algorithm")).text
    # Means 2 and 3, one MOS too high: a quarter of the scale.
    assert "a22.003.001.001.0000.250" in text
    assert "b15.005.000.00\N{EN DASH}0.000" in text


def test_every_share_of_a_column_has_a_line():
    page = Elements(sections.shares(rows(), "modality"))
    assert len(page.find("tr")) == 3
