"""Normalised mutual information Q_MI (Hossny in Table 1)."""

import math

import numpy as np

from g2npan_tf.baselines.grey_levels import check_grey
from g2npan_tf.baselines.grey_levels import joint_counts
from g2npan_tf.baselines.grey_levels import shannon
from g2npan_tf.baselines.grey_levels import shared_information


def hossny(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """Share of the sources' information that the fused image has, Q_MI.

    `2 [I(A,F) / (H(A) + H(F)) + I(B,F) / (H(B) + H(F))]`, with the mutual
    information I and the entropy H of the 256 grey levels. Higher is better.
    Images as `check_grey` takes them.

    Source: M. Hossny, S. Nahavandi, D. Creighton, "Comments on 'Information
    measure for performance of image fusion'", Electronics Letters 44(18),
    1066-1067, 2008.

    Choice: what two constant images share counts 0.

    Returns:
        Range [0, 2]; 2 if all three are equal, 0 if the fused image is
        constant, NaN if all three are constant.
    """
    check_grey(source_a, source_b, fused)
    shares = [_shared(joint_counts(s, fused)) for s in (source_a, source_b)]
    return math.nan if np.isnan(shares).all() else 2 * float(np.nansum(shares))


def _shared(joint: np.ndarray) -> float:
    """Mutual information over the sum of both entropies; 0/0 is NaN."""
    separate = shannon(joint.sum(axis=1)) + shannon(joint.sum(axis=0))
    return shared_information(joint) / separate if separate else math.nan
