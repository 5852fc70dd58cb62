"""Every plot of pages and of PNG files, drawn by matplotlib from arrays.

matplotlib is loaded when something is drawn, not before. Colours are those of
Okabe and Ito (2008), darkened or lightened for contrast on paper and at night;
curves also differ by their dashes.
"""

import base64
import contextlib
import dataclasses
import io
import itertools
import pathlib
import re
import sys
import textwrap
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from g2npan_tf.core.files import written_aside
from g2npan_tf.report import page

Range = tuple[float, float]
# Width and height in pixels of a page.
_SIZE = (400, 280)
_BAR_HEIGHT = 24
_SERIES = {
    False: ("#0072b2", "#d55e00", "#008f68", "#b0568f", "#8a6d00", "#4b5560"),
    True: ("#56b4e9", "#f08a4b", "#2bbd91", "#dc8fc0", "#e0c04a", "#a9b3bd"),
}
_DASHES = ("-", (0, (7, 3)), (0, (2, 3)), "-.", (0, (5, 2)), ":")
# Ink, faint ink and grid, as in page.css.
_INKS = {
    False: ("#1b1f23", "#5b636b", "#e9ebed"),
    True: ("#e7eaed", "#a2abb3", "#2a2f34"),
}
# More points than this are pixels in a page, not a mark each.
_MAX_MARKS = 200
_SIGNS_AN_INCH = 11
# Longer names of bars lose their middle.
_LABEL_SIGNS = 22
# Parts of the names of fonts that hold more scripts than matplotlib's own.
_WIDE = re.compile(
    "CJK|Noto Sans|Fallback|WenQuanYi|YaHei|SimHei|Hiragino|PingFang|Malgun|"
    "Arial Unicode|Unifont"
)
_MISSING = re.compile(r"Glyph (\d+)")


@dataclasses.dataclass(frozen=True)
class Plot:
    """A drawing that a page embeds (`{{ plot }}`) and a PNG file can hold.

    Attributes:
        title: Above it.
        description: What it shows, for those who do not see it.
        draw: Draws it on a matplotlib figure.
        size: Width and height in pixels of a page.
    """

    title: str
    description: str
    draw: Callable[[Any], None]
    size: tuple[float, float] = _SIZE

    def __html__(self) -> Markup:
        """The plot in colours for light and dark pages."""
        light, dark = (_svg(self, dark=dark) for dark in (False, True))
        return page.part(
            "plot", light, dark, f"{self.title}. {self.description}"
        )

    def figure(self) -> Any:
        """The matplotlib figure, in the style that is set."""
        from matplotlib.figure import Figure

        width, height = self.size
        drawn = Figure((width / 96, height / 96), layout="constrained")
        self.draw(drawn)
        return drawn

    def write(self, path: pathlib.Path) -> None:
        """Writes a PNG, replaced whole.

        Raises:
            OSError: If the disk does not take it.
        """
        with _style(dark=False), _boxes_told(), written_aside(path) as aside:
            self.figure().savefig(
                aside,
                format="png",
                dpi=200,
                facecolor="white",
                metadata={"Software": None},
            )


