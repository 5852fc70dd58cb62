"""The plots of the HTML report of an evaluation."""

import csv
import pathlib
from collections.abc import Mapping

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag
from g2npan_tf.report.plots import Bars
from g2npan_tf.report.plots import Plot
from g2npan_tf.report.plots import Series
from g2npan_tf.report.plots import bars
from g2npan_tf.report.plots import curves
from g2npan_tf.report.plots import scatter

_MOS_RANGE = (mos.MOS_MIN, mos.MOS_MAX)


def agreement(rows: Predictions, name: str = "") -> Html:
    """Scatter with the logistic fit, and the algorithms' means beside MOS.

    Args:
        rows: Of predictions.csv.
        name: Of what the rows are, for the headings.
    """
    true, predicted = rows.split.mos, rows.predicted
    line = np.linspace(predicted.min(), predicted.max(), 200)
    fit = statistics.fit_logistic(true, predicted)(line)
    ending = f", {name}" if name else ""
    plot = scatter(
        predicted.tolist(),
        true.tolist(),
        title=f"MOS by prediction, with fitted logistic{ending}",
        x_label="predicted MOS",
        y_label="MOS",
        curve=(line.tolist(), fit.tolist()),
        y_range=(0.9, 5.1),
    )
    return tag(
        "div",
        tag("figure", plot, class_="card"),
        tag("figure", _algorithm_bars(rows, ending), class_="card"),
        class_="grid",
    )


def learning_curves(logs: Mapping[str, pathlib.Path]) -> Html:
    """Quality loss and validation SRCC of each run by epoch.

    Args:
        logs: `log.csv` by name of the run; files that are not there are left
            out.

    Returns:
        The plots; a note where no run has a log.
    """
    plots = []
    for column, title in (
        ("quality_loss", "Quality loss (Eq. 7), training part"),
        ("val_srcc", "SRCC, validation part"),
    ):
        series = [
            Series(name, *points)
            for name, log in logs.items()
            if (points := points_of_log(log, column))
        ]
        if series:
            plot = curves(series, title=title, x_label="epoch", y_label=column)
            plots.append(tag("figure", plot, class_="card"))
    if not plots:
        return tag("p", "The run has no log.csv.", class_="note")
    return tag("div", *plots, class_="grid")


def _algorithm_bars(rows: Predictions, ending: str) -> Plot:
    """Mean MOS and mean prediction of each algorithm, best MOS first."""
    mine = {n: rows.at(rows.split.algorithm == n) for n in rows.split.algorithm}
    scored = {n: (some.split.mos, some.predicted) for n, some in mine.items()}
    names = sorted(scored, key=lambda name: -scored[name][0].mean())
    series = []
    for which, kind in enumerate(("MOS", "predicted")):
        values = [scored[name][which] for name in names]
        means = np.array([each.mean() for each in values])
        spreads = np.array([each.std() for each in values])
        low, high = np.clip((means - spreads, means + spreads), *_MOS_RANGE)
        series.append(Bars(kind, means.tolist(), low.tolist(), high.tolist()))
    return bars(
        names,
        series,
        title=f"Mean MOS and prediction by algorithm{ending}",
        label="mean of the images; whiskers: standard deviation",
        value_range=_MOS_RANGE,
    )


def points_of_log(
    log: pathlib.Path, column: str
) -> tuple[list[float], list[float]] | None:
    """Reads a column of a run's log.

    Args:
        log: `log.csv`.
        column: Its name.

    Returns:
        Epochs and values, as long as each other; None where there are none,
        or no log.
    """
    try:
        with log.open(newline="") as file:
            values = [
                (float(row["epoch"]), float(row[column]))
                for row in csv.DictReader(file)
                if row.get(column)
            ]
    except OSError:
        return None
    if not values:
        return None
    epochs, heights = map(list, zip(*values, strict=True))
    return epochs, heights
