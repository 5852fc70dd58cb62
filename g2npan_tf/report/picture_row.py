"""Draws pictures in a row, with titles and colour bars, as a PNG.

Not by matplotlib, which takes five times as long for the thousands of rows
that `--explain` may draw.
"""

import dataclasses
import io
import unicodedata

import cv2
import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from g2npan_tf.report.pictures import coloured

# Layout in pixels; a bar and its numbers stand in the space below a picture.
_COLUMN = 384
_GAP = 30
_HEADER_SPACE = 120
_BAR_SPACE = 102
_BAR_TOP = 26
_BAR_HEIGHT = 16
_TICK_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
_MAX_TICKS = 8
_INK = "#1a1a1a"
_FAINT = "#666666"
# An image that is drawn at least so many times as large shows its pixels.
_WHOLE_PIXELS = 3
# The font that comes with Pillow, the same on every machine.
_font = ImageFont.load_default


@dataclasses.dataclass(frozen=True)
class Bar:
    """A colour bar from 0 to `high`, and where this image is on it.

    Attributes:
        colours: `VIRIDIS` or `MAGMA`.
        high: Value of the last colour.
        label: What the values mean.
        mark: A value to point at.
    """

    colours: int
    high: float
    label: str
    mark: float | None = None


@dataclasses.dataclass(frozen=True)
class View:
    """One picture of a row, RGB, uint8 `[height, width, 3]`.

    Its name is that of its file, its bar says what its colours mean.
    """

    name: str
    title: str
    pixels: np.ndarray
    bar: Bar | None = None


def encode_png(pixels: np.ndarray) -> bytes:
    """Encodes uint8 RGB as the bytes of a PNG, compressed fast."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def draw_row(
    views: list[View], shape: tuple[int, int], title: str, name: str
) -> bytes:
    """Draws pictures side by side above their bars, as the bytes of a PNG.

    Args:
        views: Pictures of any sizes; all are drawn in one shape.
        shape: Height and width of the image that they speak of.
        title: The headline.
        name: The line below it; shortened to fit.
    """
    tall = round(_COLUMN * min(max(shape[0] / shape[1], 0.4), 1.6))
    width = len(views) * (_COLUMN + _GAP) + _GAP
    size = (width, _HEADER_SPACE + tall + _BAR_SPACE)
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    draw.text(
        (_GAP, 26), title, _INK, _font(26), stroke_width=0.6, stroke_fill=_INK
    )
    line = _legible(name, 45 * len(views))
    draw.text((_GAP, 63), line, _FAINT, _font(15))
    for column, view in enumerate(views):
        left = _GAP + column * (_COLUMN + _GAP)
        center = (left + _COLUMN / 2, _HEADER_SPACE - 8)
        draw.text(center, view.title, _INK, _font(18), anchor="ms")
        picture = Image.fromarray(_fitted(view.pixels, shape, tall))
        over = (_COLUMN - picture.width) // 2, (tall - picture.height) // 2
        page.paste(picture, (left + over[0], _HEADER_SPACE + over[1]))
        if view.bar:
            top = _HEADER_SPACE + tall + _BAR_TOP
            _draw_bar(page, (left, top), view.bar)
    return encode_png(np.asarray(page))


def _fitted(
    pixels: np.ndarray, shape: tuple[int, int], tall: int
) -> np.ndarray:
    """Brings a picture to the shape of the image, as large as fits."""
    factor = min(_COLUMN / shape[1], tall / shape[0])
    size = (max(1, round(shape[1] * factor)), max(1, round(shape[0] * factor)))
    growth = size[0] / pixels.shape[1]
    method = cv2.INTER_AREA if growth < 1 else cv2.INTER_LINEAR
    if growth >= _WHOLE_PIXELS:
        method = cv2.INTER_NEAREST_EXACT
    return cv2.resize(pixels, size, interpolation=method)


def _draw_bar(page: Image.Image, corner: tuple[int, int], bar: Bar) -> None:
    left, top = corner
    bottom = top + _BAR_HEIGHT
    ramp = np.tile(np.linspace(0, 1, _COLUMN), (_BAR_HEIGHT, 1))
    page.paste(Image.fromarray(coloured(ramp, bar.colours)), corner)
    draw = ImageDraw.Draw(page)
    draw.rectangle((left, top, left + _COLUMN - 1, bottom), outline=_INK)
    for value in _ticks(bar.high):
        x = left + round(value / bar.high * (_COLUMN - 1))
        draw.line((x, bottom, x, bottom + 5), _INK)
        draw.text((x, bottom + 19), f"{value:.4g}", _INK, _font(13), "ms")
    label = (left + _COLUMN / 2, bottom + 42)
    draw.text(label, bar.label, _INK, _font(15), anchor="ms")
    if bar.mark is not None:
        x = left + round(bar.mark / bar.high * (_COLUMN - 1))
        above = top - 3
        corners = ((x - 6, above - 10), (x + 6, above - 10), (x, above))
        draw.polygon(corners, _INK)


def _ticks(high: float) -> list[float]:
    """Round numbers from 0 to about `high`, at most nine."""
    step = next(
        (step for step in _TICK_STEPS if high / step <= _MAX_TICKS),
        _TICK_STEPS[-1],
    )
    return [round(i * step, 2) for i in range(int(high / step + 1e-6) + 1)]


def _legible(name: str, length: int) -> str:
    """Shortens a name in its middle; the font has printable ASCII alone."""
    signs = unicodedata.normalize("NFKD", name)
    name = "".join(
        sign if sign.isascii() and sign.isprintable() else "?"
        for sign in signs
        if not unicodedata.combining(sign)
    )
    if len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
