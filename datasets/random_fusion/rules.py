"""Rules that join two images' coefficients: details or low-pass residuals.

Coefficients and their activities are float32 `[height, width]`.
"""

import cv2
import numpy as np

from datasets.fusion.edge_preserving import guided_filter
from datasets.fusion.linear import principal_weight
from datasets.fusion.selection import choose_larger
from datasets.fusion.selection import window_mean
from datasets.random_fusion.kinds import Kind
from datasets.random_fusion.kinds import between
from datasets.random_fusion.kinds import by_factor
from datasets.random_fusion.kinds import odd
from datasets.random_fusion.kinds import one_of
from datasets.random_fusion.kinds import whole
from datasets.random_fusion.measures import energy
from datasets.random_fusion.measures import spectral_residual

_TINY = np.float32(1e-12)


def mix(a: np.ndarray, b: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Weighted mean; the weight of `a`."""
    return b + np.float32(weight) * (a - b)


def share(
    active_a: np.ndarray, active_b: np.ndarray, power: float
) -> np.ndarray:
    """Weight of `a`, 0 to 1: its activity to a power, as a share of both.

    It is the softmax of the logarithms, with 1 / power as temperature.
    """
    log_ratio = np.log((active_b + _TINY) / (active_a + _TINY))
    exponent = np.clip(np.float32(power) * log_ratio, -60, 60)
    return 1 / (1 + np.exp(exponent))


def vote(
    a: np.ndarray,
    b: np.ndarray,
    active_a: np.ndarray,
    active_b: np.ndarray,
    side: int,
) -> np.ndarray:
    """The more active one, after a majority vote of the neighbours."""
    votes = window_mean(np.sign(active_a - active_b), side)
    return choose_larger(a, b, votes, -votes)


def soft(
    a: np.ndarray,
    b: np.ndarray,
    active_a: np.ndarray,
    active_b: np.ndarray,
    power: float,
) -> np.ndarray:
    """Weights by activity."""
    return mix(a, b, share(active_a, active_b, power))


def match(
    a: np.ndarray,
    b: np.ndarray,
    active_a: np.ndarray,
    active_b: np.ndarray,
    side: int,
    threshold: float,
) -> np.ndarray:
    """The more active one where the sources differ, a mean where they match.

    P. J. Burt, R. J. Kolczynski, "Enhanced image capture through fusion",
    ICCV 1993.
    """
    both = energy(a, side) + energy(b, side) + _TINY
    matching = 2 * window_mean(a * b, side) / both
    smaller = 0.5 - 0.5 * (1 - matching) / np.float32(1 - threshold)
    smaller = np.where(matching > threshold, np.clip(smaller, 0, 0.5), 0)
    return mix(a, b, np.where(active_a > active_b, 1 - smaller, smaller))


def smooth(
    a: np.ndarray,
    b: np.ndarray,
    active_a: np.ndarray,
    active_b: np.ndarray,
    sd: float,
) -> np.ndarray:
    """The more active one, with blurred seams."""
    choice = (active_a > active_b).astype(np.float32)
    return mix(a, b, cv2.GaussianBlur(choice, (0, 0), sd))


def guided(
    a: np.ndarray,
    b: np.ndarray,
    active_a: np.ndarray,
    active_b: np.ndarray,
    radius: int,
    epsilon: float,
) -> np.ndarray:
    """The more active one, with seams that follow edges (Li et al. 2013)."""
    choice = (active_a > active_b).astype(np.float32)
    weight = guided_filter(choice, np.where(choice > 0, a, b), radius, epsilon)
    return mix(a, b, np.clip(weight, 0, 1))


def constant(
    a: np.ndarray,
    b: np.ndarray,
    active_a: np.ndarray,
    active_b: np.ndarray,
    weight: float,
) -> np.ndarray:
    """One weight everywhere, cut to [0, 1]."""
    return mix(a, b, min(max(weight, 0.0), 1.0))


def add(
    a: np.ndarray,
    b: np.ndarray,
    active_a: np.ndarray,
    active_b: np.ndarray,
    weight_a: float,
    weight_b: float,
) -> np.ndarray:
    """Details of both."""
    return np.float32(weight_a) * a + np.float32(weight_b) * b


def principal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One weight, of the first principal component."""
    return mix(a, b, principal_weight(a, b))


def brightest(a: np.ndarray, b: np.ndarray, part: float) -> np.ndarray:
    """Between the mean and the larger value: `part` of 0 to 1."""
    return mix(np.maximum(a, b), (a + b) / 2, part)


def by_energy(
    a: np.ndarray, b: np.ndarray, side: int, power: float
) -> np.ndarray:
    """Weights by local energy."""
    return mix(a, b, share(energy(a, side), energy(b, side), power))


def by_saliency(
    a: np.ndarray, b: np.ndarray, sd: float, power: float
) -> np.ndarray:
    """Weights by visual saliency."""
    seen_a, seen_b = spectral_residual(a, sd), spectral_residual(b, sd)
    return mix(a, b, share(seen_a, seen_b, power))


def by_contrast(a: np.ndarray, b: np.ndarray, slope: float) -> np.ndarray:
    """Weights by how rare a pixel's level is (Zhai and Shah 2006)."""
    weight = 0.5 + np.float32(slope) * (_rarity(a) - _rarity(b))
    return mix(a, b, np.clip(weight, 0, 1))


def _rarity(image: np.ndarray) -> np.ndarray:
    """Mean distance of a pixel's level from all pixels' levels; 0 to 1."""
    low, high = float(image.min()), float(image.max())
    levels = np.rint((image - low) * (255 / max(high - low, 1e-6)))
    levels = levels.astype(np.uint8)
    counts = np.bincount(levels.ravel(), minlength=256) / levels.size
    grid = np.arange(256)
    distances = np.abs(grid[:, np.newaxis] - grid) @ counts
    table = distances / max(float(distances.max()), 1e-6)
    return table.astype(np.float32)[levels]


def larger(
    a: np.ndarray, b: np.ndarray, active_a: np.ndarray, active_b: np.ndarray
) -> np.ndarray:
    """The more active one."""
    return choose_larger(a, b, active_a, active_b)


DETAIL_RULES = {
    "larger": Kind(7, larger),
    "vote": Kind(3, vote, {"side": odd(3, 9)}),
    "soft": Kind(4, soft, {"power": by_factor(0.3, 8)}),
    "match": Kind(
        1.5, match, {"side": odd(3, 7), "threshold": between(0.2, 0.95)}
    ),
    "smooth": Kind(2, smooth, {"sd": by_factor(0.5, 5)}),
    "guided": Kind(
        1.5, guided, {"radius": whole(1, 16), "epsilon": by_factor(1e-6, 0.5)}
    ),
    "constant": Kind(0.3, constant, {"weight": between(-0.2, 1.2)}),
    "add": Kind(
        2,
        add,
        {"weight_a": by_factor(0.5, 1.1), "weight_b": by_factor(0.7, 1.2)},
    ),
}
BASE_RULES = {
    "weighted": Kind(2.5, mix, {"weight": between(0.3, 0.8)}),
    "one": Kind(0.3, mix, {"weight": one_of(0.0, 1.0, 1.0)}),
    "brightest": Kind(6, brightest, {"part": between(0.0, 1.0)}),
    "maximum": Kind(4, np.maximum),
    "minimum": Kind(0.15, np.minimum),
    "principal": Kind(1, principal),
    "by_energy": Kind(
        4, by_energy, {"side": odd(3, 31), "power": by_factor(0.2, 3)}
    ),
    "by_saliency": Kind(
        1.5, by_saliency, {"sd": by_factor(1, 5), "power": by_factor(0.2, 2)}
    ),
    "by_contrast": Kind(3.5, by_contrast, {"slope": between(0.15, 0.75)}),
}
