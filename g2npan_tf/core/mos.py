"""The scale of the mean opinion scores, and the best of several scores."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

MOS_MIN = 1.0
MOS_MAX = 5.0
# Images from this MOS on are of use to a radiologist (Eq. 10, sec. 3.4).
CLINICAL_MOS = 3.0
_TIE_SEED = 0


def to_quality(mos: Any) -> Any:
    """Maps MOS, [1, 5], to the quality that the networks predict, [0, 1].

    A number, an array or a tensor of any shape. Section: 4.1.1; the paper's
    RMSE of 0.10 is on the scale of the quality.
    """
    return (mos - MOS_MIN) / (MOS_MAX - MOS_MIN)


def to_mos(quality: Any) -> Any:
    """Maps quality, [0, 1], back to MOS, [1, 5]; any shape."""
    return MOS_MIN + quality * (MOS_MAX - MOS_MIN)


def place_of_best(scores: Sequence[float] | np.ndarray, group: str) -> int:
    """Place of the highest score of a group: its image is the reference.

    Grades are integers, so ties are common. They are broken at random with a
    fixed seed and the group's name: no algorithm is favoured, and a group's
    reference depends on no other group.
    """
    best = np.flatnonzero(np.asarray(scores) == np.max(scores))
    rng = np.random.default_rng([_TIE_SEED, zlib.crc32(group.encode())])
    return int(best[rng.integers(len(best))])
