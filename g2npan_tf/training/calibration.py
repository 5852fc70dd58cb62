"""Brings a trained scorer's scores to the readers' scale, and adds an interval.

Networks that train on crops, and whose batch statistics move, predict scores
that are too close together and offset by an amount that differs from run to
run. That is harmless within a run, but not beside the scores of another.
"""

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np
from scipy import optimize
from scipy import special

from g2npan_tf.evaluation import conformal
from g2npan_tf.model.quality_network import mean_of_cells
from g2npan_tf.model.quality_network import weights_of_cells
from g2npan_tf.model.scorer import predict
from g2npan_tf.model.scorer import split_tiles
from g2npan_tf.model.scorer import tile_weights
from g2npan_tf.model.scorer import with_interval
from g2npan_tf.training import checkpoints

# Enough images to determine two numbers.
MAX_IMAGES = 512
_BATCH = 8
# Limits of scale and offset; beyond them the network says nothing of quality.
_SCALE = (0.1, 10.0)
_OFFSET = (-10.0, 10.0)
# A map of exactly 0 or 1 has no finite logit.
_LARGEST_LOGIT = 30.0


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What was done to the logit.

    Attributes:
        scale: Of the logit.
        offset: Added to the scaled logit.
        images: How many images it was fitted to.
        unseen: Its last step, if that was fitted to images that had not
            trained: to other runs' test parts.
    """

    scale: float
    offset: float
    images: int
    unseen: "Calibration | None" = None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Calibration":
        """Reads what `dataclasses.asdict` wrote, also in earlier versions."""
        unseen = values.get("unseen")
        last = {"unseen": cls.from_json(unseen)} if unseen else {}
        return cls(**{**values, **last})

    def then(self, last: "Calibration | None") -> "Calibration":
        """Joins this one and a last step."""
        if last is None:
            return self
        return Calibration(
            last.scale * self.scale,
            last.scale * self.offset + last.offset,
            self.images,
            last,
        )

    def __str__(self) -> str:
        return f"logit * {self.scale:.2f} {self.offset:+.2f}"


def unseen_interval(
    path: pathlib.Path,
    images: np.ndarray,
    scores: np.ndarray,
    cases: np.ndarray,
) -> conformal.Interval:
    """The interval of a saved scorer, from images that it has not seen.

    Choice: these images chose the epoch and were among those that two numbers
    were fitted to (`recalibrate`), which makes their residuals only a little
    smaller.

    Args:
        path: `scorer.keras`.
        images: uint8 `[n, size, size, 3]`, n > 0, of cases that no network
            learned from.
        scores: Readers' MOS, `[n]`.
        cases: Text `[n]`.
    """
    scorer = keras.saving.load_model(path, compile=False, safe_mode=True)
    predicted = predict(scorer, images, _BATCH)["mos"]
    return conformal.interval(predicted - np.asarray(scores, np.float64), cases)


def add_interval(path: pathlib.Path, added: conformal.Interval) -> bytes:
    """The bytes of a saved scorer's file after an interval was added to it."""
    scorer = keras.saving.load_model(path, compile=False, safe_mode=True)
    wider = with_interval(scorer, added.half_width)
    return checkpoints.content(wider.save, checkpoints.SCORER)


def fit(
    logits: np.ndarray, weights: np.ndarray, quality: np.ndarray
) -> tuple[float, float]:
    """The scale and offset of a network's logits that fit the readers best.

    Least squares of `sum(w * sigmoid(scale * logit + offset)) / sum(w)`
    against the quality.

    Choice: Platt's scaling (1999), here for a regression. The scale is above
    0, so that the order within a run does not change, unless there are tiles.

    `logits` are Q_pre of each tile of each image, `[n, tiles]`; `weights`, of
    the same shape and above 0, say how much each tile counts; `quality` is the
    readers', `[n]` in [0, 1].
    """

    def errors(values: np.ndarray) -> np.ndarray:
        scale, offset = np.exp(values[0]), values[1]
        return quality_of(logits, weights, scale, offset) - quality

    limits = list(zip(np.log(_SCALE), _OFFSET, strict=True))
    found = optimize.least_squares(errors, np.zeros(2), bounds=limits)
    return float(np.exp(found.x[0])), float(found.x[1])


def quality_of(
    logits: np.ndarray, weights: np.ndarray, scale: float, offset: float
) -> np.ndarray:
    """The quality of images, `[n]`, from what `fit` takes and what it finds."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    return (shares * special.expit(scale * logits + offset)).sum(axis=1)


def recalibrate(
    path: pathlib.Path,
    images: np.ndarray,
    quality: np.ndarray,
    tiles_per_side: int,
    last: Calibration | None = None,
) -> tuple[bytes, Calibration]:
    """Fits a saved scorer to readers' scores, which may have trained it.

    The result goes into the quality network's last layer, so that the class
    activation map still adds up to the score and the graph stays as it is.

    `images` are uint8 `[n, size, size, 3]`, n > 0, of the scorer's size,
    `quality` is the readers', `[n]` in [0, 1]. `last` is applied after the
    fit. Returns the bytes of the new `scorer.keras` and what was done; the old
    file is not changed.
    """
    scorer = keras.saving.load_model(path, compile=False, safe_mode=True)
    logits, weights = tile_logits(scorer, images, tiles_per_side)
    found = fit(logits, weights, np.asarray(quality, np.float64))
    done = Calibration(*found, len(images)).then(last)
    layer = scorer.get_layer("quality_network").get_layer("cam")
    kernel, bias = layer.get_weights()
    layer.set_weights([done.scale * kernel, done.scale * bias + done.offset])
    return checkpoints.content(scorer.save, checkpoints.SCORER), done


def tile_logits(
    scorer: keras.Model, images: np.ndarray, tiles_per_side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Logit and weight of each tile, float64 `[n, tiles]` both.

    `images` are as for `recalibrate`.
    """
    counted = weights_of_cells(scorer.get_layer("quality_network"))
    cam_only = keras.Model(scorer.input, scorer.output["cam"])
    logits, weights = [], []
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        cam = cam_only.predict_on_batch(batch).astype(np.float64)
        rows, side = len(cam), cam.shape[1] // tiles_per_side
        grid = (rows, tiles_per_side, side, tiles_per_side, side)
        tiles = split_tiles(batch.astype(np.float32) / 255, tiles_per_side)
        cells = np.clip(special.logit(cam), -_LARGEST_LOGIT, _LARGEST_LOGIT)
        cells = cells.reshape(grid).swapaxes(2, 3).reshape(-1, side, side)
        # The logit of a tile is the mean of its map's (Eq. 5).
        counts = counted(tiles) if counted else None
        pooled = mean_of_cells(cells, counts)
        logits.append(keras.ops.convert_to_numpy(pooled).reshape(rows, -1))
        weights.append(
            keras.ops.convert_to_numpy(
                tile_weights(tiles, tiles_per_side, counts)
            )
        )
    return np.concatenate(logits), np.concatenate(weights, dtype=np.float64)
