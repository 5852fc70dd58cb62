"""HTML documents in one file: escaped text, no remote loads, light and dark.

>>> str(tag("p", "1 < 2", tag("b", "!"), class_="note"))
'<p class="note">1 &lt; 2<b>!</b></p>'
"""

import base64
import hashlib
import html
import importlib.resources
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from urllib.parse import urlsplit

DISCLAIMER = "Research use only; not a medical device."
_VOID = ("br", "col", "hr", "img", "input", "link", "meta", "wbr")
# Control characters, halves of characters (from names that are no text) and
# marks that turn the direction of what follows, so that a name could pose as
# another.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff"
    "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
_SAFE_SCHEMES = ("", "https")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_RESOURCES = importlib.resources.files("g2npan_tf.report")


class Html(str):
    """A string that is HTML already; any other one is escaped on its way."""

    __slots__ = ()


def escaped(value: object) -> Html:
    """Makes any text harmless inside an element or a quoted attribute.

    Args:
        value: Text, a number, or `Html`, which stays as it is.

    Returns:
        HTML that shows the text; what cannot or must not be shown (control
        characters, marks of direction) is U+FFFD.
    """
    if isinstance(value, Html):
        return value
    return Html(html.escape(_UNSAFE.sub("\ufffd", str(value))))


def breakable(path: str) -> Html:
    """A path that may be broken behind its separators, not within names."""
    return Html(re.sub(r"([/\\\\_])", r"\1<wbr>", escaped(path)))


def join(*parts: object) -> Html:
    """Puts parts behind each other, each escaped unless it is `Html`."""
    return Html("".join(map(escaped, parts)))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Makes one element, of HTML or of SVG.

    Args:
        name: Of the element.
        *children: Text, which is escaped, or `Html`.
        **attributes: Of the element; `_` becomes `-` and at the end vanishes
            (`class_`, `data_sort`). None and False leave an attribute out,
            True is one without a value.

    Returns:
        The element.

    Raises:
        ValueError: If a name is none, an address has a scheme that runs or
            loads something, or a `style` is given, which the policy of
            `document` forbids.
    """
    written = "".join(_attribute(*item) for item in attributes.items())
    if not _NAME.fullmatch(name):
        raise ValueError(f"no name of an element. Received: {name!r}")
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def document(
    title: str,
    *body: object,
    scripts: Iterable[str] = (),
    styles: Iterable[str] = (),
    allow: Mapping[str, str] | None = None,
) -> Html:
    """A whole page in one file.

    Args:
        title: Of the window; the heading is the body's own.
        *body: What the page shows: `Html`, or text, which is escaped.
        scripts: Further scripts of ours, beside the one that sorts tables.
        styles: Further style sheets of ours.
        allow: Sources beyond the policy's, e.g. `{"connect-src": "'self'"}`
            for a page that talks to its own server.

    Returns:
        The document. Its Content-Security-Policy allows no address, the
        styles and scripts above by their digests, and pictures as data.
    """
    parts = document_parts(
        title, body, scripts=scripts, styles=styles, allow=allow
    )
    return Html("".join(parts))


def document_parts(
    title: str,
    body: Iterable[object],
    *,
    scripts: Iterable[str] = (),
    styles: Iterable[str] = (),
    allow: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Yields `document` piece by piece, for bodies that are not in memory."""
    styles, scripts = tuple(styles), tuple(scripts)
    content = policy(scripts=scripts, styles=styles, allow=allow)
    styles = (resource("page.css"), *styles)
    scripts = (resource("page.js"), *scripts)
    yield '<!doctype html>\n<html lang="en">\n<head>\n'
    yield tag("meta", charset="utf-8")
    yield tag("meta", http_equiv="Content-Security-Policy", content=content)
    yield tag("meta", name="viewport", content="width=device-width")
    yield tag("meta", name="referrer", content="no-referrer")
    # Else a browser asks the server for one.
    yield '<link rel="icon" href="data:,">'
    yield tag("title", title)
    yield from (tag("style", Html(_raw(text))) for text in styles)
    yield "\n</head>\n<body>\n<main>\n"
    yield from (escaped(part) for part in body)
    yield "\n</main>\n"
    yield tag("footer", DISCLAIMER)
    yield from (tag("script", Html(_raw(text))) for text in scripts)
    yield "\n</body>\n</html>\n"


def policy(
    *,
    scripts: Iterable[str] = (),
    styles: Iterable[str] = (),
    allow: Mapping[str, str] | None = None,
) -> str:
    """The Content-Security-Policy of `document` with the same arguments."""
    directives = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": " ".join(map(_digest, (resource("page.css"), *styles))),
        "script-src": " ".join(map(_digest, (resource("page.js"), *scripts))),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    for name, sources in (allow or {}).items():
        directives[name] = f"{directives.get(name, '')} {sources}".strip()
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def heading(title: str, subtitle: object = "") -> Html:
    """The page's own heading with a line below it."""
    line = tag("p", subtitle, class_="subtitle") if subtitle else ""
    return tag("header", tag("h1", title), line)


def section(title: str, *children: object) -> Html:
    """A part of a page under a heading of second rank."""
    return tag("section", tag("h2", title), *children)


def definitions(pairs: Mapping[str, object]) -> Html:
    """Names and what they stand for, as a list in two columns."""
    items = (join(tag("dt", k), tag("dd", v)) for k, v in pairs.items())
    return tag("dl", *items)


def resource(name: str) -> str:
    """The text of a file of this package."""
    return _RESOURCES.joinpath(name).read_text(encoding="utf-8")


def _attribute(name: str, value: object) -> str:
    """One attribute with a blank before it, or nothing."""
    name = name.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name) or name == "style" or name.startswith("on"):
        raise ValueError(f"no attribute for this page. Received: {name!r}")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if name in ("href", "src") and not _is_harmless(str(value)):
        raise ValueError(f"an address that loads. Received: {value!r:.80}")
    # Html stays as it is only between elements.
    return f' {name}="{escaped(str(value) + "")}"'


def _is_harmless(address: str) -> bool:
    """Whether an address is relative, a picture as data, or a web page."""
    if address.startswith("data:image/"):
        return True
    return urlsplit(address).scheme in _SAFE_SCHEMES


def _digest(text: str) -> str:
    """How a policy names a style or a script."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
    return f"'sha256-{digest.decode()}'"


def _raw(text: str) -> str:
    """Checks that a style or script cannot end its element."""
    if "</" in text or "<!--" in text:
        raise ValueError("a style or script holds </ or <!--")
    return text
