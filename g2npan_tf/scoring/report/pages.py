"""The pages of a report: one of the group, one of each image."""

import dataclasses
import math
import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import cv2
import numpy as np
from markupsafe import Markup

from g2npan_tf.core import mos
from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.report import plots
from g2npan_tf.report.page import Cell
from g2npan_tf.report.page import Column
from g2npan_tf.report.picture_row import View
from g2npan_tf.scoring import explain
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.report import ranking
from g2npan_tf.scoring.rows import OUTSIDE
from g2npan_tf.scoring.rows import ScoreRow

# More rows than this make a page that no browser likes; the CSV has them all.
MAX_ROWS = 5000
_CAPTIONS = {
    "image": "The image that was scored.",
    "reference": "The best version that the generator makes of this image.",
}
_EDGES = np.linspace(mos.MOS_MIN, mos.MOS_MAX, 17).tolist()


@dataclasses.dataclass(frozen=True)
class Model:
    """What pages say of the model: names and values, and a caution if any."""

    described: Mapping[str, str]
    caution: str


@dataclasses.dataclass(frozen=True)
class Links:
    """Files of other pages, relative to this one; empty: there is none."""

    index: str
    previous: str = ""
    following: str = ""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the group's page says of one scored image.

    The name is its path, with a frame's number; `page` its own page's file.
    The deviation from its like is None if there are too few; algorithm and
    source pair are empty if they are not known, and the interval's ends None.
    """

    name: str
    mos: float
    notes: str
    page: str
    deviation: float | None = None
    algorithm: str = ""
    pair: str = ""
    low: float | None = None
    high: float | None = None
    outside: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """All that the page of a group shows; entries are sorted, outliers first.

    `failed` are names and reasons; there are no ranks if no algorithm is
    known, the rule says how they are; `made` says when and by what.
    """

    entries: Sequence[Entry]
    failed: Sequence[tuple[str, str]]
    ranks: Sequence[ranking.Rank]
    rule: str
    model: Model
    made: str
    title: str = "Quality of fused images"


def group_page(
    group: Group, thumbnails: Iterable[Markup], scores_file: str
) -> Iterator[str]:
    """Yields the page of a group; thumbnails, one an entry, one by one."""
    count = len(group.entries)
    return page.pieces(
        "scoring/report/group.html",
        f"{group.title}: {count} image{'s' * (count != 1)}",
        styles=["scoring/report/group.css"],
        group=group,
        figures=_figures(group),
        plots=_plots(group),
        ranking=_ranking(group.ranks) if group.ranks else None,
        failed=_failed(group.failed) if group.failed else None,
        images=_images(group, thumbnails),
        min_scores=ranking.MIN_SCORES,
        outlier_limit=ranking.OUTLIER_LIMIT,
        max_rows=MAX_ROWS,
        scores_file=scores_file,
    )


def image_page(
    row: ScoreRow,
    assessment: Assessment,
    pixels: np.ndarray,
    model: Model,
    links: Links,
) -> str:
    """Makes the page of one image that has a score (uint8 RGB)."""
    folder, name = os.path.split(row.path)
    return page.render(
        "scoring/report/image.html",
        f"MOS {assessment.mos:.2f}: {row.path}",
        styles=["scoring/report/image.css"],
        links=links,
        name=name,
        folder=folder,
        model=model,
        mos=assessment.mos,
        low=row.mos_low,
        high=row.mos_high,
        lowest=round(mos.MOS_MIN),
        highest=round(mos.MOS_MAX),
        outside=OUTSIDE if OUTSIDE in row.notes else "",
        notes=[note for note in row.notes if note != OUTSIDE],
        views=[
            (view.title, _picture(view, pixels.shape), _caption(view))
            for view in explain.views(assessment, pixels)
        ],
    )


def _figures(group: Group) -> dict[str, str]:
    scores = [entry.mos for entry in group.entries]
    outliers = sum(ranking.is_outlier(x.deviation) for x in group.entries)
    figures = {"images scored": str(len(scores))}
    if scores:
        figures["median MOS"] = f"{np.median(scores):.2f}"
        figures["lowest to highest"] = f"{min(scores):.2f} to {max(scores):.2f}"
        figures["outliers"] = str(outliers)
    figures["without a score"] = str(len(group.failed))
    return figures


def _plots(group: Group) -> list[plots.Plot]:
    if not group.entries:
        return []
    drawn = [
        plots.histogram(
            [entry.mos for entry in group.entries],
            _EDGES,
            title="Predicted scores",
            x_label="predicted MOS (1 worst, 5 best)",
        )
    ]
    if group.ranks:
        ends = [
            [math.nan if end is None else end for end in (rank.low, rank.high)]
            for rank in group.ranks
        ]
        means = [rank.mean for rank in group.ranks]
        low, high = zip(*ends, strict=True)
        drawn.append(
            plots.bars(
                [rank.algorithm for rank in group.ranks],
                [plots.Bars("", means, low, high)],
                title="Algorithms",
                label="mean predicted MOS, 95 % interval",
                value_range=(mos.MOS_MIN, mos.MOS_MAX),
            )
        )
    return drawn


def _ranking(ranks: Sequence[ranking.Rank]) -> page.Table:
    columns = (
        Column("Algorithm"),
        Column("Mean MOS", digits=2, descending=True),
        Column("95 % interval", digits=2, descending=True),
        Column("Mean rank", digits=2),
        Column("Images", digits=0, descending=True),
    )
    rows = [
        (
            _algorithm(rank.algorithm),
            rank.mean,
            None
            if rank.low is None
            else Cell(f"{rank.low:.2f} to {rank.high:.2f}", rank.low),
            rank.mean_place,
            rank.count,
        )
        for rank in ranks
    ]
    return page.Table(columns, rows, "Algorithms by mean predicted MOS")


def _failed(failed: Sequence[tuple[str, str]]) -> page.Table:
    bad = Markup('<span class="bad">{}</span>')
    rows = [
        (page.breakable(name), bad.format(reason))
        for name, reason in failed[:MAX_ROWS]
    ]
    columns = (Column("Image"), Column("Reason"))
    return page.Table(columns, rows, f"{len(failed)} without a score")


def _images(group: Group, thumbnails: Iterable[Markup]) -> page.Table:
    columns = [
        Column("Picture", sortable=False),
        Column("Image"),
        Column("MOS", digits=2, descending=True),
        *(
            [Column("90 % interval", digits=2, descending=True)]
            if _has_intervals(group)
            else []
        ),
        Column("Deviation", digits=1, descending=True),
        *([Column("Algorithm")] if group.ranks else []),
        Column("Notes"),
    ]
    rows = (
        _row(
            entry,
            thumbnail,
            with_algorithm=bool(group.ranks),
            with_interval=_has_intervals(group),
        )
        for entry, thumbnail in zip(
            group.entries[:MAX_ROWS], thumbnails, strict=False
        )
    )
    return page.Table(columns, rows, "Images and their predicted scores")


def _has_intervals(group: Group) -> bool:
    """Whether the model gives them."""
    return any(entry.low is not None for entry in group.entries)


def _row(
    entry: Entry,
    thumbnail: Markup,
    *,
    with_algorithm: bool,
    with_interval: bool,
) -> list:
    """One image of the table."""
    link = Markup('<a href="{}">{}</a>').format(
        entry.page, page.breakable(entry.name)
    )
    deviation: object = entry.deviation
    if entry.deviation is not None and ranking.is_outlier(entry.deviation):
        mark = Markup('<strong class="bad">{:.1f} outlier</strong>')
        deviation = Cell(mark.format(entry.deviation), entry.deviation)
    algorithm = [_algorithm(entry.algorithm)] if with_algorithm else []
    name = Cell(link, entry.name)
    interval: list[Cell | None] = [None] if with_interval else []
    if entry.low is not None and entry.high is not None:
        words = f"{entry.low:.2f} to {entry.high:.2f}"
        interval = [Cell(words, entry.low)]
    numbers = [entry.mos, *interval, deviation]
    return [thumbnail, name, *numbers, *algorithm, _notes(entry)]


def _notes(entry: Entry) -> Cell | str:
    """What there is to say of an image; first that it is outside."""
    if not entry.outside:
        return entry.notes
    mark = Markup('<strong class="bad">outside</strong>{}')
    return Cell(mark.format(entry.notes.removeprefix("outside")), entry.notes)


def _algorithm(name: str) -> Cell:
    """A name that may be broken at its underscores."""
    return Cell(page.breakable(name), name)


def _caption(view: View) -> str:
    """What stands below a picture: its scale, or a sentence."""
    if view.bar is None:
        return _CAPTIONS[view.name]
    colours, high, label, mark = dataclasses.astuple(view.bar)
    return page.colour_bar(
        colours, "0", f"{high:.2f}", label, mark and mark / high
    )


def _picture(view: View, shape: tuple[int, ...]) -> Markup:
    """A view without the squeeze of an image that is not square."""
    pixels, (height, width) = view.pixels, shape[:2]
    if height != width and pixels.shape != shape:
        longest = min(max(pixels.shape[0], height, width), pictures.LONGEST)
        factor = longest / max(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return page.picture(pixels, view.title, exact=view.name == "image")
