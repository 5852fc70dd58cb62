"""Plots of cross-validated predictions; each names its data and scores."""

import pathlib
from collections.abc import Mapping

import numpy as np
from matplotlib import figure
from matplotlib import ticker

from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.plots import points_of_log
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.report.plain_text import plain_text


@plain_text()
def draw_scatter(rows: Predictions, label: str, path: pathlib.Path) -> None:
    """Draws readers' against predicted scores with the logistic fit.

    Args:
        rows: Of `predictions.csv`.
        label: Data set and whose scores.
        path: PNG to write.
    """
    true, predicted = rows.split.mos, rows.predicted
    plot = figure.Figure(figsize=(4.8, 4.6), layout="constrained")
    axes = plot.subplots()
    for modality in np.unique(rows.split.modality):
        mine = rows.split.modality == modality
        axes.plot(predicted[mine], true[mine], ".", ms=4, label=modality)
    line = np.linspace(predicted.min(), predicted.max(), 200)
    fit = statistics.fit_logistic(true, predicted)
    axes.plot(line, fit(line), "k", lw=1.5, label="logistic fit")
    srcc = statistics.srcc(true, predicted)
    axes.set(
        xlabel="predicted MOS",
        ylabel="MOS",
        ylim=(0.9, 5.1),
        title=f"{label}\n{len(true):,} predictions, SRCC {srcc:.3f}",
    )
    axes.title.set_fontsize(9)
    axes.legend(fontsize=8, loc="upper left")
    plot.savefig(path, dpi=110)


@plain_text()
def draw_algorithms(rows: Predictions, label: str, path: pathlib.Path) -> None:
    """Draws the mean score of each algorithm, as judged and as predicted.

    Args:
        rows: Of `predictions.csv`.
        label: Data set and whose scores.
        path: PNG to write.
    """
    true, predicted = rows.split.mos, rows.predicted
    names = rows.split.algorithm
    order = sorted(set(names), key=lambda name: true[names == name].mean())
    plot = figure.Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = plot.subplots()
    place = np.arange(len(order))
    for values, shift, kind in (
        (true, -0.2, "MOS"),
        (predicted, 0.2, "predicted"),
    ):
        means = [values[names == name].mean() for name in order]
        spread = [values[names == name].std() for name in order]
        axes.bar(place + shift, means, 0.4, yerr=spread, capsize=2, label=kind)
    axes.set_xticks(place, order, rotation=30, ha="right", fontsize=8)
    axes.set(ylim=(1, 5), ylabel="mean and sd of images")
    axes.set_title(label, fontsize=9)
    axes.legend(fontsize=8)
    plot.savefig(path, dpi=110)


@plain_text()
def draw_curves(
    logs: Mapping[tuple[int, int], pathlib.Path],
    label: str,
    path: pathlib.Path,
) -> None:
    """Draws quality loss and validation SRCC of each run by epoch.

    What no run has a figure of, as where nothing validates, gets no axes.

    Args:
        logs: `log.csv` by seed and fold; files that are not there are left
            out.
        label: Data set and whose scores.
        path: PNG to write.
    """
    panels = []
    for column, title in (
        ("quality_loss", "quality loss (Eq. 7), training part"),
        ("val_srcc", "SRCC, validation part"),
    ):
        points = {run: points_of_log(log, column) for run, log in logs.items()}
        lines = {run: line for run, line in points.items() if line}
        if lines:
            panels.append((title, lines))
    plot = figure.Figure(
        figsize=(max(4.0 * len(panels), 5.5), 3.4), layout="constrained"
    )
    for place, (title, lines) in enumerate(panels, 1):
        axes = plot.add_subplot(1, len(panels), place)
        for (seed, fold), line in lines.items():
            axes.plot(*line, ".-", label=f"{seed}, {fold}")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.set(xlabel="epoch")
        axes.set_title(title, fontsize=9)
        axes.legend(title="seed, fold", fontsize=7, title_fontsize=7)
    plot.suptitle(label, fontsize=9)
    plot.savefig(path, dpi=110)
