"""Selection rules that the multi-scale methods share."""

import cv2
import numpy as np


def choose_larger(
    a: np.ndarray,
    b: np.ndarray,
    activity_a: np.ndarray,
    activity_b: np.ndarray,
) -> np.ndarray:
    """Take each coefficient from the source that is more active there.

    Choice: the mean where both are equally active, so that exchanging the
    sources changes nothing.

    Args:
        a: Coefficients of the first source. float32, any shape.
        b: Coefficients of the second source. Same shape and dtype.
        activity_a: Activity of the first source. Broadcasts to `a`.
        activity_b: Activity of the second source. Broadcasts to `a`.

    Returns:
        Fused coefficients. Shape and dtype of `a`.
    """
    fused = np.where(activity_a > activity_b, a, b)
    tie = np.broadcast_to(activity_a == activity_b, fused.shape)
    np.copyto(fused, (a + b) * np.float32(0.5), where=tie)
    return fused


def window_maximum(values: np.ndarray, size: int) -> np.ndarray:
    """Largest value in a square window around each pixel.

    Args:
        values: Activity map. float32, shape `[height, width]`.
        size: Side of the window in pixels, odd.

    Returns:
        float32, shape `[height, width]`.
    """
    return cv2.dilate(values, np.ones((size, size), np.uint8))


def window_mean(values: np.ndarray, size: int) -> np.ndarray:
    """Mean in a square window around each pixel, mirrored at the frame.

    Args:
        values: Any map. float32, shape `[height, width]`.
        size: Side of the window in pixels, odd.

    Returns:
        float32, shape `[height, width]`.
    """
    return cv2.boxFilter(
        values, -1, (size, size), borderType=cv2.BORDER_REFLECT
    )
