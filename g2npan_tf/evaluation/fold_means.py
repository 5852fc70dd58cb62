"""Figures as the mean of the folds, where pooling would mislead."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import significance
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.figures import Split


def judge(
    split: Split, fold: np.ndarray, predictions: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """SRCC within each fold, averaged, and how far the first method is above.

    Pooled, images of one fold are ranked against those of another, which was
    predicted by another fit: where algorithms or modalities are left out, the
    means of the training parts are high where the test part's scores are low,
    so that even a constant gets a pooled SRCC below 0.

    Args:
        split: The pooled folds.
        fold: Of each image. Text or numbers `[n]`.
        predictions: Predicted MOS `[n]` by method, the network's first.

    Returns:
        `methods`: by name `srcc` and the 95 % limits `low` and `high`, over
        resamples of `Split.unit` that are drawn in all folds alike; a method
        that is constant in every fold is left out. `gains`: by name of each
        other one `difference`, `low`, `high`, `p` and `p_holm`. `by_modality`,
        where there are several: of each what `methods` is of all.
    """
    means, gains = _judge(split, fold, predictions)
    figures.correct(list(gains.values()))
    modalities = {}
    names = np.unique(split.modality).tolist()
    for name in names[: len(names) * (len(names) > 1)]:
        rows = split.modality == name
        its = {key: values[rows] for key, values in predictions.items()}
        modalities[name], _ = _judge(split.at(rows), fold[rows], its)
    return {"methods": means, "gains": gains, "by_modality": modalities}


def _judge(
    split: Split, fold: np.ndarray, predictions: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`methods` and `gains` of `judge`, the latter not yet corrected."""
    parts = [fold == name for name in np.unique(fold)]
    names = [
        name
        for name, values in predictions.items()
        if any(np.ptp(values[part]) > 0 for part in parts)
    ]

    def means(rows: np.ndarray) -> list[float]:
        drawn = [rows[part[rows]] for part in parts]
        return [
            _mean_srcc(split.mos, predictions[name], drawn) for name in names
        ]

    measured = means(np.arange(len(split.mos)))
    values = figures.resample(split.unit, means, seed=0)
    methods = {}
    for index, name in enumerate(names):
        low, high = figures.limits(values[:, index])
        methods[name] = {"srcc": measured[index], "low": low, "high": high}
    first = next(iter(predictions))
    gains = {}
    if first in names:
        place = names.index(first)
        for index, name in enumerate(names):
            if name == first:
                continue
            differences = values[:, place] - values[:, index]
            low, high = figures.limits(differences)
            gains[name] = {
                "difference": measured[place] - measured[index],
                "low": low,
                "high": high,
                "p": significance.bootstrap_p(
                    differences, len(set(split.unit))
                ),
            }
    return methods, gains


def _mean_srcc(
    true: np.ndarray, predicted: np.ndarray, parts: list[np.ndarray]
) -> float:
    """Mean over the parts where it is defined; a draw may miss a fold."""
    values = [statistics.srcc(true[rows], predicted[rows]) for rows in parts]
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")
