"""Fusion measures from Tsallis' entropy (TEIA in Table 1)."""

import math

import numpy as np

from g2npan_tf.baselines.grey_levels import check_grey
from g2npan_tf.baselines.grey_levels import joint_counts
from g2npan_tf.core.errors import InputError

FORMS = ("cvejic", "nava")


def tsallis(
    source_a: np.ndarray,
    source_b: np.ndarray,
    fused: np.ndarray,
    q: float = 1.85,
    form: str = "cvejic",
) -> float:
    """Information of the sources in the fused image after Tsallis.

    `cvejic`: `I_q(A,F) + I_q(B,F)`; `nava`: that over
    `H_q(A) + H_q(B) - I_q(A,B)`. Higher is better. Images as `check_grey`
    takes them.

    Source: N. Cvejic, C. N. Canagarajah, D. R. Bull, "Image fusion metric
    based on mutual information and Tsallis entropy", Electronics Letters
    42(11), 626-627, 2006 (sum, q = 1.85); R. Nava, G. Cristobal, B.
    Escalante-Ramirez, "Mutual information improves image fusion quality
    assessments", SPIE Newsroom, 2007 (quotient, q = 0.43137); compared in S.
    Sholehkerdar, J. Tavakoli, Z. Liu, Optical Engineering 58(3), 033102,
    2019, which Table 1 cites.

    Choice: the sum with q = 1.85, since the paper names neither.

    The entropic index q is above 0 and not 1, where the limit is Shannon's.

    Returns:
        `cvejic`: range [0, inf). `nava`: neither bounded by 1 nor 1 for
        equal images; NaN if all three are constant. Both are 0 if the fused
        image is constant.
    """
    check_grey(source_a, source_b, fused)
    if not (math.isfinite(q) and q > 0 and q != 1):
        raise InputError(f"q must be above 0 and not 1. Received: {q}")
    if form not in FORMS:
        raise InputError(
            f"form must be one of {', '.join(FORMS)}. Received: {form!r}"
        )
    kept = sum(
        _information(joint_counts(source, fused), q)
        for source in (source_a, source_b)
    )
    if form == "cvejic":
        return kept
    sources = joint_counts(source_a, source_b)
    there = _entropy(sources.sum(axis=1), q) + _entropy(sources.sum(axis=0), q)
    there -= _information(sources, q)
    return kept / there if there else math.nan


def _information(joint: np.ndarray, q: float) -> float:
    """I_q: Tsallis divergence of two images from independence.

    The sum runs over the pairs of levels that occur. Each level's own share
    belongs to its own image: ports that swap the two rate an inverted image
    far too high.
    """
    first, second = np.nonzero(joint)
    share = joint[first, second] / joint.sum()
    own_first = joint.sum(axis=1)[first] / joint.sum()
    own_second = joint.sum(axis=0)[second] / joint.sum()
    ratio = share / (own_first * own_second)
    total = float(np.sum(share * ratio ** (q - 1)))
    # Rounding may leave -1e-16 for independent images.
    return max(0.0, (1 - total) / (1 - q))


def _entropy(counts: np.ndarray, q: float) -> float:
    """H_q: Tsallis' entropy of a histogram."""
    return (1 - float(np.sum((counts / counts.sum()) ** q))) / (q - 1)
