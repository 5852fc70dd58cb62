"""One run: data, networks, optimisers, fit, and what it leaves in a folder."""

import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from g2npan_tf.core import config as config_module
from g2npan_tf.core import mos
from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from g2npan_tf.data import batches as training_data
from g2npan_tf.model import precision
from g2npan_tf.training import build
from g2npan_tf.training import calibration as recalibration
from g2npan_tf.training import callbacks
from g2npan_tf.training import checkpoints
from g2npan_tf.training import distribution
from g2npan_tf.training import dry_run
from g2npan_tf.training import profiling
from g2npan_tf.training import start_weights
from g2npan_tf.training import workdir as run_folder
from g2npan_tf.training.stopping import StopOnNonFinite
from g2npan_tf.training.stopping import StopWithoutGain
from g2npan_tf.training.tensorboard import StepTime
from g2npan_tf.training.tensorboard import Summaries
from g2npan_tf.training.tensorboard import panel_rows


def run(
    config: Config,
    workdir: pathlib.Path,
    last_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Trains, or goes on training, in `workdir`.

    Args:
        config: The experiment.
        workdir: Gets `config.json`, `events/` (TensorBoard), `log.csv`,
            `checkpoints/`, `best.weights.h5`, `scorer.keras`, `training.json`.
            With 0 epochs it gets nothing and is not even made.
        last_callbacks: Called after all others, so after an epoch is saved.

    Returns:
        With 0 epochs what `dry_run.measure` says, else the content of
        `training.json`: data, protocol, preset; epochs, why it ended, best
        epoch and its figure; how the scores were calibrated (None: not);
        images per second, wall time in seconds and peak memory in MiB of the
        session that trained last; the quality loss of the first and the last
        epoch.

    Raises:
        InputError: If the data set, a file or a setting is not usable, or
            the workdir holds a run of another setting.
        FloatingPointError: If a loss is not finite.
    """
    start = time.monotonic()
    config = config_module.with_whole_paths(config)
    profiling.profiled_steps(config.profile)
    strategy = distribution.strategy(config)
    own = distribution.own_folder(strategy, workdir)
    builder = _open_base(strategy, config, workdir)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    parts = base.divide(builder, config)
    with strategy.scope():
        model = build.build(config, base.tiles_per_side(builder))

        def stream(*done_and_share: int) -> tuple[tf.data.Dataset, int]:
            grid = model.quality_network.output["cam_logits"].shape[1:]
            return training_data.training_batches(
                builder, parts.train, config, grid, *done_and_share
            )

        # The schedule needs the number of steps, the order the epochs done.
        batches, steps = stream()
        build.compile_model(model, config, steps)
        progress, best = checkpoints.restore(model, workdir / "checkpoints")
        if config.init_from and not progress.epoch:
            start_weights.load(model, config, base.facts(builder))
        if not config.epochs:
            return dry_run.measure(model, batches, steps, builder, config)
        ended = run_folder.end_of(progress, config)
        steps_left = (config.epochs - progress.epoch) * steps
        profiling.profiled_steps(config.profile, None if ended else steps_left)
        run_folder.claim(own, config, base.facts(builder))
        keeper = callbacks.Keeper(own, progress, best)
        keeper.publish()
        if summary := run_folder.earlier_summary(workdir, progress, config):
            return summary
        if not ended:
            batches = distribution.batches(
                strategy, lambda *share: stream(progress.epoch, *share)[0]
            )
            validation = base.read(builder, parts.validation)
            _fit(
                model,
                batches,
                steps,
                keeper,
                validation,
                config,
                last_callbacks,
            )
    calibration = None
    if config.calibrate_scores:
        calibration = _calibrate(model, keeper, builder, parts.known)
    done = keeper.progress.epoch - progress.epoch
    return run_folder.write_summary(
        own,
        config,
        base.facts(builder),
        keeper.progress,
        time.monotonic() - start,
        done * steps * config.batch_size,
        bool(parts.validation.size),
        calibration,
    )


def _fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    steps: int,
    keeper: callbacks.Keeper,
    validation: dict[str, Any],
    config: Config,
    last_callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Calls fit with the callbacks in the order that they need."""
    done = keeper.progress.epoch
    patience = config.early_stopping_epochs
    if patience and not len(validation["image"]):
        print("no validation part: no early stopping", file=sys.stderr)
    events = keeper.workdir / "events"
    step_time = StepTime(config.batch_size)
    model.fit(
        batches,
        epochs=config.epochs,
        initial_epoch=done,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[
            step_time,
            StopOnNonFinite(keeper.workdir / "checkpoints"),
            profiling.Profile(profiling.profiled_steps(config.profile), events),
            precision.LossScale(),
            callbacks.ValidationFigures(
                validation["image"],
                validation["mos"],
                max(1, config.batch_size // model.tiles_per_side**2),
            ),
            callbacks.LearningRate(),
            callbacks.LogFile(keeper.workdir / "log.csv"),
            Summaries(
                events,
                validation["image"][panel_rows(validation["mos"])],
                step_time,
            ),
            keeper,
            StopWithoutGain(keeper, patience),
            callbacks.ProgressBar(config.epochs, steps, done),
            *last_callbacks,
        ],
    )


def _calibrate(
    model: keras.Model,
    keeper: callbacks.Keeper,
    builder: tfds.core.DatasetBuilder,
    known: np.ndarray,
) -> dict[str, Any]:
    """Fits the best epoch's scorer to scores that a method may use."""
    # Drawn: every second one could be every second algorithm of each group.
    drawn = np.random.default_rng(0).permutation(known)
    rows = base.read(builder, np.sort(drawn[: recalibration.MAX_IMAGES]))
    scorer, done = recalibration.recalibrate(
        keeper.workdir / checkpoints.SCORER,
        rows["image"],
        mos.to_quality(rows["mos"]),
        model.tiles_per_side,
    )
    keeper.replace_scorer(model, scorer)
    return done


def _open_base(
    strategy: tf.distribute.Strategy, config: Config, workdir: pathlib.Path
) -> tfds.core.DatasetBuilder:
    """Opens the data set, once it is sure that this is the workdir's run."""
    before = run_folder.earlier_facts(workdir, config)
    if config.init_from and before is None:
        # Before the minutes that a data set may take to be built.
        start_weights.check(config)

    def opened() -> tfds.core.DatasetBuilder:
        # A run goes on with the very version of the base that it began with.
        if before:
            return base.reopen(config, before)
        return base.open_base(config)

    builder = distribution.chief_first(strategy, opened)
    _check_workers(strategy, config, builder, workdir)
    return builder


def _check_workers(
    strategy: tf.distribute.Strategy,
    config: Config,
    builder: tfds.core.DatasetBuilder,
    workdir: pathlib.Path,
) -> None:
    """Refuses workers that would train something else than the others.

    Before networks are built or loaded, which workers do in common.
    """
    if not distribution.has_others(strategy):
        return
    newest = checkpoints.newest(workdir / "checkpoints")
    flags = {
        f"--{name}": value
        for name, value in config.to_json().items()
        if name not in ("data_dir", "manual_dir", "init_from")
    }
    distribution.check_agreement(
        strategy,
        {
            "the last checkpoint": newest.name if newest else "none",
            "the data set": base.facts(builder)["name"],
            **flags,
        },
    )
