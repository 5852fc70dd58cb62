"""Text of plots that is drawn as it stands, in whatever script."""

import contextlib
import re
import sys
import warnings
from collections.abc import Iterator

import matplotlib
from matplotlib import font_manager

# Parts of the names of fonts that hold more scripts than matplotlib's own.
_WIDE = (
    "CJK",
    "Noto Sans",
    "Fallback",
    "WenQuanYi",
    "YaHei",
    "SimHei",
    "Hiragino",
    "PingFang",
    "Malgun",
    "Arial Unicode",
    "Unifont",
)
_MISSING = re.compile(r"Glyph (\d+)")


@contextlib.contextmanager
def plain_text() -> Iterator[None]:
    """Draws names that others gave: `$` is no formula, scripts have a font.

    Yields:
        Nothing; figures are made and saved in the block. Signs that no font
        here has are boxes, which is told in one line.
    """
    names = {font.name for font in font_manager.fontManager.ttflist}
    wide = sorted(name for name in names if any(w in name for w in _WIDE))
    families = ["DejaVu Sans", *wide]
    with (
        matplotlib.rc_context(
            {"text.parse_math": False, "font.family": families}
        ),
        warnings.catch_warnings(record=True) as caught,
    ):
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
