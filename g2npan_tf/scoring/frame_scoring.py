"""From the frames of a file to rows: what every way of scoring has in common.

Files of a command, uploads of the page and elements of a pipeline become the
same rows with the same statuses.
"""

import math
from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.images.content import scorer_image
from g2npan_tf.images.read import Frame
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.score_rows import OK
from g2npan_tf.scoring.score_rows import Row


def frames_or_rows(
    name: str, frames: Iterable[Frame], size: int
) -> Iterator[tuple[Frame, np.ndarray] | Row]:
    """Passes on what can be scored; a row stands for what cannot.

    Args:
        name: Of the file.
        frames: From `images.read_frames` or `images.decode_frames`.
        size: Side of the scorer's image in pixels.

    Yields:
        Each frame with what is scored of it, uint8 `[size, size, 3]`, or the
        row of one without content; then the row of what ended them too early,
        if it did.
    """
    try:
        for frame in frames:
            scored = scorer_image(frame.pixels, size)
            if scored is None:
                yield Row(frame.name, status=NO_CONTENT, notes=frame.notes)
            else:
                yield frame, scored
    except InputError as error:
        reason = str(error).removeprefix(f"{name}: ")
        yield Row(name, status=reason)


def scored_row(
    name: str, notes: tuple[str, ...], assessment: Assessment
) -> Row:
    """Makes the row of an image that was scored.

    Args:
        name: Of the frame.
        notes: Of the frame.
        assessment: What the model says.

    Returns:
        Its row; a score that is not finite is none.
    """
    if not math.isfinite(assessment.mos):
        return Row(name, status="the model gave no finite score", notes=notes)
    return Row(name, assessment.mos, assessment.quality, OK, notes)


def assessment_of(score: float) -> Assessment:
    """Makes an assessment without maps from the MOS alone."""
    return Assessment(float(score), float(mos.to_quality(score)))
