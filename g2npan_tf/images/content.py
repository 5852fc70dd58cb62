"""Whether a picture shows anything that a score could be about."""

import cv2
import numpy as np

from g2npan_tf.images.read import resize

NO_CONTENT = "no content: a blank picture or a mask of two levels"
# Neighbouring levels that count as one, since a constant page has a level or
# two of noise behind a JPEG or a scanner.
NEAR_LEVELS = 5
# More than one pixel of so many must lie outside the windows of levels.
ONE_IN = 1000
# Every second, third, ... row and column is looked at, at least so many.
SAMPLED_SIDE = 64


def has_content(pixels: np.ndarray) -> bool:
    """Tells a picture from a blank page or a mask.

    Choice: in at least one channel more than a thousandth of the pixels lie
    outside the two windows of five neighbouring levels that hold the most.
    The emptiest of 1,682 real slices, a CT of the top of a head, has nearly
    five times as many there (docs/input.md). Looked at are 64 to 127 rows and
    columns, which takes about 1 % of scoring.

    Args:
        pixels: uint8 `[height, width, 3]`, as decoded: a resized mask has
            grey edges.
    """
    height, width = pixels.shape[:2]
    step_y = max(1, height // SAMPLED_SIDE)
    step_x = max(1, width // SAMPLED_SIDE)
    sampled = np.ascontiguousarray(pixels[::step_y, ::step_x])
    total = sampled.shape[0] * sampled.shape[1]
    return any(
        _outside(cv2.calcHist([sampled], [channel], None, [256], [0, 256]))
        * ONE_IN
        > total
        for channel in range(3)
    )


def scorer_image(pixels: np.ndarray, size: int) -> np.ndarray | None:
    """Brings a picture to the scorer's square, if there is something to score.

    Judged as it is and as it is scored: fine noise may average out.
    """
    if not has_content(pixels):
        return None
    scored = resize(pixels, size)
    if pixels.shape != scored.shape and not has_content(scored):
        return None
    return scored


def _outside(histogram: np.ndarray) -> int:
    """How many pixels the two fullest windows of levels leave over."""
    counts = histogram.ravel()
    for _ in range(2):
        windows = np.convolve(counts, np.ones(NEAR_LEVELS), "valid")
        start = int(windows.argmax())
        counts[start : start + NEAR_LEVELS] = 0
    return int(counts.sum())
