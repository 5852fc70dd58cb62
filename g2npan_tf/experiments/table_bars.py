"""A table of the paper, or its Fig. 6, as grouped bars with intervals."""

import pathlib

import numpy as np
from matplotlib import figure

from g2npan_tf.core.files import written_aside
from g2npan_tf.evaluation import statistics
from g2npan_tf.experiments.table_report import Results
from g2npan_tf.experiments.table_report import heading
from g2npan_tf.report.plain_text import plain_text


@plain_text()
def draw(results: Results, path: pathlib.Path) -> None:
    """Draws bars with intervals by metric; diamonds are the paper's figures.

    Args:
        results: From `tables.collect`, with one row at least.
        path: PNG to write or replace.

    Raises:
        OSError: If the disk does not take it.
    """
    rows = results["rows"]
    plot = figure.Figure(figsize=(9.0, 4.4), layout="constrained")
    axes = plot.subplots()
    width = 0.8 / len(rows)
    place = np.arange(len(statistics.METRICS))
    for index, row in enumerate(rows):
        ours = np.array(row["raw"])
        limits = np.array(
            [(one.low, one.high) for one in row["interval"].values()]
        ).T
        x = place + (index - (len(rows) - 1) / 2) * width
        axes.bar(x, ours, 0.9 * width, label=row["name"])
        # By its ends: an interval need not contain the figure.
        known = np.isfinite(limits).all(axis=0)
        low, high = limits[:, known]
        axes.vlines(x[known], low, high, colors="k", lw=1.5)
        axes.plot(x, np.array(row["paper"], float), "kD", mfc="white", ms=4)
    axes.plot([], [], "kD", mfc="white", ms=4, label="paper (its own data)")
    axes.axhline(0, color="k", lw=0.8)
    axes.set_xticks(place, [name.upper() for name in statistics.METRICS])
    axes.set_title(f"{heading(results)}\n{_short(results)}", fontsize=8)
    axes.legend(fontsize=7, ncols=4, loc="upper center")
    bottom, top = axes.get_ylim()
    # Room for the legend.
    axes.set_ylim(bottom, max(top, 1.0) + 0.2)
    with written_aside(path) as aside:
        plot.savefig(aside, dpi=120)


def _short(results: Results) -> str:
    """The setting for a plot."""
    folds, seeds = (
        ",".join(map(str, results[name])) for name in ("folds", "seeds")
    )
    return (
        f"{results['protocol']}, {results['unit']} {folds}, preset "
        f"{results['preset']}, at most {results['epochs']} epochs, seeds "
        f"{seeds}; bars: 95 % over cases"
    )
