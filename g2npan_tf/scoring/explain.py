"""Draws what a score rests on: CAM, generated reference and nuance."""

import dataclasses
import os
import pathlib
from collections import Counter

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.report import picture_row
from g2npan_tf.report import pictures
from g2npan_tf.report.picture_row import Bar
from g2npan_tf.report.picture_row import View
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.rows import ScoredImage

# Bytes of a name, so that its ending still fits into the usual 255.
_MAX_STEM_BYTES = 200


class Explanations:
    """Draws the explanations of a run; no picture overwrites another."""

    def __init__(self, directory: pathlib.Path) -> None:
        """Makes the folder, unless it is there."""
        self._directory = pathlib.Path(os.path.realpath(directory))
        self._directory.mkdir(parents=True, exist_ok=True)
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def save(self, image: ScoredImage) -> ScoredImage:
        """Draws an image that has a score; a note says under which other name.

        What the disk does not take is an `InputError`.
        """
        if image.assessment is None or image.pixels is None:
            return image
        row = image.row
        number = row.path.removeprefix(image.source).replace("#", "_frame_")
        wanted = pathlib.Path(image.source).stem + number
        stem = self._unique(wanted)
        try:
            save_explanation(
                image.assessment, image.pixels, self._directory, stem
            )
        except OSError as error:
            raise InputError(f"{self._directory}: {error.strerror}") from error
        if stem == wanted:
            return image
        notes = (*row.notes, f"pictures named {stem}")
        row = dataclasses.replace(row, notes=notes)
        return dataclasses.replace(image, row=row)

    def _unique(self, wanted: str) -> str:
        """The name, or it with a number: x, x_2 for a/x.png, b/x.jpg."""
        name = os.fsencode(wanted)[:_MAX_STEM_BYTES]
        stem = base = name.decode("utf-8", "ignore") or "image"
        # Some file systems do not tell upper from lower case.
        while stem.casefold() in self._taken:
            self._numbers[base] += 1
            stem = f"{base}_{self._numbers[base] + 1}"
        self._taken.add(stem.casefold())
        return stem


def save_explanation(
    assessment: Assessment,
    pixels: np.ndarray,
    directory: pathlib.Path,
    stem: str,
) -> None:
    """Writes the maps of one image and a panel of all of them as PNG.

    `<stem>_cam.png` is the CAM over the grey image, `<stem>_reference.png`
    the generated reference as it is, `<stem>_nuance.png` the nuance averaged
    over the channels, `<stem>_panel.png` everything side by side. The CAM's
    colours always span 0..1, so that pictures compare; those of the nuance
    span 0 to the number at its bar. Maps that the model lacks are left out.
    Each file appears whole or not at all, in place of one of the same name.
    """
    pixels = pictures.shrunk(pixels, pictures.DISPLAY_SIZE)
    shown = views(assessment, pixels)
    shape = pixels.shape[:2]
    title = f"Predicted MOS {assessment.mos:.2f} of {mos.MOS_MAX:.0f}"
    drawn = {"panel": picture_row.draw_row(shown, shape, title, stem)}
    for view in shown:
        if view.bar:
            drawn[view.name] = picture_row.draw_row([view], shape, title, stem)
    if assessment.reference is not None:
        drawn["reference"] = picture_row.encode_png(
            pictures.to_uint8(assessment.reference)
        )
    for name, data in drawn.items():
        with written_aside(directory / f"{stem}_{name}.png") as aside:
            aside.write_bytes(data)


def views(assessment: Assessment, pixels: np.ndarray) -> list[View]:
    """The pictures that a model has of an image (uint8 RGB), left to right."""
    shown = [View("image", "Image", pixels)]
    if assessment.reference is not None:
        drawn = pictures.to_uint8(assessment.reference)
        shown.append(View("reference", "Generated reference", drawn))
    if assessment.nuance is not None:
        drawn, high = pictures.nuance_colours(assessment.nuance)
        bar = Bar(pictures.MAGMA, high, "|reference - image|, 1 = full range")
        shown.append(View("nuance", "What differs (nuance)", drawn, bar))
    if assessment.cam is not None:
        label = "local quality, 1 = good; mark: this image"
        bar = Bar(pictures.VIRIDIS, 1.0, label, assessment.quality)
        drawn = pictures.overlay(assessment.cam, pixels)
        shown.append(View("cam", "Where it is good (CAM)", drawn, bar))
    return shown
