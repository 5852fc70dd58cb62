"""What a run on every image (`--protocol=all`) takes from a cross-validation.

Such a run has no image that it has not learned from, so that nothing of its
own could choose its last epoch, correct its scores or say how good they are.
The runs of a cross-validation of the same settings have: each its test part.
"""

import pathlib
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from g2npan_tf.core import config as config_module
from g2npan_tf.core import folds as core_folds
from g2npan_tf.core import mos
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.folds import Fold
from g2npan_tf.core.outputs import CROSS_VALIDATION
from g2npan_tf.core.outputs import SCORER
from g2npan_tf.data import base
from g2npan_tf.evaluation import conformal
from g2npan_tf.scoring.assessor import load_keras
from g2npan_tf.training import calibration
from g2npan_tf.training import workdir as run_folder
from g2npan_tf.training.calibration import Calibration

# A run on every image may differ from the others in these: which images train,
# and what no weight depends on.
_MAY_DIFFER = {
    *run_folder.MAY_CHANGE,
    "like",
    "protocol",
    "fold",
    "seed",
    "train_share",
    "validation_share",
    "deterministic",
}


class Unseen(NamedTuple):
    """What runs predict of images that they have not learned from.

    Attributes:
        logits: Of each tile of each image, float64 `[n, tiles]`.
        weights: How much each tile counts, likewise.
        quality: The readers', `[n]`, 0..1.
        cases: The case of each, text `[n]`.
    """

    logits: np.ndarray
    weights: np.ndarray
    quality: np.ndarray
    cases: np.ndarray


def settings(output: pathlib.Path) -> dict[str, Any]:
    """The settings of a finished cross-validation, with the epochs to train.

    Returns:
        Fields of `Config`; the protocol is still the cross-validation's.
    """
    folds = core_folds.finished(output)
    first = folds[0].config
    values = {name: getattr(first, name) for name in first.to_json()}
    return {**values, "fold": 0, "epochs": epochs(folds)}


def epochs(folds: Sequence[Fold]) -> int:
    """How many epochs a run on every image trains, without a validation part.

    Choice: the mean of the folds' best ones, rounded. A schedule that ends at
    the last epoch ends at this one.
    """
    done = [run_folder.read_summary(fold.folder) for fold in folds]
    return round(np.mean([one.best_epoch for one in done if one]))


def check(config: Config) -> list[Fold]:
    """The runs of the cross-validation that a configuration names.

    Raises:
        InputError: If it is not finished, or was of other settings.
    """
    folds = core_folds.finished(pathlib.Path(config.like))
    here = config_module.with_whole_paths(config)
    differing = core_folds.differences(here, folds[0].config, _MAY_DIFFER)
    if differing:
        raise InputError(
            f"--like={config.like}: a cross-validation of other settings: "
            f"{', '.join(f'--{text} there' for text in differing)}; expected "
            "the same flags, or none of these"
        )
    # A dry run has none.
    if config.epochs not in (0, epochs(folds)):
        raise InputError(
            f"--like={config.like} gives --epochs={epochs(folds)}; expected "
            f"this number, or no --epochs. Received: {config.epochs}"
        )
    return folds


def keep(config: Config, workdir: pathlib.Path) -> None:
    """Copies the cross-validation's figures into a run, for its card."""
    source = pathlib.Path(config.like, core_folds.RESULTS)
    with written_aside(workdir / CROSS_VALIDATION) as aside:
        aside.write_bytes(source.read_bytes())


def calibrate(
    folds: Sequence[Fold],
    builder: tfds.core.DatasetBuilder,
    tiles_per_side: int,
) -> Calibration:
    """Fits what folds predict of their own test parts, all together.

    Choice: it comes after the calibration of a run on its training images,
    which every fold has had as well and which takes away what differs from run
    to run. What is left, the same in every run, is that images which have
    trained have better scores than others.
    """
    found = unseen(folds, builder, tiles_per_side)
    fitted = calibration.fit(found.logits, found.weights, found.quality)
    return Calibration(*fitted, len(found.quality))


def interval(
    folds: Sequence[Fold],
    builder: tfds.core.DatasetBuilder,
    tiles_per_side: int,
    last: Calibration | None,
) -> conformal.Interval:
    """The interval of a run on every image: of folds' scores of test parts.

    Choice: a run on every image has no image that it has not seen, but more
    to learn from than a fold has, whose errors stand for its own.

    `last` is the step that corrects what folds predict of unseen images.
    """
    found = unseen(folds, builder, tiles_per_side)
    scale, offset = (last.scale, last.offset) if last else (1.0, 0.0)
    predicted = calibration.quality_of(
        found.logits, found.weights, scale, offset
    )
    return conformal.interval(
        mos.to_mos(predicted) - mos.to_mos(found.quality), found.cases
    )


def unseen(
    folds: Sequence[Fold],
    builder: tfds.core.DatasetBuilder,
    tiles_per_side: int,
) -> Unseen:
    """What the scorers of folds say of their own test parts.

    At most `calibration.MAX_IMAGES` of each. The builder is that of their data
    set.
    """
    parts = []
    for fold in folds:
        source = base.Source(builder, base.divide(builder, fold.config).test)
        rows = base.read_some([source], calibration.MAX_IMAGES)
        scorer = load_keras(fold.folder / SCORER)
        quality = np.asarray(mos.to_quality(rows["mos"]), np.float64)
        logits, weights = calibration.tile_logits(
            scorer, rows["image"], tiles_per_side
        )
        parts.append((logits, weights, quality, base.cases(rows)))
    return Unseen(*map(np.concatenate, zip(*parts, strict=True)))
