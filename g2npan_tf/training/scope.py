"""Fits a scorer's scope: where its training images lie, and how far others are.

Without it the score of a foreign picture looks like any other score.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from scipy import linalg

from g2npan_tf.data import base
from g2npan_tf.model.inference_form import inference_form
from g2npan_tf.model.scope import PERCENTS
from g2npan_tf.model.scope import Scope
from g2npan_tf.model.scope import build_summary
from g2npan_tf.model.scope import distance
from g2npan_tf.model.scope import with_scope
from g2npan_tf.training import checkpoints

# A few hundred images determine the mean and covariance of 32 numbers. Of large
# images fewer are read, to bound the memory for their pixels.
_MAX_IMAGES = 1024
_MAX_BYTES = 2**28
_BATCH = 16
# Parts of the cases, each left out once.
_PARTS = 25
# Added to the diagonal of the correlations, which a few cases leave uncertain.
_RIDGE = 0.05
# The least deviation of a number over the images, since some are the same in
# all, such as the colours of grey images; and that of the outline.
_LEAST_DEVIATION = 0.2
_LEAST_OUTLINE = 0.05
# The quantile at which both distances count alike. From .95 to .99 it makes
# little difference.
_EQUAL = 0.97
# The least distance from one knot to the next.
_LEAST_GAP = 1e-4


@dataclasses.dataclass(frozen=True)
class Known:
    """How much a scope was fitted to."""

    images: int
    cases: int


class Sample(NamedTuple):
    """Some training images.

    Attributes:
        numbers: Their `summaries`.
        cases: The case of each. Text `[n]`.
        algorithms: The algorithm of each. Text `[n]`.
    """

    numbers: np.ndarray
    cases: np.ndarray
    algorithms: np.ndarray


def sample(sources: Sequence[base.Source]) -> Sample:
    """Reads some of a run's training images, the same ones each time.

    Choice: only those of the run's own data set, or of the extra one where
    that trains alone. Beside 10,000 random fusions, which have all kinds of
    colours and contrasts, a third of photographs lay outside; beside the atlas
    alone, all of them.

    `sources` come from `base.training_sources`.
    """
    own = sources[0]
    size = own.builder.info.features["image"].shape[0]
    rows = base.read_some([own], max_images(size))
    return Sample(summaries(rows["image"]), base.cases(rows), rows["algorithm"])


def max_images(size: int) -> int:
    """How many images of `[size, size, 3]` to fit a scope to, at most."""
    return max(2, min(_MAX_IMAGES, _MAX_BYTES // (3 * size**2)))


def add(path: pathlib.Path, known: Scope) -> bytes:
    """The bytes of a saved scorer's file after a scope was added to it."""
    scorer = keras.saving.load_model(path, compile=False, safe_mode=True)
    return checkpoints.content(
        with_scope(scorer, known).save, checkpoints.SCORER
    )


def summaries(images: np.ndarray) -> np.ndarray:
    """`model.scope.summary` of uint8 `[n, size, size, 3]`; `[n, 32]`."""
    net = inference_form(build_summary(images.shape[1]))
    return net.predict(images, batch_size=_BATCH, verbose=0)


def fit(numbers: np.ndarray, cases: np.ndarray) -> Scope:
    """Fits a Gaussian to training images, and how far unseen ones are from it.

    Choice: the percentiles are those of images whose case was left out
    (cross-fitting). An image is nearer to a mean and covariance that it went
    into, so otherwise more than 1 % of unseen cases would lie outside.

    Choice: the outline's distance and that of all other numbers count alike,
    each in units of its 97th percentile: as one number among 32 the outline
    would say nothing.

    Args:
        numbers: `summaries` of training images, n > 1.
        cases: The case of each. Text `[n]`. If there is only one, single
            images are left out instead.
    """
    x = np.asarray(numbers, np.float64)
    _, owner = np.unique(cases, return_inverse=True)
    if not owner.any():
        owner = np.arange(len(x))
    # Neighbouring cases of a data set go into different parts.
    part = owner % min(_PARTS, owner.max() + 1)
    whitened = np.zeros(x.shape)
    for out in (part == k for k in np.unique(part)):
        kernel, offset = _whitening(x[~out])
        whitened[out] = x[out] @ kernel + offset
    unit = _units(whitened)
    knots = np.quantile(_distances(whitened / unit), np.array(PERCENTS) / 100)
    least = _LEAST_GAP * np.arange(len(knots))
    knots = np.maximum.accumulate(knots - least) + least
    kernel, offset = _whitening(x)
    return Scope(kernel / unit, offset / unit, knots)


def distances(
    numbers: np.ndarray, kernel: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """`model.scope.distance` of `summaries`; `[n]`."""
    return _distances(numbers @ kernel + offset)


def _distances(whitened: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(distance(whitened))


def _units(whitened: np.ndarray) -> np.ndarray:
    """What to divide each number by, so that both distances count alike; `[d]`.

    Each of the two is then in units of its quantile `_EQUAL`.
    """
    dimensions = whitened.shape[1]
    rest, last = whitened[:, :-1], whitened[:, -1:]
    unit = np.ones(dimensions)
    for part, columns in ((rest, slice(-1)), (last, slice(-1, None))):
        equal = max(np.quantile(_distances(part), _EQUAL), _LEAST_GAP)
        unit[columns] = equal * np.sqrt(part.shape[1] / dimensions)
    return unit


def _whitening(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and offset that whiten `[n, d]`, the outline by itself."""
    rest, rest_offset = _gaussian(x[:, :-1], _LEAST_DEVIATION)
    last, last_offset = _gaussian(x[:, -1:], _LEAST_OUTLINE)
    kernel = linalg.block_diag(rest, last)
    return kernel, np.concatenate([rest_offset, last_offset])


def _gaussian(x: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and offset that whiten the distribution of `[n, d]`."""
    mean = x.mean(axis=0)
    deviation = np.maximum(x.std(axis=0), least)
    standard = (x - mean) / deviation
    covariance = standard.T @ standard / len(x)
    covariance += _RIDGE * np.eye(x.shape[1])
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    kernel = root / deviation[:, np.newaxis]
    return kernel, -mean @ kernel
