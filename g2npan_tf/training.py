"""One run: data, networks, optimisers, fit, and what it leaves in a folder."""

import csv
import dataclasses
import json
import os
import pathlib
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from g2npan_tf import callbacks
from g2npan_tf import checkpoints
from g2npan_tf import config as config_module
from g2npan_tf import data
from g2npan_tf import distribution
from g2npan_tf import dry_run
from g2npan_tf import experiment
from g2npan_tf import precision
from g2npan_tf import profiling
from g2npan_tf import protocols
from g2npan_tf import warm_start
from g2npan_tf.atomic_file import NO_SPACE
from g2npan_tf.atomic_file import remove_leftovers
from g2npan_tf.atomic_file import written_aside
from g2npan_tf.config import Config
from g2npan_tf.errors import InputError
from g2npan_tf.stopping import StopOnNonFinite
from g2npan_tf.stopping import StopWithoutGain
from g2npan_tf.stopping import gains_no_more
from g2npan_tf.summaries import StepTime
from g2npan_tf.summaries import Summaries
from g2npan_tf.summaries import panel_rows

SUMMARY = "training.json"
# What a resumed run may have otherwise: how long, where, on what.
MAY_CHANGE = (
    "epochs",
    "early_stopping_epochs",
    "grace_seconds",
    "data_dir",
    "manual_dir",
    "distribute",
    "profile",
)


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
        epoch and its figure; images per second, wall time in seconds and peak
        memory in MiB of the session that trained last; the quality loss of
        the first and the last epoch.

    Raises:
        InputError: If the data base, a file or a setting is not usable, or
            the workdir holds a run of another setting.
        FloatingPointError: If a loss is not finite.
    """
    start = time.monotonic()
    config = _with_whole_paths(config)
    profiling.profiled_steps(config.profile)
    strategy = distribution.strategy(config)
    before = _earlier_facts(workdir, config)
    if config.init_from and before is None:
        # Before the minutes that a data base may take to be built.
        warm_start.check(config)
    # A run goes on with the very version of the data base that it began with.
    own = distribution.own_folder(strategy, workdir)
    builder = distribution.chief_first(
        strategy,
        lambda: (
            data.reopen(config, before) if before else data.open_base(config)
        ),
    )
    _check_base(before, data.facts(builder), config)
    _check_workers(strategy, config, builder, workdir)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    parts = data.divide(builder, config)
    with strategy.scope():
        model = experiment.build(config, data.tiles_per_side(builder))
        grid = model.quality_network.output["cam_logits"].shape[1:]
        # The schedule needs the number of steps, the order the epochs done.
        batches, steps = data.training_batches(
            builder, parts.train, config, grid
        )
        experiment.compile_model(model, config, steps)
        progress, best = checkpoints.restore(model, workdir / "checkpoints")
        if config.init_from and not progress.epoch:
            warm_start.load(model, config, data.facts(builder))
        if not config.epochs:
            return dry_run.measure(model, batches, steps, builder, config)
        profiling.profiled_steps(
            config.profile, _steps_left(progress, config, steps)
        )
        _claim(own, config, data.facts(builder))
        keeper = callbacks.Keeper(own, progress, best)
        keeper.publish()
        summary_path = workdir / SUMMARY
        if summary := _earlier_summary(progress, config, summary_path):
            return summary
        batches = distribution.batches(
            strategy,
            lambda *share: data.training_batches(
                builder, parts.train, config, grid, progress.epoch, *share
            )[0],
        )
        _fit(
            model,
            batches,
            steps,
            keeper,
            data.read(builder, parts.validation),
            config,
            last_callbacks,
        )
    summary = {
        "data": data.facts(builder),
        "protocol": protocols.describe(config),
        "preset": config.preset,
        **_summary(keeper.progress, config, steps, progress.epoch, start),
        "quality_loss": _first_and_last(own / "log.csv"),
    }
    if not parts.validation.size:
        # The last epoch was kept, by no figure.
        summary["best_val_srcc"] = None
    with written_aside(own / SUMMARY) as aside:
        aside.write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def _with_whole_paths(config: Config) -> Config:
    """The same with absolute folders, so that a run may be read elsewhere."""
    return dataclasses.replace(
        config,
        **{
            name: os.path.abspath(getattr(config, name))
            for name in ("data_dir", "manual_dir", "init_from")
            if getattr(config, name)
        },
    )


def _earlier_facts(
    workdir: pathlib.Path, config: Config
) -> dict[str, Any] | None:
    """Facts of the run that is to go on; refuses another experiment's."""
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"--workdir={workdir}: a file; expected a folder")
    if not (workdir / "checkpoints").exists():
        return None
    before, facts = config_module.load(workdir / "config.json")
    values = before.to_json()
    for name, value in config.to_json().items():
        if name not in MAY_CHANGE and values[name] != value:
            raise InputError(
                f"{workdir} holds a run with {name}={values[name]}, this "
                f"one has {name}={value}; expected the same flags or "
                "another --workdir"
            )
    return facts


