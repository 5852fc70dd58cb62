"""Plots are drawn from any sensible rows; what they show was looked at."""

import dataclasses

import cv2
import numpy as np
import pytest

from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Split
from g2npan_tf.experiments import cross_validation_plots

PLACES = np.arange(20)
SPLIT = Split(
    np.array([f"p{i}" for i in PLACES]),
    np.array([f"method {i % 3}" for i in PLACES]),
    np.array([["PET", "CT"][i % 2] for i in PLACES]),
    1 + PLACES / 5,
)
ROWS = Predictions(SPLIT.image, SPLIT, 2 + PLACES % 7 / 3)


@pytest.mark.parametrize("name", ["draw_scatter", "draw_algorithms"])
def test_plots_of_predictions_are_pictures(tmp_path, name):
    path = tmp_path / "plot.png"
    getattr(cross_validation_plots, name)(ROWS, "base, simulated scores", path)
    assert cv2.imread(str(path)).shape[0] > 300


def test_constant_predictions_can_be_drawn(tmp_path):
    rows = dataclasses.replace(ROWS, predicted=np.full(20, 3.0))
    path = tmp_path / "plot.png"
    cross_validation_plots.draw_scatter(rows, "base", path)
    assert path.exists()


def test_curves_show_only_what_a_log_has(tmp_path):
    widths = []
    for text in (
        "epoch,quality_loss\n1,0.6\n2,0.5\n",
        "epoch,quality_loss,val_srcc\n1,0.6,0.1\n2,0.5,\n",
        "epoch,quality_loss\n",
    ):
        log = tmp_path / "log.csv"
        log.write_text(text)
        path = tmp_path / "plot.png"
        cross_validation_plots.draw_curves({(0, 0): log}, "base", path)
        height, width, _ = cv2.imread(str(path)).shape
        assert height > 200
        widths.append(width)
    assert widths[1] > widths[0] == widths[2]
