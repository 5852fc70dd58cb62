import base64
import pathlib
import re
import warnings
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from matplotlib import figure
from matplotlib.text import Text

from g2npan_tf.report import plots
from tests.html_checks import Elements

LABELS = {"title": "<T>", "x_label": "MOS (1 to 5)", "y_label": "images"}
NAN = float("nan")


def axes_of(plot):
    (axes,) = plot.figure().axes
    return axes


def bars(*series, names=("x", "y", "z"), **options):
    return plots.bars(
        names[: len(series[0].values)],
        series,
        **{"title": "T", "label": "MOS", **options},
    )


def test_a_histogram_counts_as_numpy_does():
    values = [1.0, 1.1, 2.4, 5.0]
    plot = plots.histogram(values, [1, 2, 3, 4, 5], **LABELS)
    heights = [bar.get_height() for bar in axes_of(plot).patches]
    assert heights == np.histogram(values, [1, 2, 3, 4, 5])[0].tolist()
    assert plot.description == "4 values, median 1.75"
    nothing = axes_of(plots.histogram([], [1, 3, 5], **LABELS))
    assert [bar.get_height() for bar in nothing.patches] == [0, 0]


def test_points_curves_and_gaps_are_where_their_values_are():
    curve = ([1, 2, 3], [1, 2, NAN])
    names = {"groups": ["b", "a", "b"], "curve_name": "fit"}
    axes = axes_of(
        plots.scatter(
            [1, 5, 2], [5, 1, 3], curve=curve, y_range=(1, 5), **names, **LABELS
        )
    )
    first, second, fit = axes.lines
    assert first.get_xydata().tolist() == [[5, 1]]
    assert second.get_xydata().tolist() == [[1, 5], [2, 3]]
    np.testing.assert_array_equal(fit.get_ydata(), curve[1])
    assert axes.get_ylim() == (1, 5)
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown == ["a", "b", "fit"]
    series = [plots.Series("train", *curve), plots.Series("<b>", *curve)]
    plot = plots.curves(series, **LABELS)
    one, two = axes_of(plot).lines
    assert one.get_linestyle() != two.get_linestyle()
    np.testing.assert_array_equal(two.get_ydata(), curve[1])
    assert plot.description == "train, <b>"


@pytest.mark.parametrize("upright", [False, True])
def test_bars_are_their_values_and_whiskers_the_limits(upright):
    one = plots.Bars("A", [0.5, -0.25, NAN], [0.25, 0.5, NAN], [1, 2, NAN])
    two = plots.Bars("B", [1, 2, 3], marks=[0.9, NAN, 0.7])
    axes = axes_of(bars(one, two, upright=upright, marks="paper"))
    length, start, width = (
        ("height", "x", "width") if upright else ("width", "y", "height")
    )
    lengths = [getattr(bar, f"get_{length}")() for bar in axes.patches]
    np.testing.assert_array_equal(lengths, [0.5, -0.25, NAN, 1, 2, 3])
    # An interval need not contain its figure; one not known is not drawn.
    whiskers = np.array(axes.collections[0].get_segments())
    np.testing.assert_allclose(whiskers[..., +upright], [[0.25, 1], [0.5, 2]])
    bar = axes.patches[1]
    middle = getattr(bar, f"get_{start}")() + getattr(bar, f"get_{width}")() / 2
    np.testing.assert_allclose(whiskers[1, :, +(not upright)], middle)
    if upright:
        marks = axes.lines[0].get_ydata()
        np.testing.assert_array_equal(marks, [0.9, NAN, 0.7])


def test_lying_bars_say_their_values_and_cut_long_names():
    one = plots.Bars("", [2.0, 1.5], [1.5, NAN], [2.5, NAN])
    long = "mean of the images; whiskers: standard deviation"
    plot = bars(one, names=["a" * 40 + "c", "b"], label=long, title=long * 2)
    drawn = plot.figure()
    drawn.draw_without_rendering()
    for text in drawn.findobj(Text):
        box = text.get_window_extent()
        if text.get_text():
            assert 0 <= box.x0 < box.x1 <= drawn.bbox.width, text
    axes = axes_of(plot)
    assert [text.get_text() for text in axes.texts] == ["2.00", "1.50"]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["a" * 11 + "…" + "a" * 9 + "c", "b"]
    assert plot.description == f"{'a' * 40}c 2; b 1.5"
    assert axes.yaxis_inverted()


def decoded(address):
    head, data = address.split(",")
    assert head == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def test_a_page_has_a_plot_for_light_and_dark_with_its_text():
    name = "$a$ <b>\x00\u202e漢"
    plot = bars(plots.Bars("", [1]), names=[name], title=name, label=name)
    elements = Elements(plot.__html__())
    (image,), (source,) = elements.find("img"), elements.find("source")
    assert image["alt"].startswith("$a$ <b>")
    assert source["media"] == "screen and (prefers-color-scheme: dark)"
    drawn = [decoded(image["src"]), decoded(source["srcset"])]
    for text, ink in zip(drawn, ("#1b1f23", "#e7eaed"), strict=True):
        tree = ElementTree.fromstring(text)
        assert text.count("$a$ &lt;b&gt;\ufffd\ufffd漢") >= 3
        links = [v for e in tree.iter() for k, v in e.items() if "href" in k]
        assert all(link.startswith("#") for link in links)
        assert ink in text
    # The same plot has the same bytes.
    assert decoded(re.findall(r'src="([^"]*)', plot.__html__())[0]) == drawn[0]


def test_many_points_take_little_space():
    plot = plots.scatter(*np.random.default_rng(0).random((2, 5000)), **LABELS)
    assert len(plot.__html__()) < 400_000


def test_plots_stand_side_by_side_in_one_file(tmp_path):
    boxes = plots.boxes({"a": [1, 2, 9], "b": [3, 3]}, title="T", x_label="MOS")
    assert boxes.description == "medians: a 2, b 3"
    assert [x.get_text() for x in axes_of(boxes).get_yticklabels()] == [
        "a (3)",
        "b (2)",
    ]
    widths = []
    for each in (boxes, plots.row([boxes, boxes], "both")):
        each.write(tmp_path / "x.png")
        widths.append(cv2.imread(str(tmp_path / "x.png")).shape[1])
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)


def test_a_drawing_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"earlier")

    def savefig(self, target, **options):
        pathlib.Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure.Figure, "savefig", savefig)
    with pytest.raises(OSError, match="No space"):
        bars(plots.Bars("", [1.0])).write(path)
    assert path.read_bytes() == b"earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_signs_without_a_font_are_told_in_one_line(tmp_path, capsys):
    # No font has what Unicode has not; `$` is no formula.
    names = ["x \U000e0fff\ufdd0 \ufdd0", r"$\\frac$", "paid $$"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bars(plots.Bars("", [1, 2, 3]), names=names).write(tmp_path / "a.png")
    errors = capsys.readouterr().err
    assert errors.startswith("note: boxes in the plot, since no font here has")
    assert errors.count("\n") == 1
