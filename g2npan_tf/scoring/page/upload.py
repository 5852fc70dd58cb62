"""One upload becomes rows with pictures: scores, and what they rest on."""

import dataclasses
import sys
from typing import Any

import cv2
import numpy as np

from g2npan_tf.images.limits import Limits
from g2npan_tf.images.read import decode_frames
from g2npan_tf.report import pictures
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import ScoredImage
from g2npan_tf.scoring.rows import ScoreRow
from g2npan_tf.scoring.rows import score_frames

# Longest side in pixels of the CAM's colours, which have no detail.
_CAM_SIZE = 256
# Frames of one file that come with pictures; the others have their row.
MAX_PICTURED = 32


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What the page shows of one image; addresses that hold PNGs.

    Width and height are those of the upload; `image` is at most `DISPLAY_SIZE`
    pixels a side, `cam` and `nuance` are colours, the latter from 0 to
    `nuance_high`, a share of full range.
    """

    width: int
    height: int
    image: str
    cam: str | None = None
    reference: str | None = None
    nuance: str | None = None
    nuance_high: float | None = None


@dataclasses.dataclass(frozen=True)
class UploadRow:
    """A row of an upload; `path` is empty, or `#3` for the third frame."""

    row: ScoreRow
    pictures: Pictures | None = None


def score(assessor: Assessor, data: bytes, limits: Limits) -> list[UploadRow]:
    """Scores one untrusted file: a row per frame, and at least one."""
    frames = decode_frames(data, limits)
    images = score_frames(assessor, [("", frames)], maps=True)
    return [
        UploadRow(image.row, _pictures(image) if n < MAX_PICTURED else None)
        for n, image in enumerate(images)
    ]


def _pictures(image: ScoredImage) -> Pictures | None:
    """Encodes an image that has a score, and the maps that the model gives."""
    assessment, pixels = image.assessment, image.pixels
    if assessment is None or pixels is None:
        return None
    maps: dict[str, Any] = {}
    if assessment.cam is not None:
        maps["cam"] = _address(_smooth(assessment.cam, pixels))
    if assessment.reference is not None:
        maps["reference"] = _address(pictures.to_uint8(assessment.reference))
    if assessment.nuance is not None:
        drawn, high = pictures.nuance_colours(assessment.nuance)
        maps.update(nuance=_address(drawn), nuance_high=high)
    return Pictures(*image.size, _address(pixels), **maps)


def _smooth(cam: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Colours of the local quality, between the cells by cubic curves."""
    height, width = pictures.shrunk(image, _CAM_SIZE).shape[:2]
    values = cv2.resize(
        cam.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return pictures.coloured(values, pictures.VIRIDIS)


def _address(pixels: np.ndarray) -> str:
    """Encodes pixels without loss: they are looked at closely."""
    return pictures.data_uri(pixels, max_png_bytes=sys.maxsize)
