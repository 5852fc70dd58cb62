"""The simulated panel of readers: a stand-in where no radiologist scored."""

import zlib

import numpy as np

from datasets import criteria
from g2npan_tf.mos import MOS_MAX
from g2npan_tf.mos import MOS_MIN

PANEL_VERSION = "0.1.0"
NUM_READERS = 6

# Midpoint and slope of the logistic curve of each criterion.
_MIDPOINT = np.array([0.62, 0.70, 0.80, 0.58])
_SLOPE = np.array([0.09, 0.05, 0.07, 0.09])
# One row per reader; columns as in `criteria.NAMES`.
_WEIGHTS = np.array(
    [
        [0.35, 0.25, 0.20, 0.20],
        [0.25, 0.35, 0.20, 0.20],
        [0.30, 0.20, 0.30, 0.20],
        [0.25, 0.25, 0.20, 0.30],
        [0.30, 0.30, 0.25, 0.15],
        [0.25, 0.25, 0.25, 0.25],
    ]
)
_BIAS = np.array([0.2, -0.2, 0.0, -0.3, 0.3, 0.0])
_NOISE = np.array([0.25, 0.30, 0.35, 0.25, 0.30, 0.40])
# Weighted means of several criteria crowd in the middle; readers spread them.
_SPREAD = 1.6


def grade(
    source_a: np.ndarray,
    source_b: np.ndarray,
    fused: np.ndarray,
    seed_key: str,
) -> np.ndarray:
    """Grades one fused image by every simulated reader.

    Args:
        source_a: Functional image or CT. uint8 `[height, width, 3]`, RGB.
        source_b: MR. uint8 `[height, width, 3]`, RGB.
        fused: Image to be judged. uint8 `[height, width, 3]`, RGB.
        seed_key: Names the image, e.g. `"<pair_id>/<algorithm>"`; the readers'
            noise is drawn from it.

    Returns:
        Grades. int32 `[NUM_READERS]`, range 1..5, 5 = best. Simulated.

    Raises:
        InputError: If an image is not uint8 RGB or the shapes differ.
    """
    opinions = _opinions(criteria.measure(source_a, source_b, fused))
    seed = zlib.crc32(f"{PANEL_VERSION}/{seed_key}".encode())
    noise = np.random.default_rng(seed).standard_normal(NUM_READERS)
    grades = np.rint(opinions + _NOISE * noise)
    return np.clip(grades, MOS_MIN, MOS_MAX).astype(np.int32)


def mos(grades: np.ndarray) -> float:
    """Mean opinion score of single grades, 1..5."""
    return float(np.mean(grades))


def score(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """The panel's opinion before noise and rounding, 1..5."""
    opinions = _opinions(criteria.measure(source_a, source_b, fused))
    return float(np.clip(opinions, MOS_MIN, MOS_MAX).mean())


def _opinions(values: np.ndarray) -> np.ndarray:
    """What each reader thinks, before noise and rounding."""
    rated = 1.0 / (1.0 + np.exp(-(values - _MIDPOINT) / _SLOPE))
    liking = 0.5 + _SPREAD * (_WEIGHTS @ rated - 0.5)
    return MOS_MIN + (MOS_MAX - MOS_MIN) * liking + _BIAS
