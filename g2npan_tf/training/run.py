"""One run: data, networks, optimisers, fit, and the files in its folder."""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
import tqdm
import tqdm.keras

from g2npan_tf.core import config as config_module
from g2npan_tf.core import mos
from g2npan_tf.core import run_names
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.folds import Fold
from g2npan_tf.core.outputs import LOG
from g2npan_tf.data import base
from g2npan_tf.data import batches as training_data
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import card
from g2npan_tf.evaluation import conformal
from g2npan_tf.model import precision
from g2npan_tf.model.quality_network import adapt
from g2npan_tf.model.scorer import split_tiles
from g2npan_tf.model.train_step import TrainingModel
from g2npan_tf.training import build
from g2npan_tf.training import calibration
from g2npan_tf.training import callbacks
from g2npan_tf.training import checkpoints
from g2npan_tf.training import distribution
from g2npan_tf.training import dry_run
from g2npan_tf.training import like
from g2npan_tf.training import scope
from g2npan_tf.training import start_weights
from g2npan_tf.training import tensorboard
from g2npan_tf.training import workdir as run_folder
from g2npan_tf.training.workdir import Summary

# Training images whose spectra give the stem its statistics.
ADAPTED_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class _Ready:
    """Everything that a run needs before its first step."""

    config: Config
    strategy: tf.distribute.Strategy
    builder: tfds.core.DatasetBuilder
    parts: protocols.Parts
    sources: Sequence[base.Source]  # What trains.
    facts: dict[str, Any]  # Of all data.
    folds: Sequence[Fold]  # Of the cross-validation in `like`, if any.
    model: TrainingModel
    steps: int
    progress: checkpoints.Progress
    best: checkpoints.Files

    def batches(self, *share: int) -> tf.data.Dataset:
        """The batches that come next; see `batches.training_batches`."""
        return training_data.training_batches(
            self.sources,
            build.sampling(self.config),
            _grid(self.model),
            self.progress.epoch,
            *share,
        )[0]


