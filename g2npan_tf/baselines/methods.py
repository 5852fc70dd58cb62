"""How each compared method turns images of a data set into scores."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from g2npan_tf.baselines.bmpri import bmpri_features
from g2npan_tf.baselines.bmpri import fit_bmpri
from g2npan_tf.baselines.bmpri import import_regression
from g2npan_tf.baselines.full_reference import fit_reference
from g2npan_tf.baselines.full_reference import reference_features
from g2npan_tf.baselines.full_reference import reference_rmse
from g2npan_tf.baselines.grey_levels import luminance
from g2npan_tf.baselines.hossny import hossny
from g2npan_tf.baselines.oefp import oefp
from g2npan_tf.baselines.rsfe import rsfe
from g2npan_tf.baselines.tang import tang
from g2npan_tf.baselines.tsallis import tsallis
from g2npan_tf.evaluation import statistics

Rows = dict[str, Any]
Predictor = Callable[[np.ndarray], np.ndarray]
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def fit_logistic(values: np.ndarray, mos: np.ndarray) -> Predictor:
    """What "retrained" can mean for a measure that learns nothing.

    Section: 4.2

    Choice: the 4-parameter logistic of the field, from measure to MOS. It is
    monotone: what it can change is the scale, and the direction.
    """
    # The measures' units differ by some orders of magnitude.
    centre, spread = np.mean(values), np.std(values) or 1.0
    mapping = statistics.fit_logistic(mos, (values - centre) / spread)
    return lambda others: mapping((others - centre) / spread)


@dataclasses.dataclass(frozen=True)
class Method:
    """A compared method of Table 1, or a yardstick.

    Attributes:
        measure: Takes rows as `data.base.read` gives them (`image` is uint8
            `[n, height, width, 3]`, RGB; `source_a` and `source_b` likewise
            if `needs_sources`); gives values `[n]`, higher is better, or
            features `[n, features]`.
        direction: What the values of the measure mean, in words.
        fit: Takes values or features of the training part and its MOS;
            gives a function of values or features that predicts MOS.
        fitted: What is fitted, in words.
        needs_reference: Whether it looks at `reference`, likewise. Such a
            method is a yardstick and none of Table 1.
    """

    measure: Callable[[Rows], np.ndarray]
    needs_sources: bool
    direction: str
    fit: Callable[[np.ndarray, np.ndarray], Predictor] = fit_logistic
    fitted: str = "logistic mapping"
    needs_reference: bool = False


def _of_sources(measure: Measure) -> Callable[[Rows], np.ndarray]:
    """A fusion measure as a function of rows, on their luminance (BT.601)."""

    def measured(rows: Rows) -> np.ndarray:
        columns = (rows[name] for name in ("source_a", "source_b", "image"))
        values = [
            measure(*map(luminance, images))
            for images in zip(*columns, strict=True)
        ]
        return np.array(values, np.float64)

    return measured


def _of_reference(
    measure: Callable[[np.ndarray, np.ndarray], Any],
) -> Callable[[Rows], np.ndarray]:
    """A measure against the true reference as a function of rows."""
    return lambda rows: np.array(
        [
            measure(image, reference)
            for image, reference in zip(
                rows["image"], rows["reference"], strict=True
            )
        ]
    )


def _bmpri(rows: Rows) -> np.ndarray:
    """Features of every image, in colour as it is stored."""
    # Sooner than after some minutes of features.
    import_regression()
    return np.array([bmpri_features(image) for image in rows["image"]])


def _tang(rows: Rows) -> np.ndarray:
    """The Tang-style measure of every image."""
    return np.array([tang(image) for image in rows["image"]])


METHODS: dict[str, Method] = {
    "bmpri": Method(
        measure=_bmpri,
        needs_sources=False,
        direction="20 features",
        fit=fit_bmpri,
        fitted="support vector regression",
    ),
    "full_reference": Method(
        _of_reference(reference_features),
        False,
        "8 features of image and true reference",
        needs_reference=True,
        fit=fit_reference,
        fitted="support vector regression",
    ),
    "hossny": Method(_of_sources(hossny), True, "higher is better"),
    "oefp": Method(_of_sources(oefp), True, "higher is better"),
    "reference_rmse": Method(
        _of_reference(lambda image, true: -reference_rmse(image, true)),
        False,
        "-RMSE to the true reference, higher is better",
        needs_reference=True,
    ),
    "rsfe": Method(
        _of_sources(lambda a, b, fused: -abs(rsfe(a, b, fused))),
        True,
        "-|rSFe|, closest to 0 is best",
    ),
    "tang": Method(_tang, False, "higher is better"),
    "tsallis": Method(_of_sources(tsallis), True, "higher is better"),
}
