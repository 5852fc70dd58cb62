"""The page itself: one document with our own script and style inside."""

from typing import Any

from g2npan_tf.core import mos
from g2npan_tf.images.limits import Limits
from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.scoring.page import upload

# Our script, our style, and leave to talk to our own server.
_OURS: dict[str, Any] = {
    "scripts": ["scoring/page/app.js"],
    "styles": ["scoring/page/app.css"],
    "allow": {"connect-src": "'self'"},
}


def render(
    facts: dict[str, str], token: str, limits: Limits, caution: str
) -> str:
    """Makes the page.

    Args:
        facts: What it says of the model, name by name.
        token: What every upload must bear.
        limits: Of one upload, so that the page need not try in vain.
        caution: What must be known of the model first; may be empty.
    """
    return page.render(
        "scoring/page/page.html",
        "Quality of fused medical images",
        facts=facts,
        token=token,
        limits=limits,
        caution=caution,
        max_pictured=upload.MAX_PICTURED,
        low=mos.MOS_MIN,
        high=mos.MOS_MAX,
        viridis=pictures.ramp_uri(pictures.VIRIDIS),
        magma=pictures.ramp_uri(pictures.MAGMA),
        **_OURS,
    )


def policy() -> str:
    """The Content-Security-Policy of the page, for the server's header."""
    return f"{page.policy(**_OURS)}; frame-ancestors 'none'"
