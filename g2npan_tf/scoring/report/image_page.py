"""The page of one image: its score on the scale and the maps behind it."""

import dataclasses
import os
from collections.abc import Sequence

import cv2
import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.rows import ScoreRow

_SCALE_WIDTH = 440
_SCALE_MARGIN = 24


@dataclasses.dataclass(frozen=True)
class Links:
    """Files of other pages, relative to this one; empty: there is none."""

    index: str
    previous: str = ""
    following: str = ""


def render(
    row: ScoreRow,
    assessment: Assessment,
    pixels: np.ndarray,
    card: Html,
    warning: Html,
    links: Links,
) -> Html:
    """Makes the page of one image.

    Args:
        row: Of the image, with a score.
        assessment: With the maps that the model has.
        pixels: The image. uint8 `[height, width, 3]`, RGB.
        card: What is said of the model.
        warning: What must be known of its readers; may be empty.
        links: To the other pages.

    Returns:
        The HTML document.
    """
    views = [_fused(pixels), *_maps(assessment, pixels)]
    folder, name = os.path.split(row.path)
    return page.document(
        f"MOS {assessment.mos:.2f}: {row.path}",
        _navigation(links),
        page.heading(page.breakable(name), page.breakable(folder)),
        warning,
        _score(assessment.mos, row.notes),
        page.section(
            "What the score rests on", tag("div", *views, class_="views")
        ),
        page.section("The model", card),
        styles=[page.resource("views.css")],
    )


def _score(value: float, notes: Sequence[str]) -> Html:
    """The score in large digits and on its scale."""
    said = f" of {mos.MOS_MAX:.0f}: predicted mean opinion score (MOS)"
    number = tag("p", tag("span", f"{value:.2f}", class_="score"), said)
    read = f"How the file was read: {'; '.join(notes)}."
    note = tag("p", read, class_="note") if notes else ""
    return tag("div", number, scale(value), note, class_="card")


def scale(value: float) -> Html:
    """The scale of the scores with a mark at one of them.

    Args:
        value: MOS, range [1, 5].

    Returns:
        A drawing.
    """
    low, high = mos.MOS_MIN, mos.MOS_MAX

    def x(score: float) -> float:
        inner = _SCALE_WIDTH - 2 * _SCALE_MARGIN
        return round(_SCALE_MARGIN + (score - low) / (high - low) * inner, 1)

    parts = [line(x(low), 26, x(high), 26, "axis")]
    for tick in range(round(low), round(high) + 1):
        parts.append(line(x(tick), 22, x(tick), 30, "axis"))
        parts.append(text(str(tick), x(tick), 44, "tick", "middle"))
    for end, word in ((low, "worst"), (high, "best")):
        parts.append(text(word, x(end), 58, "tick", "middle"))
    place = x(min(max(value, low), high))
    parts.append(tag("path", d=f"M{place} 25l-8 -15h16z", class_="mark"))
    said = f"{value:.2f} on a scale from {low:.0f} (worst) to {high:.0f} (best)"
    return tag(
        "svg",
        tag("title", said),
        *parts,
        viewBox=f"0 0 {_SCALE_WIDTH} 64",
        role="img",
        class_="plot",
    )


def _navigation(links: Links) -> Html:
    """Links to the group and to the neighbours."""
    items = [tag("a", "All images", href=links.index)]
    if links.previous:
        items.append(tag("a", "Previous", href=links.previous, rel="prev"))
    if links.following:
        items.append(tag("a", "Next", href=links.following, rel="next"))
    return tag("nav", *items, aria_label="Pages")


def _fused(pixels: np.ndarray) -> Html:
    """The image itself."""
    shown = page.picture(pixels, "Fused image")
    return _view("Fused image", shown, "The image that was scored.")


def _maps(assessment: Assessment, pixels: np.ndarray) -> list[Html]:
    """The pictures that the model gives; without a GAN only the CAM."""
    shape = pixels.shape[:2]
    views = []
    if assessment.reference is not None:
        title = "Generated reference"
        reference = _in_shape(assessment.reference, shape)
        shown = page.picture(reference, title, exact=False)
        caption = "The best version that the generator makes of this image."
        views.append(_view(title, shown, caption))
    if assessment.nuance is not None:
        views.append(_nuance(assessment.nuance, shape))
    if assessment.cam is not None:
        drawn = pictures.overlay(assessment.cam, pixels)
        said = "Local quality over the image in grey"
        shown = page.picture(drawn, said, exact=False)
        bar = page.colour_bar(
            pictures.VIRIDIS,
            "0 worst",
            "1 best",
            "Local quality, which adds up to the score (mark)",
            assessment.quality,
        )
        views.append(_view("Local quality (CAM)", shown, bar))
    return views


def _nuance(nuance: np.ndarray, shape: tuple[int, int]) -> Html:
    """What differs from the generated reference."""
    drawn, high = pictures.nuance_colours(nuance)
    said = "Difference from the generated reference"
    shown = page.picture(_in_shape(drawn, shape), said, exact=False)
    label = "|reference - image|, as a share of full range"
    bar = page.colour_bar(pictures.MAGMA, "0", f"{high:.2f}", label)
    return _view("Nuance", shown, bar)


def _in_shape(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Undoes the squeeze of an image that is not square."""
    height, width = shape
    pixels = pictures.to_uint8(pixels)
    if height == width:
        return pixels
    longest = min(max(pixels.shape[0], height, width), pictures.LONGEST)
    factor = longest / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST_EXACT)


def _view(title: str, shown: Html, caption: object) -> Html:
    """A picture under its title."""
    return tag("figure", tag("h3", title), shown, tag("figcaption", caption))


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    """A straight line."""
    return tag("path", d=f"M{x1:g} {y1:g}L{x2:g} {y2:g}", class_=kind)


def text(content: str, x: float, y: float, kind: str, anchor: str) -> Html:
    """A line of text; its anchor is start, middle or end."""
    return tag(
        "text",
        content,
        x=f"{x:g}",
        y=f"{y:g}",
        class_=kind,
        text_anchor=anchor,
    )
