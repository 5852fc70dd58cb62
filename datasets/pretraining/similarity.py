"""How much an image resembles the undamaged one: a score without readers."""

import cv2
import numpy as np

from datasets.pretraining.distortions import BACKGROUND_LEVEL

# Of Xue et al. for grey levels of 0 to 255.
STABILITY = 170.0
# Choice: the deviation at which a score has fallen to MOS 1 + 4/e; it spreads
# the scores of `distortions` over the scale.
DEVIATION_SCALE = 0.09


def gradient_deviation(image: np.ndarray, reference: np.ndarray) -> float:
    """GMSD: how unevenly the edges of the reference are kept.

    W. Xue, L. Zhang, X. Mou, A. C. Bovik, "Gradient magnitude similarity
    deviation", IEEE TIP 23(2), 684-695, 2014, with its Prewitt filter, its
    halving of the size and its constant.

    Choice: over the pixels that the reference shows, not over the black
    around them, which would otherwise decide how large a deviation can be.

    Args:
        image: uint8 `[height, width, 3]`, RGB.
        reference: Same shape and type.

    Returns:
        0 for equal images; seldom above 0.35.
    """
    one, two = _gradient(image), _gradient(reference)
    kept = (2 * one * two + STABILITY) / (one**2 + two**2 + STABILITY)
    shown = _halved(reference) > BACKGROUND_LEVEL
    return float(kept[shown].std()) if shown.any() else 0.0


def to_mos(deviation: float) -> float:
    """Brings a deviation to the scale of readers' scores.

    Args:
        deviation: From `gradient_deviation`.

    Returns:
        Range (1, 5]; 5 for equal images. No reader is behind it.

    Example:
    >>> to_mos(0.0)
    5.0
    """
    return 1.0 + 4.0 * float(np.exp(-deviation / DEVIATION_SCALE))


def _halved(image: np.ndarray) -> np.ndarray:
    """Luminance at half the size, float64 `[height / 2, width / 2]`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return cv2.blur(grey, (2, 2))[1::2, 1::2]


def _gradient(image: np.ndarray) -> np.ndarray:
    """Prewitt gradient magnitude at half the size."""
    grey = _halved(image)
    kernel = np.array([[1.0, 0.0, -1.0]] * 3) / 3
    return np.hypot(
        cv2.filter2D(grey, -1, kernel), cv2.filter2D(grey, -1, kernel.T)
    )
