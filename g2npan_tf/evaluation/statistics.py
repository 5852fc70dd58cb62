"""Agreement of predicted with readers' scores, over a whole split.

Correlations do not decompose over batches: gather all predictions first.
"""

from collections.abc import Callable

import numpy as np
from scipy import optimize
from scipy import special
from scipy import stats

METRICS = ("plcc", "srcc", "krcc", "rmse")


def plcc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Pearson's linear correlation coefficient.

    Args:
        y_true: Readers' scores. Shape `[n]`.
        y_pred: Predicted scores. Shape `[n]`.

    Returns:
        Range [-1, 1]; NaN if either is constant or `n < 2`.

    Raises:
        ValueError: If the shapes differ, or a value is not finite.
    """
    return _correlation(stats.pearsonr, y_true, y_pred)


def srcc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Spearman's rank correlation coefficient; ties get their mean rank.

    Args:
        y_true: Readers' scores. Shape `[n]`.
        y_pred: Predicted scores. Shape `[n]`.

    Returns:
        Range [-1, 1]; NaN if either is constant or `n < 2`.

    Raises:
        ValueError: If the shapes differ, or a value is not finite.
    """
    return _correlation(stats.spearmanr, y_true, y_pred)


def krcc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Kendall's rank correlation coefficient, tau-b.

    Args:
        y_true: Readers' scores. Shape `[n]`.
        y_pred: Predicted scores. Shape `[n]`.

    Returns:
        Range [-1, 1]; NaN if either is constant or `n < 2`.

    Raises:
        ValueError: If the shapes differ, or a value is not finite.
    """
    return _correlation(stats.kendalltau, y_true, y_pred)


def rmse(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Root mean squared error.

    Args:
        y_true: Readers' scores. Shape `[n]`; the paper's RMSE is on [0, 1].
        y_pred: Predicted scores on the same scale. Shape `[n]`.

    Returns:
        Range [0, inf), in the scale's unit; NaN if `n = 0`.

    Raises:
        ValueError: If the shapes differ, or a value is not finite.
    """
    y_true, y_pred = _checked(y_true, y_pred)
    if y_true.size == 0:
        return float("nan")
    return float(np.sqrt(np.mean((y_true - y_pred) ** 2)))


def figures(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float]:
    """The four figures of the field by name.

    Section: 4.1.2

    Args:
        y_true: Readers' scores. Shape `[n]`.
        y_pred: Predicted scores. Shape `[n]`.

    Returns:
        `plcc`, `srcc`, `krcc` and `rmse`.
    """
    return {
        "plcc": plcc(y_true, y_pred),
        "srcc": srcc(y_true, y_pred),
        "krcc": krcc(y_true, y_pred),
        "rmse": rmse(y_true, y_pred),
    }


def logistic_mapping(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Maps predictions by the 4-parameter logistic fitted to the scores.

    `(a - b) / (1 + exp(-(x - c) / d)) + b`; VQEG, final report on FR-TV
    phase I (2000), as the field does before PLCC and RMSE.

    Args:
        y_true: Readers' scores. Shape `[n]`.
        y_pred: Predicted scores. Shape `[n]`.

    Returns:
        Mapped predictions, shape `[n]`; the straight line of least squares
        where the logistic cannot be fitted or fits worse, and the predictions
        themselves if they are constant or fewer than five.

    Raises:
        ValueError: If the shapes differ, or a value is not finite.
    """
    y_true, y_pred = _checked(y_true, y_pred)
    if y_true.size < 5 or np.ptp(y_pred) == 0:
        return y_pred
    return fit_logistic(y_true, y_pred)(y_pred)


def fit_logistic(
    y_true: np.ndarray, y_pred: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Fits the mapping of `logistic_mapping`, for use on other predictions.

    Args:
        y_true: Readers' scores. Shape `[n]`, at least one.
        y_pred: Predictions on any scale. Shape `[n]`.

    Returns:
        A function of predictions of any shape: the logistic, or the straight
        line of least squares where it fits better or there are fewer than
        five scores; the mean score if predictions or scores are constant.

    Raises:
        ValueError: If the shapes differ, or a value is not finite.
    """
    y_true, y_pred = _checked(y_true, y_pred)
    if np.ptp(y_pred) == 0 or np.ptp(y_true) == 0:
        return np.polynomial.Polynomial([y_true.mean()])
    line = np.polynomial.Polynomial.fit(y_pred, y_true, 1)
    if y_true.size < 5:
        return line
    rising = np.corrcoef(y_true, y_pred)[0, 1] >= 0
    high, low = (
        (y_true.max(), y_true.min()) if rising else (y_true.min(), y_true.max())
    )
    start = [high, low, y_pred.mean(), max(y_pred.std(), 1e-6)]
    fit = optimize.least_squares(
        lambda parameters: _logistic(y_pred, *parameters) - y_true, start
    )

    def logistic(x: np.ndarray) -> np.ndarray:
        return _logistic(x, *fit.x)

    if not rmse(y_true, logistic(y_pred)) <= rmse(y_true, line(y_pred)):
        return line
    return logistic


def _logistic(
    x: np.ndarray, high: float, low: float, centre: float, width: float
) -> np.ndarray:
    """The 4-parameter logistic; the sign of the width gives the direction."""
    width = np.copysign(max(abs(width), 1e-9), width)
    return (high - low) * special.expit((x - centre) / width) + low


def _checked(
    y_true: np.ndarray, y_pred: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 vectors of one length without NaN."""
    y_true = np.asarray(y_true, np.float64)
    y_pred = np.asarray(y_pred, np.float64)
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(
            "y_true and y_pred must have one shape [n]. "
            f"Received: {y_true.shape} and {y_pred.shape}"
        )
    if not (np.isfinite(y_true).all() and np.isfinite(y_pred).all()):
        raise ValueError("Scores must be finite. Received: NaN or infinity")
    return y_true, y_pred


def _correlation(
    function: Callable, y_true: np.ndarray, y_pred: np.ndarray
) -> float:
    """One of scipy's correlations, NaN where none is defined."""
    y_true, y_pred = _checked(y_true, y_pred)
    if y_true.size < 2 or np.ptp(y_true) == 0 or np.ptp(y_pred) == 0:
        return float("nan")
    return float(function(y_true, y_pred).statistic)