def run(
    config: Config,
    workdir: pathlib.Path,
    last_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Summary:
    """Trains in `workdir`, from the start or from where a run stopped.

    The folder gets `config.json`, `events/` (TensorBoard), `log.csv`,
    `checkpoints/`, `best.weights.h5`, `scorer.keras` and `training.json`.
    `last_callbacks` are called after an epoch is saved. A loss that is not
    finite raises `FloatingPointError`.
    """
    start = time.monotonic()
    ready = _prepare(config, workdir)
    config, progress = ready.config, ready.progress
    own = distribution.own_folder(ready.strategy, workdir)
    ended = run_folder.end_of(progress, config)
    steps_left = (config.epochs - progress.epoch) * ready.steps
    tensorboard.profiled_steps(config.profile, None if ended else steps_left)
    run_folder.claim(own, config, ready.facts)
    if config.like:
        like.keep(config, own)
    keeper = callbacks.Keeper(own, progress, ready.best)
    keeper.publish()
    done = run_folder.read_summary(workdir) if ended else None
    if done and done.epochs == progress.epoch:
        print(f"{workdir}: finished before ({ended}), nothing to train")
        return done
    if not ended:
        with ready.strategy.scope():
            _fit(ready, keeper, last_callbacks)
    calibrated = _calibrate(ready, keeper) if config.calibrate_scores else None
    interval = _add_interval(ready, keeper, calibrated)
    known = _add_scope(ready, keeper)
    seconds = time.monotonic() - start
    steps = (keeper.progress.epoch - progress.epoch) * ready.steps
    figure = keeper.progress.best_figure
    # -1.5: no epoch had one.
    has_figure = ready.parts.validation.size > 0 and figure >= -1
    summary = Summary(
        data=ready.facts,
        protocol=protocols.describe(config),
        preset=config.preset,
        changes=run_names.changes(config),
        epochs=keeper.progress.epoch,
        best_epoch=keeper.progress.best_epoch,
        best_val_srcc=figure if has_figure else None,
        ended=run_folder.end_of(keeper.progress, config),
        calibration=calibrated,
        interval=interval,
        scope=known,
        images_per_second=steps * config.batch_size / seconds,
        wall_seconds=seconds,
        peak_memory_mib=dry_run.peak_mib(),
        quality_loss=run_folder.quality_losses(own),
    )
    summary.write(own)
    if config.protocol == config_module.ALL:
        # Other runs get their card when they are evaluated.
        card.write(own, ready.model.tiles_per_side * config.tile_size)
    return summary


def measure(config: Config, workdir: pathlib.Path) -> dry_run.Measured:
    """A dry run: tries and measures what `run` would do, and saves nothing.

    The folder of the run is not even made.
    """
    ready = _prepare(config, workdir)
    with ready.strategy.scope():
        return dry_run.measure(
            ready.model,
            ready.batches(),
            ready.steps,
            ready.sources,
            ready.parts,
            ready.facts,
            ready.config,
        )


def _prepare(config: Config, workdir: pathlib.Path) -> _Ready:
    """Opens the data, builds the networks and loads where the run stands."""
    config = config_module.with_whole_paths(config)
    tensorboard.profiled_steps(config.profile)
    strategy = distribution.strategy(config)
    folds = like.check(config) if config.like else []
    builder, extra = _open_bases(strategy, config, workdir, folds)
    facts = base.run_facts(builder, extra, config)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    parts = base.divide(builder, config)
    sources = base.training_sources(builder, extra, config)
    with strategy.scope():
        model = build.build(
            config, base.tiles_per_side(builder, config.tile_size)
        )
        # The schedule needs the number of steps.
        steps = training_data.steps_of_epoch(sources, build.sampling(config))
        build.compile_model(model, config, steps)
        progress, best = checkpoints.restore(model, workdir / "checkpoints")
        if not progress.epoch:
            if config.use_spectrum or config.use_scene_statistics:
                _adapt(model, sources)
            start_weights.load(model, config, facts)
    return _Ready(
        config=config,
        strategy=strategy,
        builder=builder,
        parts=parts,
        sources=sources,
        facts=facts,
        folds=folds,
        model=model,
        steps=steps,
        progress=progress,
        best=best,
    )


def _adapt(model: TrainingModel, sources: Sequence[base.Source]) -> None:
    """Standardises a stem's input by some of the training images."""
    images = base.read_some(sources, ADAPTED_IMAGES)["image"]
    tiles = split_tiles(images.astype(np.float32) / 255, model.tiles_per_side)
    adapt(model.quality_network, keras.ops.convert_to_numpy(tiles))


def _grid(model: TrainingModel) -> tuple[int, int]:
    return model.quality_network.output["cam_logits"].shape[1:]


def _fit(
    ready: _Ready,
    keeper: callbacks.Keeper,
    last_callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Calls fit with the callbacks in the order that they need."""
    config, model = ready.config, ready.model
    validation = base.read(ready.builder, ready.parts.validation)
    patience = config.early_stopping_epochs
    is_expected = config.protocol == config_module.ALL
    if patience and not len(validation["image"]) and not is_expected:
        print("no validation part: no early stopping", file=sys.stderr)
    events = keeper.workdir / "events"
    step_time = tensorboard.StepTime(config.batch_size)
    on_terminal = sys.stderr.isatty()
    model.fit(
        distribution.batches(ready.strategy, ready.batches),
        epochs=config.epochs,
        initial_epoch=ready.progress.epoch,
        steps_per_epoch=ready.steps,
        shuffle=False,
        # A line an epoch.
        verbose=0 if on_terminal else 2,
        callbacks=[
            callbacks.Stages(config.epochs_alone),
            step_time,
            callbacks.StopOnNonFinite(keeper.workdir / "checkpoints"),
            *tensorboard.profiler(config.profile, events),
            precision.LossScale(),
            callbacks.ValidationFigures(
                validation["image"],
                validation["mos"],
                max(1, config.batch_size // model.tiles_per_side**2),
            ),
            callbacks.LearningRate(),
            callbacks.LogFile(keeper.workdir / LOG),
            tensorboard.Summaries(
                events,
                validation["image"][tensorboard.panel_rows(validation["mos"])],
                step_time,
            ),
            keeper,
            callbacks.StopWithoutGain(keeper, patience),
            tqdm.keras.TqdmCallback(
                tqdm_class=tqdm.tqdm,
                disable=not on_terminal,
                dynamic_ncols=True,
            ),
            keras.callbacks.ProgbarLogger(),
            *last_callbacks,
        ],
    )


def _calibrate(
    ready: _Ready, keeper: callbacks.Keeper
) -> calibration.Calibration:
    """Fits the best epoch's scorer to scores that a method may use.

    They are those of the run's own data set, or of the extra one if that
    trains alone. Where every image trains, the fit to the folds' test parts
    comes last.
    """
    sources = ready.sources
    if not ready.config.extra_only:
        sources = [base.Source(ready.builder, ready.parts.known)]
    rows = base.read_some(sources, calibration.MAX_IMAGES)
    tiles = ready.model.tiles_per_side
    scorer, done = calibration.recalibrate(
        keeper.workdir / checkpoints.SCORER,
        rows["image"],
        mos.to_quality(rows["mos"]),
        tiles,
        like.calibrate(ready.folds, ready.builder, tiles)
        if ready.folds
        else None,
    )
    keeper.replace_scorer(ready.model, scorer)
    return done


def _add_interval(
    ready: _Ready,
    keeper: callbacks.Keeper,
    calibrated: calibration.Calibration | None,
) -> conformal.Interval | None:
    """Adds an interval to the best epoch's scorer, from unseen cases.

    They are those of the validation part or, where every image trains, of the
    folds' test parts. Nothing is added if the validation part is the test part
    (`image`) or if there is none.
    """
    path = keeper.workdir / checkpoints.SCORER
    unseen = np.setdiff1d(ready.parts.validation, ready.parts.test)
    if ready.folds:
        added = like.interval(
            ready.folds,
            ready.builder,
            ready.model.tiles_per_side,
            calibrated and calibrated.unseen,
        )
    elif len(unseen):
        rows = base.read(ready.builder, unseen)
        added = calibration.unseen_interval(
            path, rows["image"], rows["mos"], base.cases(rows)
        )
    else:
        return None
    keeper.replace_scorer(ready.model, calibration.add_interval(path, added))
    return added


def _add_scope(ready: _Ready, keeper: callbacks.Keeper) -> scope.Known:
    """Adds a scope to the best epoch's scorer."""
    numbers, cases, _ = scope.sample(ready.sources)
    found = scope.fit(numbers, cases)
    scorer = scope.add(keeper.workdir / checkpoints.SCORER, found)
    keeper.replace_scorer(ready.model, scorer)
    return scope.Known(len(cases), len(np.unique(cases)))


def _open_bases(
    strategy: tf.distribute.Strategy,
    config: Config,
    workdir: pathlib.Path,
    folds: Sequence[Fold],
) -> tuple[tfds.core.DatasetBuilder, tfds.core.DatasetBuilder | None]:
    """Opens the data set, and that of `extra_data`, if there is one.

    First it makes sure that this is the workdir's run.
    """
    before = run_folder.earlier_facts(workdir, config)
    if before is None:
        # Before a data set is built, which may take minutes.
        start_weights.check(config)
    if folds:
        before = _same_facts(folds[0], before, workdir)

    def opened() -> tuple[
        tfds.core.DatasetBuilder, tfds.core.DatasetBuilder | None
    ]:
        # A run resumes on the version of the data set that it began with, and
        # a run with --like takes that of the cross-validation.
        if before:
            return (
                base.reopen(config, before),
                base.reopen_extra(config, before),
            )
        return base.open_base(config), base.open_extra(config)

    builder, extra = distribution.chief_first(strategy, opened)
    if distribution.has_others(strategy):
        facts = base.run_facts(builder, extra, config)
        distribution.check_agreement(
            strategy, _facts_in_common(config, facts, workdir)
        )
    return builder, extra


def _same_facts(
    fold: Fold, before: dict[str, Any] | None, workdir: pathlib.Path
) -> dict[str, Any]:
    """The facts of a fold's data, which the workdir's run must share."""
    if before not in (None, fold.facts):
        raise InputError(
            f"{workdir} already contains a run on other data than that in "
            f"{fold.folder} ({fold.facts['name']}); expected another --workdir"
        )
    return fold.facts


def _facts_in_common(
    config: Config, facts: dict[str, Any], workdir: pathlib.Path
) -> dict[str, Any]:
    """What all workers must agree on before they build networks together."""
    newest = checkpoints.newest(workdir / "checkpoints")
    flags = {
        f"--{name}": value
        for name, value in config.to_json().items()
        if name not in ("data_dir", "manual_dir", "init_from", "like")
    }
    return {
        "the last checkpoint": newest.name if newest else "none",
        "the data set": facts["name"],
        "the further data set": facts.get("extra_data", {}).get("name", "none"),
        **flags,
    }
