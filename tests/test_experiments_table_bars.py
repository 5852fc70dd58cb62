"""Bars of a table: what is drawn, and where a figure is not known."""

import numpy as np
from matplotlib import figure

from g2npan_tf.experiments import table_bars


def row(name, srcc, paper):
    figures = {"plcc": 0.5, "srcc": srcc, "krcc": 0.25, "rmse": 0.125}
    interval = {
        metric: {"low": value - 0.125, "high": value + 0.25}
        for metric, value in figures.items()
    }
    stated = dict(zip(figures, paper, strict=True))
    return {"name": name, "raw": figures, "interval": interval, "paper": stated}


def results(rows):
    return {
        "title": "Fig. 6",
        "data": {"name": "base/1.0.0", "scores": "simulated"},
        "protocol": "group",
        "unit": "test fold",
        "folds": [0],
        "seeds": [0],
        "preset": "compact",
        "epochs": 2,
        "rows": rows,
    }


def drawn(rows, path, monkeypatch):
    """The axes that were saved."""
    kept = []
    original = figure.Figure.savefig

    def savefig(self, *arguments, **options):
        kept.append(self.axes[0])
        original(self, *arguments, **options)

    monkeypatch.setattr(figure.Figure, "savefig", savefig)
    table_bars.draw(results(rows), path)
    return kept[0]


def test_bars_are_the_figures_and_whiskers_the_limits(tmp_path, monkeypatch):
    rows = [row("A", 0.75, (0.9, 0.8, 0.7, 0.1)), row("B", -0.25, (1, 1, 1, 0))]
    axes = drawn(rows, tmp_path / "x.png", monkeypatch)
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [0.5, 0.75, 0.25, 0.125, 0.5, -0.25, 0.25, 0.125]
    whisker = axes.containers[0].lines[2][0].get_segments()[1]
    np.testing.assert_allclose(whisker[:, 1], [0.625, 1.0])
    assert "scores: simulated" in axes.get_title()
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.9, 0.8, 0.7, 0.1])


def test_figures_that_are_not_given_are_not_drawn(tmp_path, monkeypatch):
    nan = float("nan")
    rows = [row("A", nan, (nan, 0.8, nan, nan))]
    axes = drawn(rows, tmp_path / "x.png", monkeypatch)
    assert np.isfinite(axes.lines[0].get_ydata()).sum() == 1
    assert (tmp_path / "x.png").stat().st_size > 5000
