"""What a run on every image (`--protocol=all`) takes from a cross-validation.

Such a run has learned from all its images, so it has none to choose its last
epoch, correct its scores or say how good they are. The runs of a
cross-validation with the same settings have some: their test parts.
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

# A run on every image may differ from the others in which images train, and in
# what no weight depends on.
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
    """What runs predict for images that they have not learned from.

    Attributes:
        logits: Of each tile of each image, float64 `[n, tiles]`.
        weights: How much each tile counts, of the same shape.
        quality: The readers', `[n]`, 0..1.
        cases: The case of each. Text `[n]`.
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

    Choice: the mean of the folds' best epochs, rounded. Schedules that end at
    the last epoch end there.
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
    """Fits the folds' predictions of their own test parts, all together.

    Choice: this comes after the run's calibration on its training images. The
    folds had that as well, and it removes what differs from run to run. What
    remains is common to all runs: predictions are better for images that
    trained than for others.
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
    """The interval of a run on every image, from the folds' test parts.

    Choice: such a run has no unseen image, so the folds' errors stand for its
    own, although it learned from more images than each of them.

    `last`, from `calibrate`, corrects the folds' predictions first.
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
    """What the scorers of folds predict for their own test parts.

    At most `calibration.MAX_IMAGES` of each. `builder` is their data set's.
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
