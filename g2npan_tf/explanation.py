"""Draws what a score rests on: CAM, generated reference and nuance."""

import dataclasses
import io
import pathlib
import warnings

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from g2npan_tf import mos
from g2npan_tf.assessor import Assessment
from g2npan_tf.atomic_file import written_aside

# Longest side of a drawn image in pixels; more does not show in a panel.
DISPLAY_SIZE = 768
_CAM_COLOURS = "viridis"
_NUANCE_COLOURS = "magma"
# A weaker nuance than this is not stretched over the whole colour scale.
_NUANCE_FLOOR = 0.05
# Layout of the pictures in inches.
_COLUMN = 3.2
_GAP = 0.25
_BAR_SPACE = 0.85
_HEADER_SPACE = 1.0
_INK = "#1a1a1a"
_FAINT = "#666666"


@dataclasses.dataclass(frozen=True)
class _Bar:
    """A colour bar: its map, what its ends mean, and where this image is."""

    colours: str
    high: float
    label: str
    mark: float | None = None


@dataclasses.dataclass(frozen=True)
class _View:
    """One picture of the panel; float RGB 0..1 or uint8 RGB."""

    name: str
    title: str
    pixels: np.ndarray
    bar: _Bar | None = None


def save_explanation(
    assessment: Assessment,
    pixels: np.ndarray,
    directory: pathlib.Path,
    stem: str,
) -> list[pathlib.Path]:
    """Writes the maps of one image and a panel of all of them as PNG.

    `<stem>_cam.png` is the CAM over the grey image, `<stem>_reference.png`
    the generated reference as it is, `<stem>_nuance.png` the nuance averaged
    over the channels, `<stem>_panel.png` everything side by side. The CAM's
    colours always span 0..1, so that pictures compare; those of the nuance
    span 0 to the number at its bar.

    Args:
        assessment: From `Assessor.explain`. Maps that it lacks are left out.
        pixels: The image that was scored. uint8 `[height, width, 3]`, RGB.
        directory: An existing folder. Files of the same name are replaced.
        stem: Start of the files' names, without a suffix.

    Returns:
        The files that were written, each whole or not at all.
    """
    pixels = shrink(pixels)
    views = _views(assessment, pixels)
    shape = pixels.shape[:2]
    title = f"Predicted MOS {assessment.mos:.2f} of {mos.MOS_MAX:.0f}"
    pictures = {"panel": _figure(views, shape, title, stem)}
    for view in views:
        if view.bar:
            pictures[view.name] = _figure([view], shape, title, stem)
    if assessment.reference is not None:
        pictures["reference"] = _encode(assessment.reference)
    paths = []
    for name, data in pictures.items():
        path = directory / f"{stem}_{name}.png"
        with written_aside(path) as aside:
            aside.write_bytes(data)
        paths.append(path)
    return paths


