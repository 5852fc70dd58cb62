"""Bars of a table: what is drawn, and where a figure is not known."""

import pathlib

import numpy as np
import pytest
from matplotlib import figure

from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.evaluation.statistics import Interval
from g2npan_tf.experiments import table_bars


def row(name, srcc, paper):
    figures = Figures(0.5, srcc, 0.25, 0.125)
    interval = {
        metric: Interval(value - 0.125, value + 0.25)
        for metric, value in figures._asdict().items()
    }
    stated = Figures(*paper)
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
    whisker = axes.collections[0].get_segments()[1]
    np.testing.assert_allclose(whisker[:, 1], [0.625, 1.0])
    bar = axes.patches[1]
    middle = bar.get_x() + bar.get_width() / 2
    np.testing.assert_allclose(whisker[:, 0], middle)
    assert "scores: simulated" in axes.get_title()
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.9, 0.8, 0.7, 0.1])


def test_an_interval_beside_its_figure_is_drawn_where_it_is(
    tmp_path, monkeypatch
):
    beside = row("A", 0.75, (1, 1, 1, 0))
    beside["interval"]["srcc"] = Interval(0.5, 0.625)
    axes = drawn([beside], tmp_path / "x.png", monkeypatch)
    whisker = axes.collections[0].get_segments()[1]
    np.testing.assert_allclose(whisker[:, 1], [0.5, 0.625])


def test_an_interval_that_is_not_known_is_not_drawn(tmp_path, monkeypatch):
    unknown = row("A", 0.75, (1, 1, 1, 0))
    unknown["interval"]["krcc"] = Interval(np.nan, np.nan)
    axes = drawn([unknown], tmp_path / "x.png", monkeypatch)
    assert len(axes.collections[0].get_segments()) == 3


def test_a_drawing_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"earlier")

    def savefig(self, target, **options):
        pathlib.Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure.Figure, "savefig", savefig)
    with pytest.raises(OSError, match="No space"):
        table_bars.draw(results([row("A", 0.5, (1, 1, 1, 0))]), path)
    assert path.read_bytes() == b"earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_figures_that_are_not_given_are_not_drawn(tmp_path, monkeypatch):
    nan = float("nan")
    rows = [row("A", nan, (nan, 0.8, nan, nan))]
    axes = drawn(rows, tmp_path / "x.png", monkeypatch)
    assert np.isfinite(axes.lines[0].get_ydata()).sum() == 1
    assert (tmp_path / "x.png").stat().st_size > 5000
