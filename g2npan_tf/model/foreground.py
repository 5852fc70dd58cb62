"""Where an image shows something: what is not the scanner's black."""

from typing import Any

from keras import ops

Tensor = Any
# A pixel is foreground above this share of full scale; scanners' background
# is black up to compression noise.
FOREGROUND_LEVEL = 0.04


def foreground(image: Tensor) -> Tensor:
    """Marks the pixels that are not background.

    Args:
        image: Float `[..., height, width, 3]`, range [0, 1].

    Returns:
        float32 `[..., height, width, 1]`, 1 where any channel is brighter than
        `FOREGROUND_LEVEL`, else 0.
    """
    brightest = ops.max(image, axis=-1, keepdims=True)
    return ops.cast(brightest > FOREGROUND_LEVEL, "float32")


def foreground_share(image: Tensor) -> Tensor:
    """Share of an image that is not background.

    Args:
        image: Float `[batch, height, width, 3]`, range [0, 1].

    Returns:
        float32 `[batch]`, range [0, 1].
    """
    return ops.mean(foreground(image), axis=(1, 2, 3))