def shrink(pixels: np.ndarray, longest: int = DISPLAY_SIZE) -> np.ndarray:
    """Limits the longer side of an image, keeping its shape.

    Args:
        pixels: uint8 `[height, width, 3]`.
        longest: New length of the longer side in pixels, if it is above.

    Returns:
        uint8 `[height, width, 3]`, averaged over areas.
    """
    height, width = pixels.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def overlay(cam: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Lays the colours of the local quality over the image in grey.

    The grey is stretched to white, so that dark images show their anatomy
    too; black background keeps the colours, since the CAM speaks of it too.

    Args:
        cam: Local quality. Float `[rows, columns]`, range [0, 1].
        pixels: uint8 `[height, width, 3]`, RGB.

    Returns:
        Float `[height, width, 3]`, RGB, range [0, 1].
    """
    height, width = pixels.shape[:2]
    smooth = cv2.resize(
        cam.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    colours = colormaps[_CAM_COLOURS](np.clip(smooth, 0, 1))[..., :3]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    return 0.7 * colours + 0.3 * grey / max(int(grey.max()), 1)


def _views(assessment: Assessment, pixels: np.ndarray) -> list[_View]:
    """The pictures of a panel, from left to right."""
    views = [_View("image", "Image", pixels)]
    if assessment.reference is not None:
        title = "Generated reference"
        views.append(_View("reference", title, assessment.reference))
    if assessment.nuance is not None:
        views.append(_nuance_view(assessment.nuance))
    if assessment.cam is not None:
        label = "local quality, 1 = good (▾ this image)"
        bar = _Bar(_CAM_COLOURS, 1.0, label, assessment.quality)
        drawn = overlay(assessment.cam, pixels)
        views.append(_View("cam", "Where it is good (CAM)", drawn, bar))
    return views


def _nuance_view(nuance: np.ndarray) -> _View:
    """The nuance, averaged over the channels, from 0 to its maximum."""
    mean = nuance.mean(axis=-1)
    high = max(float(mean.max()), _NUANCE_FLOOR)
    colours = colormaps[_NUANCE_COLOURS](mean / high)[..., :3]
    bar = _Bar(_NUANCE_COLOURS, high, "|reference - image|, 1 = full range")
    return _View("nuance", "What differs (nuance)", colours, bar)


def _figure(
    views: list[_View], shape: tuple[int, int], title: str, name: str
) -> bytes:
    """Draws the views in a row above their bars, as the bytes of a PNG."""
    # All lengths are inches, from the lower left corner.
    tall = _COLUMN * min(max(shape[0] / shape[1], 0.4), 1.6)
    width = len(views) * (_COLUMN + _GAP) + _GAP
    height = _BAR_SPACE + tall + _HEADER_SPACE
    figure = Figure(figsize=(width, height), facecolor="white")

    def place(column: int, bottom: float, box_height: float) -> Axes:
        left = _GAP + column * (_COLUMN + _GAP)
        box = (left / width, bottom / height)
        size = (_COLUMN / width, box_height / height)
        return figure.add_axes((*box, *size))

    for column, view in enumerate(views):
        _draw_view(place(column, _BAR_SPACE, tall), view, shape)
        if view.bar:
            _draw_bar(figure, place(column, 0.5, 0.13), view.bar)
    _draw_header(figure, title, _legible(name, 45 * len(views)))
    return _render(figure)


def _draw_header(figure: Figure, title: str, name: str) -> None:
    """Writes the score and below it the image's name."""
    width, height = figure.get_size_inches()
    left = _GAP / width
    figure.text(
        left, 1 - 0.4 / height, title, size=15, weight="bold", color=_INK
    )
    # A dollar sign in a file's name is no mathematics.
    figure.text(
        left, 1 - 0.64 / height, name, size=9, color=_FAINT, parse_math=False
    )


def _legible(name: str, length: int) -> str:
    """Shortens a name in its middle and replaces what cannot be drawn."""
    name = "".join(sign if sign.isprintable() else "?" for sign in name)
    if len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _draw_view(axes: Axes, view: _View, shape: tuple[int, int]) -> None:
    """Draws one picture in the shape of the image, without axes."""
    height, width = shape
    axes.imshow(view.pixels, extent=(0, width, height, 0))
    axes.set_title(view.title, size=11, color=_INK)
    axes.set_axis_off()


def _draw_bar(figure: Figure, axes: Axes, bar: _Bar) -> None:
    """Draws a horizontal colour bar and this image's mark on it."""
    scale = ScalarMappable(Normalize(0, bar.high), colormaps[bar.colours])
    figure.colorbar(scale, cax=axes, orientation="horizontal")
    axes.set_xlabel(bar.label, size=9, color=_INK)
    axes.tick_params(labelsize=8, colors=_INK)
    if bar.mark is not None:
        axes.plot(
            [bar.mark], [1.35], "v", color=_INK, markersize=6, clip_on=False
        )


def _render(figure: Figure) -> bytes:
    """Renders a figure; what its fonts cannot show is left as boxes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        options = {"compress_level": 3}
        figure.savefig(buffer, format="png", dpi=120, pil_kwargs=options)
    return buffer.getvalue()


def _encode(pixels: np.ndarray) -> bytes:
    """Encodes float RGB 0..1 as the bytes of a PNG."""
    buffer = io.BytesIO()
    scaled = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(scaled).save(buffer, "PNG")
    return buffer.getvalue()
