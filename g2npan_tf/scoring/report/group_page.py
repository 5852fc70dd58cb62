"""The page of a group of images: how good they are and which stand out."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.report import page
from g2npan_tf.report import plots
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag
from g2npan_tf.report.tables import Cell
from g2npan_tf.report.tables import Column
from g2npan_tf.report.tables import table
from g2npan_tf.scoring.report import group_figures
from g2npan_tf.scoring.report.group_figures import Rank

# More rows than this make a page that no browser likes; the CSV has them all.
MAX_ROWS = 5000
_EDGES = np.linspace(mos.MOS_MIN, mos.MOS_MAX, 17).tolist()
_TITLE = "Quality of fused images"


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the group's page says of one scored image.

    Attributes:
        name: Path, with the frame's number if there is one.
        mos: Predicted MOS.
        notes: Conversions that it went through.
        page: File of its own page.
        deviation: From its like; None if there are too few.
        algorithm: What fused it; empty if it is not known.
        group: Its source pair; likewise.
    """

    name: str
    mos: float
    notes: str
    page: str
    deviation: float | None = None
    algorithm: str = ""
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Group:
    """All that the page of a group shows.

    Attributes:
        entries: The images with a score, outliers first.
        failed: Names and reasons of those without one.
        ranks: The algorithms from best to worst; none if they are not known.
        origins_rule: How the algorithms became known.
        card: What is said of the model.
        warning: What must be known of its readers; may be empty.
        made: When and by what.
        scores_file: The CSV with all rows.
    """

    entries: Sequence[Entry]
    failed: Sequence[tuple[str, str]]
    ranks: Sequence[Rank]
    origins_rule: str
    card: Html
    warning: Html
    made: str
    scores_file: str


def parts(group: Group, thumbnails: Iterable[Html]) -> Iterator[str]:
    """Yields the page of a group piece by piece.

    Args:
        group: What it shows.
        thumbnails: A small picture of each of the entries that are shown, in
            their order; taken one by one.

    Yields:
        Pieces of the HTML document.
    """
    count = len(group.entries)
    title = f"{_TITLE}: {count} image{'s' * (count != 1)}"
    yield from page.document_parts(
        title, _body(group, thumbnails), styles=[page.resource("group.css")]
    )


def _body(group: Group, thumbnails: Iterable[Html]) -> Iterator[Html]:
    """The parts of the page from above."""
    yield page.heading(_TITLE, group.made)
    yield group.warning
    yield _figures(group)
    if group.entries:
        yield tag("div", *_plots(group), class_="grid")
    if group.ranks:
        yield _ranking(group.ranks, group.origins_rule)
    if group.failed:
        yield _failed(group.failed)
    yield from _images(group, thumbnails)
    yield page.section("The model", group.card)


def _figures(group: Group) -> Html:
    """The group in a few numbers."""
    scores = [entry.mos for entry in group.entries]
    outliers = sum(
        group_figures.is_outlier(entry.deviation) for entry in group.entries
    )
    figures = {"images scored": str(len(scores))}
    if scores:
        figures["median MOS"] = f"{np.median(scores):.2f}"
        figures["lowest to highest"] = f"{min(scores):.2f} to {max(scores):.2f}"
        figures["outliers"] = str(outliers)
    figures["without a score"] = str(len(group.failed))
    items = (
        tag("div", tag("dt", name), tag("dd", value))
        for name, value in figures.items()
    )
    return tag("dl", *items, class_="figures")


def _plots(group: Group) -> Iterator[Html]:
    """Histogram, and the ranking if there is one."""
    scores = [entry.mos for entry in group.entries]
    drawn = [
        plots.histogram(
            scores,
            _EDGES,
            title="Predicted scores",
            x_label="predicted MOS (1 worst, 5 best)",
        )
    ]
    if group.ranks:
        nan = float("nan")
        means = plots.Bars(
            "",
            [rank.mean for rank in group.ranks],
            [nan if rank.low is None else rank.low for rank in group.ranks],
            [nan if rank.high is None else rank.high for rank in group.ranks],
        )
        drawn.append(
            plots.bars(
                [rank.algorithm for rank in group.ranks],
                [means],
                title="Algorithms",
                label="mean predicted MOS, 95 % interval",
                value_range=(mos.MOS_MIN, mos.MOS_MAX),
            )
        )
    for plot in drawn:
        yield tag("figure", plot, class_="card")


