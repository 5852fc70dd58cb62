"""The scale of the mean opinion scores; nothing else knows its numbers."""

from typing import Any

MOS_MIN = 1.0
MOS_MAX = 5.0
# Images from this MOS on are of use to a radiologist (Eq. 10, sec. 3.4).
CLINICAL_MOS = 3.0


def to_quality(mos: Any) -> Any:
    """Maps MOS to the quality that the networks predict.

    Section: 4.1.1; the paper's RMSE of 0.10 is on this scale.

    Args:
        mos: Scores, range [1, 5]. Number, array or tensor, any shape.

    Returns:
        Quality of the same shape, range [0, 1].

    Example:
    >>> to_quality(3.0)
    0.5
    """
    return (mos - MOS_MIN) / (MOS_MAX - MOS_MIN)


def to_mos(quality: Any) -> Any:
    """Maps predicted quality back to MOS; the inverse of `to_quality`.

    Args:
        quality: Range [0, 1]. Number, array or tensor, any shape.

    Returns:
        MOS of the same shape, range [1, 5].

    Example:
    >>> to_mos(0.5)
    3.0
    """
    return MOS_MIN + quality * (MOS_MAX - MOS_MIN)
