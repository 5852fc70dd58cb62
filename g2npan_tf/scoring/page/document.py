"""The page itself: one document with our own script and style inside."""

import importlib.resources
from typing import Any

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.images.limits import Limits
from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.scoring.page import upload

_RESOURCES = importlib.resources.files("g2npan_tf.scoring.page")
TITLE = "Quality of fused medical images"


def render(
    facts: dict[str, str], token: str, limits: Limits, caution: str
) -> str:
    """Makes the page.

    Args:
        facts: What it tells of the model, name by name.
        token: What every upload must bear.
        limits: Of one upload, so that the page need not try in vain.
        caution: What must be known of the model first; may be empty.

    Returns:
        The HTML document.
    """
    scale = (
        f"Predicted mean opinion score (MOS) without a reference, from "
        f"{mos.MOS_MIN:.0f} (worst) to {mos.MOS_MAX:.0f} (best)."
    )
    settings = page.tag(
        "div",
        id="settings",
        hidden="",
        data_token=token,
        data_max_bytes=limits.max_bytes,
        data_pictured=upload.MAX_PICTURED,
        data_low=mos.MOS_MIN,
        data_high=mos.MOS_MAX,
    )
    warning = page.tag("p", caution, class_="warning") if caution else ""
    return page.document(
        TITLE,
        page.heading(TITLE, scale),
        warning,
        settings,
        page.Html(_body()),
        page.section("The model", page.definitions(facts)),
        **_ours(),
    )


def policy() -> str:
    """The Content-Security-Policy of the page, for the server's header."""
    return f"{page.policy(**_ours())}; frame-ancestors 'none'"


def _ours() -> dict[str, Any]:
    """Our script, our style, and leave to talk to our own server."""
    return {
        "scripts": [_text("app.js")],
        "styles": [_text("app.css")],
        "allow": {"connect-src": "'self'"},
    }


def _body() -> str:
    """The part that never changes, with the colours of the two scales."""
    text = _text("body.html")
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None]
    for name, colours in (
        ("VIRIDIS", pictures.VIRIDIS),
        ("MAGMA", pictures.MAGMA),
    ):
        address = pictures.data_uri(pictures.coloured(ramp, colours))
        text = text.replace(f"{{{name}}}", address)
    return text


def _text(name: str) -> str:
    """The text of a file of this package."""
    return _RESOURCES.joinpath(name).read_text(encoding="utf-8")
