"""Plots of cross-validated predictions; each names its data and scores."""

import pathlib
from collections.abc import Mapping

from g2npan_tf.evaluation import report
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.report import plots


def draw(
    rows: Predictions,
    logs: Mapping[str, pathlib.Path],
    label: str,
    output: pathlib.Path,
) -> None:
    """Draws `scatter.png`, `algorithms.png` and, of the logs, `curves.png`."""
    report.scatter(rows, label).write(output / "scatter.png")
    report.algorithm_bars(rows, label).write(output / "algorithms.png")
    curves = report.learning_curves(logs)
    if curves:
        plots.row(curves, label).write(output / "curves.png")
