"""Plots as SVG inside a page: histogram, scatter, bars, curves.

Colours are those of Okabe and Ito (2008), darkened or lightened for contrast
on paper and at night; curves also differ by their dashes.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from g2npan_tf.report import axes as axes_module
from g2npan_tf.report.axes import Axes
from g2npan_tf.report.axes import drawing
from g2npan_tf.report.axes import frame
from g2npan_tf.report.axes import line
from g2npan_tf.report.axes import padded
from g2npan_tf.report.axes import text
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import join
from g2npan_tf.report.page import tag

NUM_COLOURS = 6
_DASHES = (None, "7 3", "2 3", "9 3 2 3", "5 2", "1 2")
_BAR_HEIGHT = 24
# Signs of a bar's label that fit; the whole one is its tooltip.
_LABEL_SIGNS = 20


@dataclasses.dataclass(frozen=True)
class Bar:
    """One line of `bars`: a value, the interval around it, its colour."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    colour: int = 1


@dataclasses.dataclass(frozen=True)
class Series:
    """One curve of `curves`; values that are not finite leave gaps."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def histogram(
    values: Sequence[float],
    edges: Sequence[float],
    *,
    title: str,
    x_label: str,
    y_label: str = "images",
) -> Html:
    """How many values lie between every two edges.

    Args:
        values: Any finite numbers; those outside the edges are not counted.
        edges: Rising.
        title: Above the plot.
        x_label: Quantity and unit.
        y_label: What is counted.

    Returns:
        The plot; each bar's tooltip says its count.
    """
    counts = np.histogram(values, edges)[0]
    axes = Axes((edges[0], edges[-1]), (0, max(int(counts.max()), 1) * 1.08))
    parts = frame(axes, x_label, y_label, title)
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        left, right, top = axes.x(low), axes.x(high), axes.y(count)
        label = f"{low:g} to {high:g}: {count}"
        parts.append(
            tag(
                "rect",
                tag("title", label),
                x=f"{left + 0.5:g}",
                y=f"{top:g}",
                width=f"{right - left - 1:g}",
                height=f"{axes.y(0) - top:g}",
                class_="fill-1",
            )
        )
    filled = np.asarray(values, float)
    description = f"{len(filled)} values"
    if len(filled):
        description += f", median {np.median(filled):.2f}"
    return drawing(axes, parts, title, description)


def scatter(
    x: Sequence[float],
    y: Sequence[float],
    *,
    title: str,
    x_label: str,
    y_label: str,
    curve: tuple[Sequence[float], Sequence[float]] | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Html:
    """Points, and a curve through them if there is one.

    Args:
        x: Horizontal values.
        y: Vertical values, as many.
        title: Above the plot.
        x_label: Quantity and unit.
        y_label: Likewise.
        curve: Values x and y of a line, e.g. of the fitted logistic.
        x_range: Ends of the axis; by default the values' own with some space.
        y_range: Likewise.

    Returns:
        The plot.
    """
    axes = Axes(x_range or padded(x), y_range or padded(y))
    parts = frame(axes, x_label, y_label, title)
    # One path instead of thousands of circles: dots are lines of no length.
    dots = "".join(
        f"M{axes.x(a):g} {axes.y(b):g}h0" for a, b in zip(x, y, strict=True)
    )
    parts.append(tag("path", d=dots, class_="dots line-1"))
    if curve is not None:
        path = _path(axes, *curve)
        parts.append(tag("path", d=path, class_="curve line-2"))
    return drawing(axes, parts, title, f"{len(x)} points")


def bars(
    items: Sequence[Bar],
    *,
    title: str,
    x_label: str,
    x_range: tuple[float, float] | None = None,
) -> Html:
    """Horizontal bars with whiskers, in the given order from above.

    Args:
        items: At least one.
        title: Above the plot.
        x_label: Quantity and unit, and what the whiskers are.
        x_range: Ends of the axis; by default from 0, or from below the least.

    Returns:
        The plot; as high as its bars need.
    """
    height = 74 + _BAR_HEIGHT * len(items)
    if x_range is None:
        ends = [v for i in items for v in (i.value, i.low, i.high) if v]
        low, high = padded([0.0, *ends])
        x_range = (low if min(ends, default=0) < 0 else 0.0, high)
    axes = Axes(x_range, (0, len(items)), height=height, left=150, right=50)
    parts = frame(axes, x_label, "", title)
    for row, item in enumerate(items):
        parts += _bar(axes, item, axes.top + _BAR_HEIGHT * (row + 0.5))
    said = ", ".join(f"{item.label} {item.value:.3g}" for item in items)
    return drawing(axes, parts, title, said)


def curves(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Html:
    """Lines over one axis, with a legend if there are several.

    Args:
        series: At least one with at least one finite point; at most 6 are
            told apart.
        title: Above the plot.
        x_label: Quantity and unit.
        y_label: Likewise.
        x_range: Ends of the axis; by default the values' own.
        y_range: Likewise, with some space.

    Returns:
        The plot.
    """
    xs = [float(v) for s in series for v in s.x if np.isfinite(v)]
    ys = [float(v) for s in series for v in s.y if np.isfinite(v)]
    rows = len(series) if len(series) > 1 else 0
    axes = Axes(
        x_range or padded(xs, 0.02),
        y_range or padded(ys),
        height=axes_module.HEIGHT + 18 * rows,
        bottom=44 + 18 * rows,
    )
    parts = frame(axes, "", y_label, title)
    plot_bottom = axes.height - axes.bottom
    middle = (axes.left + axes.width - axes.right) / 2
    parts.append(text(x_label, middle, plot_bottom + 36, anchor="middle"))
    for index, one in enumerate(series):
        style = {
            "class_": f"curve line-{index % NUM_COLOURS + 1}",
            "stroke_dasharray": _DASHES[index % NUM_COLOURS],
        }
        path = _path(axes, one.x, one.y)
        parts.append(tag("path", tag("title", one.name), d=path, **style))
        if rows:
            y = plot_bottom + 52 + 18 * index
            key = f"M{axes.left} {y - 4}h28"
            parts.append(tag("path", d=key, **style))
            parts.append(text(one.name, axes.left + 36, y))
    names = ", ".join(one.name for one in series)
    return drawing(axes, parts, title, names)


def _bar(axes: Axes, item: Bar, middle: float) -> list[Html]:
    """One bar, its label, its whisker and its value."""
    start, stop = sorted(
        (axes.x(max(0.0, axes.x_range[0])), axes.x(item.value))
    )
    label = item.label
    if len(label) > _LABEL_SIGNS:
        label = f"{label[: _LABEL_SIGNS - 1]}…"
    tip = f"{item.label}: {item.value:.3f}"
    end = stop
    parts = []
    if item.low is not None and item.high is not None:
        tip += f" ({item.low:.3f} to {item.high:.3f})"
        low, high = axes.x(item.low), axes.x(item.high)
        end = max(end, high)
        ticks = join(
            line(low, middle, high, middle, "whisker"),
            line(low, middle - 4, low, middle + 4, "whisker"),
            line(high, middle - 4, high, middle + 4, "whisker"),
        )
        parts.append(ticks)
    bar = tag(
        "rect",
        tag("title", tip),
        x=f"{start:g}",
        y=f"{middle - 8:g}",
        width=f"{stop - start:g}",
        height=16,
        class_=f"fill-{item.colour}",
    )
    name = text(label, axes.left - 8, middle + 4, anchor="end")
    value = text(f"{item.value:.2f}", end + 6, middle + 4, "tick")
    return [bar, *parts, name, value]


def _path(axes: Axes, x: Sequence[float], y: Sequence[float]) -> str:
    """A line through points, broken where a value is missing."""
    path, command = [], "M"
    for a, b in zip(x, y, strict=True):
        if np.isfinite(a) and np.isfinite(b):
            path.append(f"{command}{axes.x(a):g} {axes.y(b):g}")
            command = "L"
        else:
            command = "M"
    return "".join(path)
