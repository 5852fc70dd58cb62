"""The simulated panel of readers: a stand-in where no radiologist scored.

Every grade of this module is SIMULATED. Eight readers look at four criteria
(`datasets.panel.criteria`), weigh them each in their own way, and give one
integer grade 1..5. What is made from these grades must be labelled so.

Choice: eight readers, all curves, weights and noises below. They were set on
1,290 fused images (129 pairs of the Whole Brain Atlas x 10 algorithms) so
that the mean opinion scores use the whole scale with a standard deviation
near 1, and that two readers agree by an SRCC of 0.8 to 0.9.
"""

import hashlib
import statistics

import numpy as np

from datasets.panel import criteria
from g2npan_tf.core.mos import MOS_MAX
from g2npan_tf.core.mos import MOS_MIN

# Raise it with any change that can move a grade, here or in `criteria`.
PANEL_VERSION = "1.1.0"

# Choice: logistic curves, criterion -> satisfaction 0..1 (columns as in
# `criteria.NAMES`): the value that satisfies by half, and the change from
# there to 73 %. Falling curves have a negative slope.
_HALF = np.array([0.64, 10.0, 0.64, 0.25])
_SLOPE = np.array([0.18, -5.0, 0.15, -0.10])

# Choice: a row per reader, what counts how much (columns as above); function
# counts most, because a fused image without it is a plain MR.
_WEIGHTS = np.array(
    [
        [0.32, 0.27, 0.27, 0.14],
        [0.18, 0.45, 0.23, 0.14],
        [0.23, 0.32, 0.32, 0.13],
        [0.23, 0.32, 0.18, 0.27],
        [0.27, 0.36, 0.23, 0.14],
        [0.27, 0.32, 0.23, 0.18],
        [0.23, 0.31, 0.23, 0.23],
        [0.27, 0.27, 0.32, 0.14],
    ]
)
NUM_READERS = len(_WEIGHTS)
# Choice: the impairment at which the reader says 3; the lenient bear more.
_TOLERANCE = 0.47 + np.array([0.0, -0.04, 0.04, -0.02, 0.03, 0.0, -0.03, 0.02])
# Choice: standard deviation of each reader's own error, in grades.
_NOISE = np.array([0.22, 0.27, 0.32, 0.22, 0.27, 0.32, 0.22, 0.27])
# Choice: exponent 3 lets the worst impairment count most; 0.09 of impairment
# takes a reader from 3 to about 2.
_EXPONENT = 3.0
_STEP = 0.09


def grade(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray, seed_key: str
) -> np.ndarray:
    """Grades one fused image by every simulated reader.

    Images are as in `criteria.measure`; the readers' errors are drawn from
    `seed_key`, which names the image, e.g. `"<pair_id>/<algorithm>"`.

    Returns:
        int32 `[NUM_READERS]`, range 1..5, 5 = best.
    """
    opinions = _opinions(criteria.measure(source_a, source_b, fused))
    grades = np.rint(opinions + _NOISE * _normal_draws(seed_key))
    return np.clip(grades, MOS_MIN, MOS_MAX).astype(np.int32)


def mos(grades: np.ndarray) -> float:
    """Mean opinion score of one image: the mean of its readers' grades."""
    return float(np.mean(grades))


def score(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """Mean opinion before the readers' errors and rounding, range (1, 5)."""
    return mos(_opinions(criteria.measure(source_a, source_b, fused)))


def _opinions(values: np.ndarray) -> np.ndarray:
    """What each reader thinks of four criteria, 1..5, float `[NUM_READERS]`.

    Impairments are joined by a Minkowski sum (H. de Ridder, "Minkowski
    metrics as a combination rule for digital-image-coding impairments", SPIE
    1666, 1992) and put on the scale by a logistic curve, as subjective tests
    do (ITU-R BT.500).
    """
    impairments = 1.0 - _logistic((values - _HALF) / _SLOPE)
    joined = (_WEIGHTS @ impairments**_EXPONENT) ** (1.0 / _EXPONENT)
    liking = _logistic((_TOLERANCE - joined) / _STEP)
    return MOS_MIN + (MOS_MAX - MOS_MIN) * liking


def _logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _normal_draws(seed_key: str) -> np.ndarray:
    """Standard normal numbers that depend on the key and the version alone.

    A hash and not NumPy's generators: their streams may change with NumPy.
    """
    digest = hashlib.sha256(f"{PANEL_VERSION}/{seed_key}".encode()).digest()
    words = np.frombuffer(digest, "<u4")[:NUM_READERS]
    quantile = statistics.NormalDist().inv_cdf
    return np.array([quantile((int(w) + 0.5) / 2.0**32) for w in words])
