"""Draws what a score rests on: CAM, generated reference and nuance."""

import pathlib

import cv2
import numpy as np

from g2npan_tf import mos
from g2npan_tf.assessor import Assessment
from g2npan_tf.atomic_file import written_aside
from g2npan_tf.picture_row import MAGMA
from g2npan_tf.picture_row import VIRIDIS
from g2npan_tf.picture_row import Bar
from g2npan_tf.picture_row import View
from g2npan_tf.picture_row import colour
from g2npan_tf.picture_row import draw_row
from g2npan_tf.picture_row import encode_png
from g2npan_tf.picture_row import to_uint8

# Longest side of a drawn image in pixels; more does not show in a panel.
DISPLAY_SIZE = 768
# A weaker nuance than this is not stretched over the whole colour scale.
_NUANCE_FLOOR = 0.05


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
    pictures = {"panel": draw_row(views, shape, title, stem)}
    for view in views:
        if view.bar:
            pictures[view.name] = draw_row([view], shape, title, stem)
    if assessment.reference is not None:
        pictures["reference"] = encode_png(to_uint8(assessment.reference))
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
    colours = colour(smooth, VIRIDIS) / 255
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    return 0.7 * colours + 0.3 * grey / max(int(grey.max()), 1)


def _views(assessment: Assessment, pixels: np.ndarray) -> list[View]:
    """The pictures of a panel, from left to right."""
    views = [View("image", "Image", pixels)]
    if assessment.reference is not None:
        drawn = to_uint8(assessment.reference)
        views.append(View("reference", "Generated reference", drawn))
    if assessment.nuance is not None:
        views.append(_nuance_view(assessment.nuance))
    if assessment.cam is not None:
        label = "local quality, 1 = good; mark: this image"
        bar = Bar(VIRIDIS, 1.0, label, assessment.quality)
        drawn = to_uint8(overlay(assessment.cam, pixels))
        views.append(View("cam", "Where it is good (CAM)", drawn, bar))
    return views


def _nuance_view(nuance: np.ndarray) -> View:
    """The nuance, averaged over the channels, from 0 to its maximum."""
    mean = nuance.mean(axis=-1)
    high = max(float(mean.max()), _NUANCE_FLOOR)
    bar = Bar(MAGMA, high, "|reference - image|, 1 = full range")
    drawn = colour(mean / high, MAGMA)
    return View("nuance", "What differs (nuance)", drawn, bar)
