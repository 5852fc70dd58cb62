"""What a scorer is told of its training images: how far others are from them.

A score of a picture that is unlike all of these is a number like any other.
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

# A few hundred determine mean and covariance of 32 numbers; and so many bytes
# of pixels are held in memory.
_MAX_IMAGES = 1024
_MAX_BYTES = 2**28
_BATCH = 16
# Parts of the cases, each left out once.
_PARTS = 25
# Of the correlations' diagonal: what a few cases leave undetermined.
_RIDGE = 0.05
# A number that is the same in all images, as are those of colour where all are
# grey, has at least this deviation; and the outline this one.
_LEAST_DEVIATION = 0.2
_LEAST_OUTLINE = 0.05
# The quantile of distances that are taken for equal. From .95 to .99 it makes
# little difference.
_EQUAL = 0.97
# The least distance from one knot to the next.
_LEAST_GAP = 1e-4


@dataclasses.dataclass(frozen=True)
class Known:
    """From what a scope was found."""

    images: int
    cases: int


class Sample(NamedTuple):
    """What is known of some training images.

    Attributes:
        numbers: Their `summaries`.
        cases: The case of each, text `[n]`.
        algorithms: The algorithm of each, likewise.
    """

    numbers: np.ndarray
    cases: np.ndarray
    algorithms: np.ndarray


def sample(sources: Sequence[base.Source]) -> Sample:
    """Some of what a run trains on, the same ones each time.

    Choice: of the run's own data set; where that does not train, of what does.
    Beside 10,000 random fusions, whose colours and contrasts are of all kinds,
    a third of photographs lay outside, and beside the atlas alone all.

    `sources` are of `base.training_sources`.
    """
    own = sources[0]
    size = own.builder.info.features["image"].shape[0]
    rows = base.read_some([own], max_images(size))
    return Sample(summaries(rows["image"]), base.cases(rows), rows["algorithm"])


def max_images(size: int) -> int:
    """How many images of `[size, size, 3]` to fit a scope to, at most."""
    return max(2, min(_MAX_IMAGES, _MAX_BYTES // (3 * size**2)))


def add(path: pathlib.Path, known: Scope) -> bytes:
    """The content of a saved scorer's file with a scope in its graph."""
    scorer = keras.saving.load_model(path, compile=False, safe_mode=True)
    return checkpoints.content(
        with_scope(scorer, known).save, checkpoints.SCORER
    )


def summaries(images: np.ndarray) -> np.ndarray:
    """`model.scope.summary` of uint8 `[n, size, size, 3]`; `[n, 32]`."""
    net = inference_form(build_summary(images.shape[1]))
    return net.predict(images, batch_size=_BATCH, verbose=0)


def fit(numbers: np.ndarray, cases: np.ndarray) -> Scope:
    """Finds where training images lie, and how far unseen ones of them do.

    Choice: the percentiles are those of images whose case was left out
    (cross-fitting): an image is nearer to a mean and a covariance that it
    went into, so that more than 1 % of unseen cases would lie outside.

    Choice: the outline's distance and that of all else count alike, each by
    its own 97th percentile: as one number among 32 the outline says nothing.

    Args:
        numbers: `summaries` of training images, n > 1.
        cases: The case of each, text `[n]`. If there is one case only, images
            are left out.
    """
    x = np.asarray(numbers, np.float64)
    _, owner = np.unique(cases, return_inverse=True)
    if not owner.any():
        owner = np.arange(len(x))
    # Of cases that the data set has side by side each part has one.
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
    """Those of `model.scope.distance`, `[n]`."""
    return _distances(numbers @ kernel + offset)


def _distances(whitened: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(distance(whitened))


def _units(whitened: np.ndarray) -> np.ndarray:
    """What to divide each number by, `[d]`, so that both distances are alike.

    The squared distance is then the sum of theirs by `_EQUAL`.
    """
    dimensions = whitened.shape[1]
    rest, last = whitened[:, :-1], whitened[:, -1:]
    unit = np.ones(dimensions)
    for part, columns in ((rest, slice(-1)), (last, slice(-1, None))):
        equal = max(np.quantile(_distances(part), _EQUAL), _LEAST_GAP)
        unit[columns] = equal * np.sqrt(part.shape[1] / dimensions)
    return unit


def _whitening(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and offset that whiten `[n, d]`, the outline for itself."""
    rest, rest_offset = _gaussian(x[:, :-1], _LEAST_DEVIATION)
    last, last_offset = _gaussian(x[:, -1:], _LEAST_OUTLINE)
    kernel = linalg.block_diag(rest, last)
    return kernel, np.concatenate([rest_offset, last_offset])


def _gaussian(x: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and offset that whiten what `[n, d]` come from."""
    mean = x.mean(axis=0)
    deviation = np.maximum(x.std(axis=0), least)
    standard = (x - mean) / deviation
    covariance = standard.T @ standard / len(x)
    covariance += _RIDGE * np.eye(x.shape[1])
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    kernel = root / deviation[:, np.newaxis]
    return kernel, -mean @ kernel