@dataclasses.dataclass(frozen=True)
class Series:
    """One curve of `curves`; values that are not finite leave gaps."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclasses.dataclass(frozen=True)
class Bars:
    """Bars of one colour in `bars`, one in each group.

    Attributes:
        name: For the legend.
        values: What is not finite has no bar.
        low: Lower ends of intervals, which need not contain the value; none,
            or not finite where there is no interval.
        high: Upper ends.
        marks: Values that diamonds show beside the bars, e.g. of a paper.
    """

    name: str
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    marks: Sequence[float] = ()


def histogram(
    values: Sequence[float],
    edges: Sequence[float],
    *,
    title: str,
    x_label: str,
    y_label: str = "images",
) -> Plot:
    """How many of some finite values lie between every two rising edges."""

    def draw(figure: Any) -> None:
        axes = _axes(figure, title, x_label, y_label)
        axes.hist(values, bins=edges, rwidth=0.95)
        axes.set_xlim(edges[0], edges[-1])
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.grid(visible=False, axis="x")

    description = f"{len(values)} values"
    if len(values):
        description += f", median {np.median(values):.2f}"
    return Plot(title, description, draw)


def scatter(
    x: Sequence[float],
    y: Sequence[float],
    *,
    title: str,
    x_label: str,
    y_label: str,
    groups: Sequence[str] = (),
    curve: tuple[Sequence[float], Sequence[float]] | None = None,
    curve_name: str = "",
    y_range: Range | None = None,
) -> Plot:
    """Points, coloured by group, and a curve (its x and y) through them."""
    points = np.array([x, y], float)
    names = np.asarray(groups or [""] * len(x), str)

    def draw(figure: Any) -> None:
        axes = _axes(figure, title, x_label, y_label)
        for name in np.unique(names):
            mine = names == name
            axes.plot(
                *points[:, mine],
                ".",
                label=page.plain(str(name)),
                ms=8,
                alpha=0.7,
                markeredgewidth=0,
                rasterized=len(x) > _MAX_MARKS,
            )
        if curve is not None:
            colour = "C1" if not groups else axes.title.get_color()
            axes.plot(*curve, "-", color=colour, label=curve_name)
        axes.set_ylim(y_range)
        if groups:
            axes.legend()

    return Plot(title, f"{len(x)} points", draw)


def bars(
    groups: Sequence[str],
    series: Sequence[Bars],
    *,
    title: str,
    label: str,
    value_range: Range | None = None,
    marks: str = "",
    upright: bool = False,
    size: tuple[float, float] | None = None,
) -> Plot:
    """Bars with intervals, in the given order from above or from the left.

    Args:
        groups: Names, one for each bar of a series.
        series: One or several bars in each group.
        title: Above the plot.
        label: Of the values: quantity and unit, and what the whiskers are.
        value_range: Ends of the axis of the values.
        marks: What the diamonds are, for the legend.
        upright: Whether bars stand; else they lie, with their values as text.
        size: By default as high as the bars need.
    """
    if size is None:
        rows = len(groups) * len(series) + (len(series) > 1)
        size = (_SIZE[0], 74 + _BAR_HEIGHT * rows)

    def draw(figure: Any) -> None:
        axes = _axes(figure, title, "" if upright else label, label * upright)
        ink = axes.xaxis.label.get_color()
        for index, one in enumerate(series):
            width = 0.8 / len(series)
            place = np.arange(len(groups)) + width * (
                index - (len(series) - 1) / 2
            )
            bars_of = axes.bar if upright else axes.barh
            bars_of(
                place,
                one.values,
                0.9 * width,
                label=page.plain(one.name),
                # Colours repeat after six.
                hatch="//" if index >= len(_SERIES[False]) else None,
            )
            _draw_ends(axes, one, place, upright=upright)
        if marks:
            axes.plot([], [], "D", color=ink, mfc="w", ms=4, label=marks)
        names = [_shortened(name) for name in groups]
        if upright:
            axes.set_xticks(np.arange(len(groups)), names)
            axes.axhline(0, color=ink, lw=0.8)
            axes.set_ylim(value_range)
        else:
            axes.set_yticks(np.arange(len(groups)), names)
            axes.invert_yaxis()
            axes.set_xlim(value_range)
            # A long one has space below the names.
            axes.set_xlabel(axes.get_xlabel(), loc="right")
        axes.grid(visible=False, axis="x" if upright else "y")
        if len(series) > 1 or marks:
            figure.legend(loc="outside lower center", ncols=4)

    said = "; ".join(
        f"{one.name} {name} {value:.3g}".strip()
        for one in series
        for name, value in zip(groups, one.values, strict=True)
    )
    return Plot(title, said, draw, size)


def curves(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Plot:
    """Lines over whole numbers; with a legend if there are several."""
    rows = -(-len(series) // 2) if len(series) > 1 else 0

    def draw(figure: Any) -> None:
        axes = _axes(figure, title, x_label, y_label)
        for one, dashes in zip(series, itertools.cycle(_DASHES), strict=False):
            known = np.isfinite(one.y)
            # A point alone between gaps is no line.
            mark = "." if known.sum() <= 100 else ""
            name = page.plain(one.name)
            axes.plot(one.x, one.y, mark, linestyle=dashes, label=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if rows:
            figure.legend(loc="outside lower center", ncols=2)

    names = ", ".join(one.name for one in series)
    return Plot(title, names, draw, (_SIZE[0], _SIZE[1] + 18 * rows))


def boxes(
    groups: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    x_range: Range | None = None,
) -> Plot:
    """A box with whiskers for the values of each group, from above."""

    def draw(figure: Any) -> None:
        axes = _axes(figure, title, x_label, "")
        names = [f"{_shortened(n)} ({len(v)})" for n, v in groups.items()]
        values = list(groups.values())
        axes.boxplot(values, tick_labels=names, orientation="horizontal")
        axes.invert_yaxis()
        axes.set_xlim(x_range)

    medians = [f"{name} {np.median(v):.3g}" for name, v in groups.items()]
    size = (_SIZE[0], 74 + _BAR_HEIGHT * len(groups))
    return Plot(title, f"medians: {', '.join(medians)}", draw, size)


def row(plots: Sequence[Plot], title: str) -> Plot:
    """Plots side by side under a common title, as one file."""

    def draw(figure: Any) -> None:
        figure.suptitle(page.plain(title))
        parts = figure.subfigures(1, len(plots), squeeze=False)[0]
        for plot, place in zip(plots, parts, strict=True):
            plot.draw(place)

    size = (
        sum(plot.size[0] for plot in plots),
        max(plot.size[1] for plot in plots) + 30,
    )
    said = "; ".join(f"{plot.title}: {plot.description}" for plot in plots)
    return Plot(title, said, draw, size)


def _axes(figure: Any, title: str, x_label: str, y_label: str) -> Any:
    """The one pair of axes of a plot, with its texts."""
    axes = figure.subplots()
    inches = figure.bbox.width / figure.get_dpi()
    lines = [
        line
        for each in page.plain(title).splitlines()
        for line in textwrap.wrap(each, int(_SIGNS_AN_INCH * inches))
    ]
    figure.suptitle("\n".join(lines), x=0.02, ha="left")
    axes.set_xlabel(page.plain(x_label))
    axes.set_ylabel(page.plain(y_label))
    return axes


def _draw_ends(
    axes: Any, one: Bars, place: np.ndarray, *, upright: bool
) -> None:
    """Intervals and marks of one series; values beside bars that lie."""
    ends = np.full((2, len(place)), np.nan)
    if len(one.low):
        ends = np.array([one.low, one.high], float)
    known = np.isfinite(ends).all(axis=0)
    ink = axes.xaxis.label.get_color()
    lines = axes.vlines if upright else axes.hlines
    lines(place[known], *ends[:, known], colors=ink, lw=1.5)
    if upright:
        if len(one.marks):
            axes.plot(place, one.marks, "D", color=ink, mfc="w", ms=4)
        return
    for y, value, high in zip(place, one.values, ends[1], strict=True):
        if np.isfinite(value):
            axes.annotate(
                f"{value:.2f}",
                (np.nanmax([value, high]), y),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize="small",
                annotation_clip=False,
            )


def _shortened(name: str) -> str:
    """A name that leaves space for its bar; its ends tell it from others."""
    name = page.plain(name)
    if len(name) <= _LABEL_SIGNS:
        return name
    half = _LABEL_SIGNS // 2
    return f"{name[:half]}\u2026{name[1 - half :]}"


def _svg(plot: Plot, *, dark: bool) -> str:
    """A plot as an address that holds it; its text is the viewer's font."""
    buffer = io.BytesIO()
    with _style(dark=dark), warnings.catch_warnings():
        # What matplotlib's font lacks, the viewer's may have.
        warnings.filterwarnings("ignore", message="Glyph ")
        plot.figure().savefig(
            buffer,
            format="svg",
            dpi=110,
            transparent=True,
            metadata={"Date": None},
        )
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/svg+xml;base64,{data}"


