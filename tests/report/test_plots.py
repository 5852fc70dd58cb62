import re

import numpy as np
import pytest

from g2npan_tf.report import axes
from g2npan_tf.report import plots
from tests.html_checks import Elements

LABELS = {"title": "<T>", "x_label": "MOS (1 to 5)", "y_label": "images"}


def numbers_at(plot, kind):
    """Attributes of elements of a class."""
    found = Elements(plot).tags
    return [x for _, x in found if x.get("class") == kind]


def tick_texts(plot):
    return re.findall(r'class="tick"[^>]*>([^<]*)<', plot)


def test_a_histogram_counts_as_numpy_does():
    values = [1.0, 1.1, 2.4, 5.0]
    edges = [1, 2, 3, 4, 5]
    plot = plots.histogram(values, edges, **LABELS)
    tips = re.findall(r"<title>(\d to \d: \d+)</title>", plot)
    counts = np.histogram(values, edges)[0]
    assert tips == [
        f"{e} to {e + 1}: {n}" for e, n in zip(edges[:-1], counts, strict=True)
    ]
    heights = [float(x["height"]) for x in numbers_at(plot, "fill-1")]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)
    assert heights[2] == 0
    assert tick_texts(plot)[:5] == ["1", "2", "3", "4", "5"]


def test_a_histogram_of_nothing_is_drawn():
    plot = plots.histogram([], [1, 3, 5], **LABELS)
    heights = [float(x["height"]) for x in numbers_at(plot, "fill-1")]
    assert not any(heights)
    assert "5" in tick_texts(plot)


def test_every_point_of_a_scatter_is_where_its_value_is():
    plot = plots.scatter(
        [1, 5], [5, 1], x_range=(1, 5), y_range=(1, 5), **LABELS
    )
    (dots,) = numbers_at(plot, "dots line-1")
    assert dots["d"] == "M58 30h0M426 256h0"


def test_a_scatter_has_its_curve():
    plot = plots.scatter(
        [1, 2], [1, 2], curve=([1, 2, 3], [1, 2, np.nan]), **LABELS
    )
    (curve,) = numbers_at(plot, "curve line-2")
    assert re.fullmatch(r"M[\d. ]+L[\d. ]+", curve["d"])


def test_bars_are_as_long_as_their_values_and_have_whiskers():
    items = [
        plots.Bar("a" * 50, 2.0, 1.5, 2.5),
        plots.Bar("<b>", 1.0),
    ]
    plot = plots.bars(items, title="T", x_label="MOS", x_range=(0, 3))
    widths = [float(x["width"]) for x in numbers_at(plot, "fill-1")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert len(numbers_at(plot, "whisker")) == 3
    assert "a" * 50 in plot
    assert "2.000 (1.500 to 2.500)" in plot


@pytest.mark.parametrize("values", [[0.0, 0.0], [-0.5, 0.2]])
def test_bars_of_zero_and_below_are_drawn(values):
    items = [plots.Bar(str(value), value) for value in values]
    plot = plots.bars(items, title="T", x_label="difference")
    for bar in numbers_at(plot, "fill-1"):
        assert float(bar["width"]) >= 0
        assert 150 <= float(bar["x"]) <= axes.WIDTH - 50


def test_curves_are_told_apart_by_dashes_and_named():
    series = [
        plots.Series("train", [0, 1, 2], [3, 2, 1]),
        plots.Series("<test>", [0, 1, 2], [3, np.nan, 2]),
    ]
    plot = plots.curves(series, title="Loss", x_label="epoch", y_label="nats")
    elements = Elements(plot)
    dashes = {x.get("stroke-dasharray") for x in elements.find("path")[-4:]}
    assert len(dashes) == 2
    assert elements.text.count("<test>") == 3


@pytest.mark.parametrize("series", [1, 2])
def test_constant_curves_have_an_axis(series):
    same = [plots.Series(str(n), [0, 1], [2, 2]) for n in range(series)]
    plot = plots.curves(same, title="T", x_label="x", y_label="y")
    assert "2" in tick_texts(plot)


def test_plots_are_named_for_screen_readers():
    for plot in (
        plots.histogram([1.0, 2.0], [1, 5], **LABELS),
        plots.scatter([1, 2], [1, 2], **LABELS),
    ):
        (svg,) = Elements(plot).find("svg")
        assert svg["role"] == "img"
        assert re.search(r"^<svg[^>]*><title>&lt;T&gt;\. ", plot)
