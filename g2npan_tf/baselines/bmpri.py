"""Blind quality from multiple pseudo reference images (BMPRI in Table 1).

The image is made much worse in four ways, five times each; the more its
structure looks like that of a worsened copy, the worse it was before. Needs
the fused image only, and scores to learn from.

Source: X. Min, G. Zhai, K. Gu, Y. Liu, X. Yang, "Blind image quality
estimation via distortion aggravation", IEEE Transactions on Broadcasting
64(2), 508-517, 2018, with the constants of the authors' release.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from g2npan_tf.baselines.grey_levels import check_image
from g2npan_tf.baselines.pseudo_references import as_jpeg
from g2npan_tf.baselines.pseudo_references import as_jpeg2000
from g2npan_tf.baselines.pseudo_references import blurred
from g2npan_tf.baselines.pseudo_references import noisy
from g2npan_tf.baselines.pseudo_references import to_grey
from g2npan_tf.core.errors import InputError

NUM_FEATURES = 20
# How to worsen, five levels, and the neighbour counts that mark structure.
_FAMILIES: tuple[
    tuple[Callable[[np.ndarray, Any], np.ndarray], Any, Any], ...
] = (
    (as_jpeg, (0, 2, 4, 6, 8), (0,)),
    (as_jpeg2000, (150, 175, 200, 225, 250), (2, 3)),
    (blurred, (0.5, 1.0, 1.5, 2.0, 2.5), (2, 3)),
    (noisy, (0.3, 0.4, 0.5, 0.6, 0.7), (0, 1)),
)
# Of the support vector regression; epsilon is in units of MOS.
_PENALTY, _GAMMA, _EPSILON = 1024.0, 0.05, 0.1

Predictor = Callable[[np.ndarray], np.ndarray]


def bmpri_features(image: np.ndarray) -> np.ndarray:
    """How much of each worsened copy's structure the image has already.

    Blockiness, ringing, blur and noise raise features 0..4, 5..9, 10..14 and
    15..19, each family from its first to its last level: JPEG, JPEG 2000,
    blur, white noise. A grey image stored as RGB has other features than the
    same image with one channel (JPEG 2000 has three times the bytes, noise is
    averaged over the channels): use one form for a whole data set.

    Args:
        image: Grey, uint8 `[height, width]`, or RGB, uint8
            `[height, width, 3]`; at least 3 x 3.

    Returns:
        float64 `[20]`, range [0, 1); all 0 for a constant image.

    Raises:
        InputError: If the image is not as above.
    """
    check_image(image, min_side=3)
    own = neighbour_counts(to_grey(image))
    features = []
    for worsen, levels, marked in _FAMILIES:
        structure = np.isin(own, marked)
        for level in levels:
            worse = neighbour_counts(to_grey(worsen(image, level)))
            features.append(_overlap(structure, np.isin(worse, marked)))
    return np.array(features)


def fit_bmpri(features: np.ndarray, mos: np.ndarray) -> Predictor:
    """Learns scores from features by support vector regression.

    The same data give the same predictor. Retrained on MOS, higher is better
    (the authors' own model predicts DMOS, where higher is worse).

    Args:
        features: Of the training images. float `[n, 20]`.
        mos: Their readers' scores. float `[n]`, 1..5.

    Returns:
        A function of features `[m, 20]` that gives predicted MOS, float64
        `[m]`; not clipped to 1..5.

    Raises:
        InputError: If scikit-learn is not installed, or the shapes differ.
    """
    features = _checked_features(features)
    if np.shape(mos) != features.shape[:1] or not len(features):
        raise InputError(
            f"mos must have one score for each of the {len(features)} rows of "
            f"features, at least one. Received: {list(np.shape(mos))}"
        )
    low, high = features.min(axis=0), features.max(axis=0)
    model = import_regression()(
        kernel="rbf", C=_PENALTY, gamma=_GAMMA, epsilon=_EPSILON
    )
    model.fit(scaled(features, low, high), np.asarray(mos, np.float64))

    def predict(rows: np.ndarray) -> np.ndarray:
        return model.predict(scaled(_checked_features(rows), low, high))

    return predict


def import_regression() -> type:
    """The regression's class, from the one package that is optional.

    Returns:
        scikit-learn's `SVR`, an interface to LIBSVM.

    Raises:
        InputError: If scikit-learn is not installed.
    """
    try:
        from sklearn.svm import SVR
    except ImportError as error:
        raise InputError(
            "BMPRI learns with scikit-learn, which is not installed: "
            "pip install '.[baselines]'"
        ) from error
    return SVR


def scaled(
    features: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Straight-line scaling of the training range to [-1, 1].

    Values outside the range are extrapolated, not clipped.

    Args:
        features: float `[n, 20]`.
        low: Smallest value of each feature in training. `[20]`.
        high: Largest. `[20]`.

    Returns:
        float64 `[n, 20]`; 0 where a feature was constant in training.
    """
    span = np.where(high > low, high - low, np.inf)
    return np.where(high > low, 2 * (features - low) / span - 1, 0.0)


def neighbour_counts(grey: np.ndarray) -> np.ndarray:
    """Local binary pattern: how many neighbours are not darker.

    Args:
        grey: uint8 `[height, width]`.

    Returns:
        uint8 `[height - 2, width - 2]`, 0..4: of the four neighbours right,
        up, left and down; the frame of one pixel has no pattern.
    """
    centre = grey[1:-1, 1:-1]
    neighbours = (
        grey[1:-1, 2:],
        grey[:-2, 1:-1],
        grey[1:-1, :-2],
        grey[2:, 1:-1],
    )
    counts = np.zeros(centre.shape, np.uint8)
    for neighbour in neighbours:
        counts += neighbour >= centre
    return counts


def _overlap(structure: np.ndarray, of_worse: np.ndarray) -> float:
    """Share of the worse copy's structure that the image has; 1 is added."""
    shared = np.count_nonzero(structure & of_worse)
    return shared / (np.count_nonzero(of_worse) + 1)


def _checked_features(features: np.ndarray) -> np.ndarray:
    """Features as float64 rows of 20 finite numbers."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or features.shape[1] != NUM_FEATURES:
        raise InputError(
            f"features must be [n, {NUM_FEATURES}], from bmpri_features. "
            f"Received: {list(features.shape)}"
        )
    return features