@contextlib.contextmanager
def _style(*, dark: bool) -> Iterator[None]:
    """How plots look; names that others gave are text, `$` is no formula."""
    import matplotlib
    from cycler import cycler
    from matplotlib import font_manager

    ink, faint, grid = _INKS[dark]
    found = {font.name for font in font_manager.fontManager.ttflist}
    wide = sorted(name for name in found if _WIDE.search(name))
    options: Any = {
        "text.parse_math": False,
        "font.family": ["DejaVu Sans", *wide, "sans-serif"],
        "font.size": 9,
        "figure.titlesize": 9.5,
        "figure.titleweight": "bold",
        "axes.prop_cycle": cycler(color=_SERIES[dark]),
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": grid,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "svg.fonttype": "none",
        # The same plot has the same bytes.
        "svg.hashsalt": "g2npan",
        **dict.fromkeys(
            ("axes.edgecolor", "xtick.color", "ytick.color"), faint
        ),
        **dict.fromkeys(("text.color", "axes.labelcolor"), ink),
        **{
            f"boxplot.{each}props.color": ink
            for each in ("box", "whisker", "cap", "flier")
        },
        "boxplot.medianprops.color": _SERIES[dark][1],
    }
    with matplotlib.rc_context(options):
        yield


@contextlib.contextmanager
def _boxes_told() -> Iterator[None]:
    """Says in one line which signs no font of this machine has."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message="Glyph ")
        yield
    signs = set()
    for each in caught:
        if missing := _MISSING.match(str(each.message)):
            signs.add(chr(int(missing[1])))
        else:
            warnings.warn_explicit(
                each.message, each.category, each.filename, each.lineno
            )
    if signs:
        print(
            "note: boxes in the plot, since no font here has "
            f"{' '.join(sorted(signs))}",
            file=sys.stderr,
        )