def _check_workers(
    strategy: tf.distribute.Strategy,
    config: Config,
    builder: Any,
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
        if name not in ("data_dir", "manual_dir")
    }
    distribution.check_agreement(
        strategy,
        {
            "the last checkpoint": newest.name if newest else "none",
            "the data base": data.facts(builder)["name"],
            **flags,
        },
    )


def _check_base(
    before: dict[str, Any] | None, facts: dict[str, Any], config: Config
) -> None:
    """Refuses to go on with a data base of the same name that holds others."""
    for name, value in (before or {}).items():
        if json.loads(json.dumps(facts.get(name))) != value:
            raise InputError(
                f"--data_dir={config.data_dir}: the run began on a "
                f"{facts['name']} with {name}={value}, this one has "
                f"{name}={facts.get(name)}; expected the same data base"
            )


def _claim(
    workdir: pathlib.Path, config: Config, facts: dict[str, Any]
) -> None:
    """Makes the workdir and writes config.json."""
    path = workdir / "config.json"
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        remove_leftovers(workdir)
        config_module.save(config, facts, path)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        raise InputError(f"--workdir={workdir}: {error}") from error


def _steps_left(
    progress: checkpoints.Progress, config: Config, steps: int
) -> int | None:
    """Steps of this session; None if the run has ended."""
    if _end(progress, config):
        return None
    return (config.epochs - progress.epoch) * steps


def _earlier_summary(
    progress: checkpoints.Progress, config: Config, path: pathlib.Path
) -> dict[str, Any] | None:
    """The summary of a run that has ended, if it was not killed before that."""
    end = _end(progress, config)
    if not end or not path.exists():
        return None
    summary = json.loads(path.read_text())
    if summary["epochs"] != progress.epoch:
        return None
    print(f"{path.parent}: finished before ({end}), nothing to train")
    return summary


def _end(progress: checkpoints.Progress, config: Config) -> str:
    """Why a run has ended; empty if it goes on."""
    if progress.epoch >= config.epochs:
        return "all epochs"
    if gains_no_more(progress, config.early_stopping_epochs):
        return (
            f"early stopping: no better validation SRCC in "
            f"{progress.epoch - progress.best_epoch} epochs"
        )
    return ""


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
    if _end(keeper.progress, config):
        return
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


def _first_and_last(log: pathlib.Path) -> list[float]:
    """The quality loss of the first and the last epoch."""
    if not log.exists():
        return []
    with log.open(newline="") as file:
        losses = [float(row["quality_loss"]) for row in csv.DictReader(file)]
    return [losses[0], losses[-1]]


def _summary(
    progress: checkpoints.Progress,
    config: Config,
    steps: int,
    first_epoch: int,
    start: float,
) -> dict[str, Any]:
    """Figures of the run for `training.json`."""
    seconds = time.monotonic() - start
    images = (progress.epoch - first_epoch) * steps * config.batch_size
    return {
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "best_val_srcc": progress.best_figure,
        "ended": _end(progress, config),
        "images_per_second": images / seconds,
        "wall_seconds": seconds,
        # ru_maxrss is in KiB on Linux.
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / 1024,
    }
