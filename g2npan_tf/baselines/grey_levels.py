"""8-bit images as the compared methods need them: checked, counted."""

import cv2
import numpy as np

from g2npan_tf.core.errors import InputError

NUM_LEVELS = 256


def check_grey(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> None:
    """Refuses what the fusion measures are not defined on.

    They take uint8 grey `[height, width]`, not empty, all three of one size;
    colour images by their `luminance`. Otherwise `InputError`.
    """
    images = {"source_a": source_a, "source_b": source_b, "fused": fused}
    for name, image in images.items():
        check_one_grey(image, name)
    for name, image in images.items():
        shape = np.shape(image)
        if shape != np.shape(fused):
            raise InputError(
                f"{name} must have the size of the fused image "
                f"{list(np.shape(fused))}. Received: {list(shape)}"
            )


def check_one_grey(image: np.ndarray, name: str = "fused") -> None:
    """Refuses what is no uint8 grey `[height, width]`, as `check_grey`."""
    dtype, shape = getattr(image, "dtype", None), np.shape(image)
    if dtype != np.uint8 or len(shape) != 2 or 0 in shape:
        raise InputError(
            f"{name} must be a grey image, uint8 [height, width]. "
            f"Received: {dtype or type(image).__name__} {list(shape)}"
        )


def check_image(image: np.ndarray, min_side: int = 1) -> None:
    """Refuses what the blind measures are not defined on.

    They take uint8 grey `[height, width]` or RGB `[height, width, 3]`, at
    least `min_side` high and wide. Otherwise `InputError`.
    """
    dtype, shape = getattr(image, "dtype", None), np.shape(image)
    grey_or_rgb = len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
    if dtype != np.uint8 or not grey_or_rgb or min(shape[:2]) < min_side:
        raise InputError(
            "image must be uint8 [height, width] or [height, width, 3], at "
            f"least {min_side} x {min_side}. Received: "
            f"{dtype or type(image).__name__} {list(shape)}"
        )


def luminance(image: np.ndarray) -> np.ndarray:
    """Luma of ITU-R BT.601 of uint8 RGB, rounded to uint8; grey stays."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def joint_counts(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How often two grey levels share a pixel: `[first's, second's]`."""
    pairs = first.astype(np.intp) * NUM_LEVELS + second
    counts = np.bincount(pairs.ravel(), minlength=NUM_LEVELS**2)
    return counts.reshape(NUM_LEVELS, NUM_LEVELS)


def shannon(counts: np.ndarray) -> float:
    """Shannon's entropy of a histogram, of one image or joint, in nats."""
    share = counts[counts > 0] / counts.sum()
    return float(np.sum(share * np.log(1 / share)))


def shared_information(joint: np.ndarray) -> float:
    """What two images tell of each other, in nats, from `joint_counts`."""
    separate = shannon(joint.sum(axis=1)) + shannon(joint.sum(axis=0))
    # Rounding may leave -1e-16 for independent images.
    return max(0.0, separate - shannon(joint))
