"""Selection rules that the multi-scale methods share."""

from collections.abc import Sequence

import cv2
import numpy as np


def choose_larger(
    a: np.ndarray, b: np.ndarray, activity_a: np.ndarray, activity_b: np.ndarray
) -> np.ndarray:
    """Take each coefficient from the source that is more active there.

    Activities broadcast to the coefficients.

    Choice: the mean where both are equally active, so that exchanging the
    sources changes nothing.
    """
    fused = np.where(activity_a > activity_b, a, b)
    tie = np.broadcast_to(activity_a == activity_b, fused.shape)
    np.copyto(fused, (a + b) * np.float32(0.5), where=tie)
    return fused


def fuse_levels(
    levels_a: Sequence[np.ndarray], levels_b: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Take the larger magnitude on each level, the mean on the last one."""
    *details_a, base_a = levels_a
    *details_b, base_b = levels_b
    details = [
        choose_larger(a, b, np.abs(a), np.abs(b))
        for a, b in zip(details_a, details_b, strict=True)
    ]
    return [*details, (base_a + base_b) * np.float32(0.5)]


def window_maximum(values: np.ndarray, size: int) -> np.ndarray:
    """Largest value in a window of `size` x `size` pixels."""
    return cv2.dilate(values, np.ones((size, size), np.uint8))


def window_mean(values: np.ndarray, size: int) -> np.ndarray:
    """Mean in a window of `size` x `size` pixels, mirrored at the frame."""
    return cv2.boxFilter(
        values, -1, (size, size), borderType=cv2.BORDER_REFLECT
    )
