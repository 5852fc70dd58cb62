"""The scale of the mean opinion scores; nothing else knows its numbers."""

from typing import Any

MOS_MIN = 1.0
MOS_MAX = 5.0
# Images from this MOS on are of use to a radiologist (Eq. 10, sec. 3.4).
CLINICAL_MOS = 3.0


def to_quality(mos: Any) -> Any:
    """Maps MOS, [1, 5], to the quality that the networks predict, [0, 1].

    A number, an array or a tensor of any shape. Section: 4.1.1; the paper's
    RMSE of 0.10 is on the scale of the quality.
    """
    return (mos - MOS_MIN) / (MOS_MAX - MOS_MIN)


def to_mos(quality: Any) -> Any:
    """Maps quality, [0, 1], back to MOS, [1, 5]; any shape."""
    return MOS_MIN + quality * (MOS_MAX - MOS_MIN)
