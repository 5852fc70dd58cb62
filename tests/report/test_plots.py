import base64
import pathlib
import re
import warnings
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from matplotlib import figure

from g2npan_tf.report import plots
from tests.html_checks import Elements

LABELS = {"title": "<T>", "x_label": "MOS (1 to 5)", "y_label": "images"}
NAN = float("nan")


def axes_of(plot):
    (axes,) = plot.figure().axes
    return axes


def bars(values, **options):
    """Bars of one or several series in groups g0, g1, ..."""
    groups = [f"g{n}" for n in range(len(values[0].values))]
    return plots.bars(groups, values, title="T", label="MOS", **options)


def segments(axes):
    return [collection.get_segments() for collection in axes.collections]


def test_a_histogram_counts_as_numpy_does():
    values = [1.0, 1.1, 2.4, 5.0]
    plot = plots.histogram(values, [1, 2, 3, 4, 5], **LABELS)
    heights = [bar.get_height() for bar in axes_of(plot).patches]
    assert heights == np.histogram(values, [1, 2, 3, 4, 5])[0].tolist()
    assert plot.description == "4 values, median 1.75"
    nothing = axes_of(plots.histogram([], [1, 3, 5], **LABELS))
    assert [bar.get_height() for bar in nothing.patches] == [0, 0]


def test_every_point_of_a_scatter_is_where_its_value_is():
    curve = ([1, 2, 3], [1, 2, NAN])
    axes = axes_of(
        plots.scatter(
            [1, 5, 2],
            [5, 1, 3],
            groups=["b", "a", "b"],
            curve=curve,
            curve_name="fit",
            y_range=(0.9, 5.1),
            **LABELS,
        )
    )
    first, second, fit = axes.lines
    assert first.get_xydata().tolist() == [[5, 1]]
    assert second.get_xydata().tolist() == [[1, 5], [2, 3]]
    np.testing.assert_array_equal(fit.get_ydata(), curve[1])
    assert axes.get_ylim() == (0.9, 5.1)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["a", "b", "fit"]


@pytest.mark.parametrize("upright", [False, True])
def test_bars_are_their_values_and_whiskers_the_limits(upright):
    one = plots.Bars("A", [0.5, -0.25, NAN], [0.25, 0.5, NAN], [1, 2, NAN])
    two = plots.Bars("B", [1, 2, 3], marks=[0.9, NAN, 0.7])
    axes = axes_of(bars([one, two], upright=upright, marks="paper"))
    lengths = [
        bar.get_height() if upright else bar.get_width() for bar in axes.patches
    ]
    np.testing.assert_array_equal(lengths, [0.5, -0.25, NAN, 1, 2, 3])
    # An interval need not contain its figure; one not known is not drawn.
    whiskers = np.array(segments(axes)[0])
    np.testing.assert_allclose(
        whiskers[..., int(upright)], [[0.25, 1], [0.5, 2]]
    )
    bar = axes.patches[1]
    middle = (
        bar.get_x() + bar.get_width() / 2
        if upright
        else bar.get_y() + bar.get_height() / 2
    )
    np.testing.assert_allclose(whiskers[1, :, 1 - upright], middle)
    if upright:
        np.testing.assert_array_equal(
            axes.lines[0].get_ydata(), [0.9, NAN, 0.7]
        )


def test_lying_bars_say_their_values_and_cut_long_names():
    values = [plots.Bars("", [2.0, 1.5], [1.5, NAN], [2.5, NAN])]
    plot = plots.bars(["a" * 40 + "c", "b"], values, title="T", label="MOS")
    axes = axes_of(plot)
    assert [text.get_text() for text in axes.texts] == ["2.00", "1.50"]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["a" * 11 + "…" + "a" * 9 + "c", "b"]
    assert f"{'a' * 40}c 2" in plot.description
    assert axes.yaxis_inverted()


def test_curves_differ_by_dashes_and_have_gaps():
    series = [
        plots.Series("train", [0, 1, 2], [3, 2, 1]),
        plots.Series("<test>", [0, 1, 2], [3, NAN, 2]),
    ]
    plot = plots.curves(series, **LABELS)
    first, second = axes_of(plot).lines
    assert first.get_linestyle() != second.get_linestyle()
    np.testing.assert_array_equal(second.get_ydata(), [3, NAN, 2])
    assert "<test>" in plot.description


def test_boxes_have_a_median_each():
    plot = plots.boxes({"a": [1, 2, 9], "b": [3, 3]}, title="T", x_label="MOS")
    assert plot.description == "medians: a 2, b 3"
    labels = [text.get_text() for text in axes_of(plot).get_yticklabels()]
    assert labels == ["a (3)", "b (2)"]


def decoded(address):
    head, data = address.split(",")
    assert head == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def test_a_page_has_a_plot_for_light_and_dark_with_its_text():
    name = "$a$ <b>\x00\u202e漢"
    plot = plots.bars([name], [plots.Bars("", [1])], title=name, label=name)
    html = plot.__html__()
    elements = Elements(html)
    (image,), (source,) = elements.find("img"), elements.find("source")
    assert image["alt"].startswith("$a$ <b>")
    assert source["media"] == "(prefers-color-scheme: dark)"
    drawn = [decoded(image["src"]), decoded(source["srcset"])]
    for text in drawn:
        ElementTree.fromstring(text)
        assert text.count("$a$ &lt;b&gt;\ufffd\ufffd漢") >= 3
        assert "http" not in re.sub(
            r'xmlns\S*="[^"]*"|<!DOCTYPE[^>]*>|'
            r"<metadata>.*</metadata>",
            "",
            text,
            flags=re.DOTALL,
        )
    assert "#1b1f23" in drawn[0]
    assert "#e7eaed" in drawn[1]
    # The same plot has the same bytes.
    assert plot.__html__() == html


def test_many_points_take_little_space():
    plot = plots.scatter(*np.random.default_rng(0).random((2, 5000)), **LABELS)
    assert len(plot.__html__()) < 400_000


def test_plots_stand_side_by_side_in_one_file(tmp_path):
    one = bars([plots.Bars("", [1.0, 2.0])])
    two = plots.curves([plots.Series("x", [1], [1])], **LABELS)
    heights = []
    for number, each in enumerate((one, plots.row([one, two], "both"))):
        path = tmp_path / f"{number}.png"
        each.write(path)
        heights.append(cv2.imread(str(path)).shape[:2])
    assert heights[1][1] > 1.9 * heights[0][1]


def test_a_drawing_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"earlier")

    def savefig(self, target, **options):
        pathlib.Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure.Figure, "savefig", savefig)
    with pytest.raises(OSError, match="No space"):
        bars([plots.Bars("", [1.0])]).write(path)
    assert path.read_bytes() == b"earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_signs_without_a_font_are_told_in_one_line(tmp_path, capsys):
    # No font has what Unicode has not; `$` is no formula.
    plot = plots.bars(
        ["x \U000e0fff\ufdd0 \ufdd0", r"$\\frac$", "paid $$"],
        [plots.Bars("", [1, 2, 3])],
        title="a$^b$",
        label="MOS",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.write(tmp_path / "a.png")
    errors = capsys.readouterr().err
    assert errors.startswith("note: boxes in the plot, since no font here has")
    assert errors.count("\n") == 1
