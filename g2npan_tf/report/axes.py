"""The frame of a plot: where a value is drawn, ticks, grid and labels."""

import dataclasses
import math
from collections.abc import Sequence

from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag

WIDTH = 440
HEIGHT = 300


@dataclasses.dataclass(frozen=True)
class Axes:
    """Maps values to the units of a drawing.

    Attributes:
        x_range: Values at the left and right end.
        y_range: Values at the bottom and at the top.
        width: Of the drawing, with its margins.
        height: Likewise.
        left: Margin for the labels of the vertical axis; the others are fixed.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = 58
    right: int = 14
    top: int = 30
    bottom: int = 44

    def x(self, value: float) -> float:
        """Horizontal place of a value, rounded to what can be seen."""
        return _place(value, self.x_range, self.left, self.width - self.right)

    def y(self, value: float) -> float:
        """Vertical place of a value; drawings count downwards."""
        return _place(value, self.y_range, self.height - self.bottom, self.top)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values between two others, about as many as asked for.

    Args:
        low: Lower end.
        high: Upper end, above the lower one.
        count: How many steps are wanted.

    Returns:
        Multiples of 1, 2 or 5 times a power of ten in `[low, high]`.
    """
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((1, 2, 5, 10), key=lambda n: abs(n * power - raw)) * power
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def padded(values: Sequence[float], share: float = 0.05) -> tuple[float, float]:
    """A range that holds values with some space around them."""
    low, high = min(values), max(values)
    space = (high - low) * share or abs(high) * share or 1.0
    return low - space, high + space


def number(value: float) -> str:
    """A tick's label: no more digits than needed."""
    return f"{value:.6g}"


def frame(axes: Axes, x_label: str, y_label: str, title: str) -> list[Html]:
    """Grid, ticks, axis labels and heading.

    Args:
        axes: Of the plot.
        x_label: Quantity and unit below.
        y_label: Quantity and unit at the left; none: no vertical ticks.
        title: Above the plot.

    Returns:
        Elements of SVG, to be drawn first.
    """
    bottom, top = axes.height - axes.bottom, axes.top
    left, right = axes.left, axes.width - axes.right
    parts = [text(title, left, 18, "heading")]
    for value in ticks(*axes.x_range):
        x = axes.x(value)
        parts += [
            line(x, bottom, x, top, "gridline"),
            text(number(value), x, bottom + 16, "tick", "middle"),
        ]
    parts.append(
        text(x_label, (left + right) / 2, axes.height - 8, anchor="middle")
    )
    parts.append(line(left, bottom, right, bottom, "axis"))
    if y_label:
        for value in ticks(*axes.y_range):
            y = axes.y(value)
            parts += [
                line(left, y, right, y, "gridline"),
                text(number(value), left - 6, y + 4, "tick", "end"),
            ]
        turn = f"rotate(-90 14 {(top + bottom) / 2})"
        middle = (14, (top + bottom) / 2)
        parts.append(text(y_label, *middle, anchor="middle", transform=turn))
    return parts


def drawing(
    axes: Axes, parts: Sequence[Html], title: str, description: str
) -> Html:
    """The whole plot, named and described for screen readers."""
    return tag(
        "svg",
        tag("title", f"{title}. {description}"),
        *parts,
        viewBox=f"0 0 {axes.width} {axes.height}",
        role="img",
        class_="plot",
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    """A straight line."""
    return tag("path", d=f"M{x1:g} {y1:g}L{x2:g} {y2:g}", class_=kind)


def text(
    content: str,
    x: float,
    y: float,
    kind: str | None = None,
    anchor: str | None = None,
    transform: str | None = None,
) -> Html:
    """A line of text; its anchor is start, middle or end."""
    return tag(
        "text",
        content,
        x=f"{x:g}",
        y=f"{y:g}",
        class_=kind,
        text_anchor=anchor,
        transform=transform,
    )


def _place(
    value: float, span: tuple[float, float], start: float, stop: float
) -> float:
    """Linear place of a value between two ends."""
    low, high = span
    return round(start + (value - low) / (high - low) * (stop - start), 1)