def _ranking(ranks: Sequence[Rank], rule: str) -> Html:
    """The algorithms from best to worst."""
    columns = (
        Column("Algorithm"),
        Column("Mean MOS", digits=2, descending=True),
        Column("95 % interval", digits=2, descending=True),
        Column("Mean place", digits=2),
        Column("Images", digits=0, descending=True),
    )
    rows = (
        (
            _algorithm(rank.algorithm),
            rank.mean,
            _interval(rank),
            rank.mean_place,
            rank.count,
        )
        for rank in ranks
    )
    note = (
        f"Algorithms are told apart {rule}. The interval (bootstrap over the "
        "images) says how the mean would vary with other images; it does not "
        "hold the error of the model. The mean place counts within the source "
        "pairs that all algorithms fused; 1 is best."
    )
    return page.section(
        "Algorithms",
        table(columns, rows, "Algorithms by mean predicted MOS"),
        tag("p", note, class_="note"),
    )


def _interval(rank: Rank) -> Cell | None:
    """The ends of an interval, sorted by the lower one."""
    if rank.low is None or rank.high is None:
        return None
    return Cell(f"{rank.low:.2f} to {rank.high:.2f}", rank.low)


def _failed(failed: Sequence[tuple[str, str]]) -> Html:
    """The images without a score."""
    rows = (
        (page.breakable(name), tag("span", reason, class_="bad"))
        for name, reason in failed[:MAX_ROWS]
    )
    columns = (Column("Image"), Column("Reason"))
    return page.section(
        "Without a score",
        table(columns, rows, f"{len(failed)} without a score"),
    )


def _images(group: Group, thumbnails: Iterable[Html]) -> Iterator[Html]:
    """The table of the images, outliers first."""
    columns = [
        Column("Picture", sortable=False),
        Column("Image"),
        Column("MOS", digits=2, descending=True),
        Column("Deviation", digits=1, descending=True),
    ]
    if group.ranks:
        columns.append(Column("Algorithm"))
    columns.append(Column("Notes"))
    shown = group.entries[:MAX_ROWS]
    rows = (
        _row(entry, thumbnail, with_algorithm=bool(group.ranks))
        for entry, thumbnail in zip(shown, thumbnails, strict=False)
    )
    yield Html("<section>")
    yield tag("h2", "Images, outliers first")
    yield tag("p", _rule(group), class_="note")
    yield table(columns, rows, "Images and their predicted scores")
    yield Html("</section>")


def _rule(group: Group) -> Html:
    """How the order came about, and where all rows are."""
    all_rows = tag("a", group.scores_file, href=group.scores_file)
    some = f"The first {MAX_ROWS} are shown. "
    return page.join(
        "The deviation is the modified z-score, 0.6745 (MOS - median) / MAD, "
        "among the images of the same algorithm if there are at least "
        f"{group_figures.MIN_SCORES}, else among all; beyond "
        f"{group_figures.OUTLIER_LIMIT} an image is called an outlier. ",
        some if len(group.entries) > MAX_ROWS else "",
        "All rows: ",
        all_rows,
    )


def _row(entry: Entry, thumbnail: Html, *, with_algorithm: bool) -> list:
    """One image of the table."""
    link = tag("a", page.breakable(entry.name), href=entry.page)
    deviation: object = entry.deviation
    if entry.deviation is not None and group_figures.is_outlier(
        entry.deviation
    ):
        mark = tag("strong", f"{entry.deviation:.1f} outlier", class_="bad")
        deviation = Cell(mark, entry.deviation)
    cells = [thumbnail, Cell(link, entry.name), entry.mos, deviation]
    if with_algorithm:
        cells.append(_algorithm(entry.algorithm))
    return [*cells, entry.notes]


def _algorithm(name: str) -> Cell:
    """A name that may be broken at its underscores."""
    return Cell(page.breakable(name), name)
