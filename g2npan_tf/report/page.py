"""Pages in one file from Jinja2 templates: escaped, nothing remote.

A room's template stands beside its module, extends
`report/templates/page.html` and fills the block `main`; names of templates,
styles and scripts are paths within `g2npan_tf`.
"""

import base64
import dataclasses
import functools
import hashlib
import importlib.resources
import math
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import jinja2
import numpy as np
from markupsafe import Markup
from markupsafe import escape

from g2npan_tf.report import pictures

DISCLAIMER = "Research use only; not a medical device."
# Control characters, halves of characters (from names that are no text) and
# marks that turn the direction of what follows, so that a name could pose as
# another.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff"
    "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
_PACKAGE = importlib.resources.files("g2npan_tf")
_STYLE = "report/templates/page.css"
_SCRIPT = "report/templates/page.js"


def plain(text: str) -> str:
    """Replaces what cannot or must not be shown by U+FFFD."""
    return _UNSAFE.sub("\ufffd", text)


def render(template: str, title: str, **values: Any) -> str:
    """Makes a page; the arguments are those of `pieces`."""
    return "".join(pieces(template, title, **values))


def pieces(
    template: str,
    title: str,
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    allow: Mapping[str, str] | None = None,
    **values: Any,
) -> Iterator[str]:
    """Yields a page piece by piece, for tables that are not in memory.

    Args:
        template: Path within `g2npan_tf`, as "scoring/report/group.html".
        title: Of the window; the heading is the template's own.
        styles: Files beside the page's own style, likewise named.
        scripts: Files beside the script that sorts tables.
        allow: Sources beyond the policy's, e.g. `{"connect-src": "'self'"}`
            for a page that talks to its own server.
        **values: What the template shows.
    """
    return (
        _environment()
        .get_template(template)
        .generate(
            title=title,
            policy=policy(styles=styles, scripts=scripts, allow=allow),
            styles=(_STYLE, *styles),
            scripts=(_SCRIPT, *scripts),
            disclaimer=DISCLAIMER,
            **values,
        )
    )


def policy(
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    allow: Mapping[str, str] | None = None,
) -> str:
    """The Content-Security-Policy of a page with the same arguments.

    It allows no address, styles and scripts by their digests, and pictures
    as data.
    """
    directives = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": " ".join(map(_digest, (_STYLE, *styles))),
        "script-src": " ".join(map(_digest, (_SCRIPT, *scripts))),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    for name, sources in (allow or {}).items():
        directives[name] = f"{directives.get(name, '')} {sources}".strip()
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def breakable(path: str) -> Markup:
    """A path that may be broken behind its separators, not within names."""
    return Markup(re.sub(r"([/\\_])", r"\1<wbr>", str(escape(plain(path)))))


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading, with the unit if there is one.
        digits: Digits behind the point of its numbers; None: a column of text.
        sortable: Whether a click sorts by it (pictures have no order).
        descending: Whether the first click sorts from the largest.
        explanation: Shown when the pointer rests on the heading.
    """

    title: str
    digits: int | None = None
    sortable: bool = True
    descending: bool = False
    explanation: str = ""

    @property
    def kind(self) -> str:
        """What it holds: the class of its cells."""
        if not self.sortable:
            return "none"
        return "text" if self.digits is None else "number"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell that shows something else than it is sorted by.

    Attributes:
        content: Text, or what has its own HTML.
        order: A number, a text, or None to be last.
    """

    content: object
    order: float | str | None


@dataclasses.dataclass(frozen=True)
class Table:
    """A table that sorts by a click, in a box that scrolls if it must.

    `{{ table }}` in a template writes it.

    Attributes:
        columns: From left to right.
        rows: Cells of each row, as many as columns: text, numbers, `Cell`,
            what has its own HTML, or None for an empty one, which sorts last.
        caption: What the table shows, also read by screen readers.
    """

    columns: Sequence[Column]
    rows: Iterable[Sequence[object]]
    caption: str = ""

    def __html__(self) -> Markup:
        """The element."""
        template = _environment().get_template("report/templates/table.html")
        return Markup(template.render(table=self))

    def cells(
        self, row: Sequence[object]
    ) -> Iterator[tuple[str, object, object]]:
        """Yields kind, content (rounded) and, if it is another, sorting key."""
        for column, value in zip(self.columns, row, strict=True):
            order: object = None
            if isinstance(value, Cell):
                order = "" if value.order is None else value.order
                value = value.content
            if value is None or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                value, order = "\u2013", ""
            elif column.digits is not None and isinstance(value, int | float):
                order = value if order is None else order
                value = f"{value:.{column.digits}f}"
            yield column.kind, value, order


def picture(
    pixels: np.ndarray,
    description: str,
    longest: int = pictures.LONGEST,
    *,
    exact: bool = True,
) -> Markup:
    """An `img` that holds its pixels.

    Args:
        pixels: RGB `[height, width, 3]`, uint8 or float of range [0, 1].
        description: What is seen, for those who do not see it.
        longest: Larger pictures are shrunk to this side in pixels.
        exact: Whether small pictures keep every pixel; else all are JPEG.
    """
    pixels = pictures.shrunk(pictures.to_uint8(pixels), longest)
    height, width = pixels.shape[:2]
    address = pictures.data_uri(pixels, pictures.MAX_PNG_BYTES if exact else 0)
    return part("picture", address, description, width, height)


def colour_bar(
    colour_map: int, low: str, high: str, label: str, mark: float | None = None
) -> Markup:
    """The scale of a coloured picture.

    Args:
        colour_map: `pictures.VIRIDIS` or `pictures.MAGMA`.
        low: Value of the first colour, as text.
        high: Value of the last one.
        label: What the colours mean, with the unit.
        mark: Where this image is between 0 (low) and 1 (high).
    """
    address = pictures.ramp_uri(colour_map)
    place = None if mark is None else min(max(mark, 0.0), 1.0)
    return part("colour_bar", address, low, high, label, place)


def part(name: str, *values: object) -> Markup:
    """What a macro of `templates/parts.html` makes."""
    parts = _environment().get_template("report/templates/parts.html").module
    return getattr(parts, name)(*values)


@functools.cache
def _environment() -> jinja2.Environment:
    """Where every template of the package is compiled."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("g2npan_tf", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "address": _address,
        "breakable": breakable,
        "resource": _resource,
    }
    return environment


def _finalized(value: Any) -> Any:
    """Every value on its way into a page, just before it is escaped."""
    if hasattr(value, "__html__"):
        return Markup(plain(str(value.__html__())))
    return plain(str(value))


def _address(value: str) -> str:
    """Refuses what is neither relative, nor a picture as data, nor a page."""
    is_picture = value.startswith("data:image/")
    if not is_picture and urlsplit(value).scheme not in ("", "https"):
        raise ValueError(f"an address that loads. Received: {value!r:.80}")
    return value


def _resource(name: str) -> Markup:
    """A style or script of ours, which must not end its element."""
    text = _source(name)
    if "</" in text or "<!--" in text:
        raise ValueError(f"{name} holds </ or <!--")
    return Markup(text)


def _digest(name: str) -> str:
    """How a policy names a style or a script."""
    digest = hashlib.sha256(_source(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@functools.cache
def _source(name: str) -> str:
    """The text of a file of the package."""
    return _PACKAGE.joinpath(name).read_text(encoding="utf-8")
