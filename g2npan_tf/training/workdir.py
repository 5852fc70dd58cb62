"""The folder of a run: whose it is, what it says, when the run has ended."""

import csv
import json
import pathlib
import resource
from typing import Any

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import changes
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import NO_SPACE
from g2npan_tf.core.files import remove_leftovers
from g2npan_tf.core.files import written_aside
from g2npan_tf.data import protocols
from g2npan_tf.training import checkpoints
from g2npan_tf.training.stopping import gains_no_more

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


def earlier_facts(
    workdir: pathlib.Path, config: Config
) -> dict[str, Any] | None:
    """Looks whether a run is to go on, and refuses another experiment's.

    Args:
        workdir: Folder of the run; need not exist.
        config: What is to be trained.

    Returns:
        Facts of the data set of the run that is there; None at a new one.

    Raises:
        InputError: If a run of other settings is there; the field is named.
    """
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"--workdir={workdir}: a file; expected a folder")
    if not (workdir / "checkpoints").exists():
        return None
    before, facts = config_module.load(workdir / "config.json")
    values = before.to_json()
    # The cosine ends at the last epoch: with more of them it is another one.
    fixed = {"epochs"} if config.lr_schedule == "cosine" else set()
    for name, value in config.to_json().items():
        is_fixed = name not in MAY_CHANGE or name in fixed
        if is_fixed and values[name] != value:
            raise InputError(
                f"{workdir} holds a run with {name}={values[name]}, this "
                f"one has {name}={value}; expected the same flags or "
                "another --workdir"
            )
    return facts


def claim(workdir: pathlib.Path, config: Config, facts: dict[str, Any]) -> None:
    """Makes the workdir and writes config.json.

    Args:
        workdir: Folder of the run; what killed writers left is removed.
        config: Written.
        facts: Written beside it.

    Raises:
        InputError: If the folder cannot be written; an `OSError` if the disk
            is full.
    """
    path = workdir / "config.json"
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        remove_leftovers(workdir)
        checkpoints.remove_leftovers(workdir / "checkpoints")
        config_module.save(config, facts, path)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        raise InputError(f"--workdir={workdir}: {error}") from error


def end_of(progress: checkpoints.Progress, config: Config) -> str:
    """Why a run has ended.

    Args:
        progress: How far it is.
        config: `epochs` and `early_stopping_epochs` are used.

    Returns:
        A few words; empty if it goes on.
    """
    if progress.epoch >= config.epochs:
        return "all epochs"
    if gains_no_more(progress, config.early_stopping_epochs):
        return (
            f"early stopping: no better validation SRCC in "
            f"{progress.epoch - progress.best_epoch} epochs"
        )
    return ""


def earlier_summary(
    workdir: pathlib.Path, progress: checkpoints.Progress, config: Config
) -> dict[str, Any] | None:
    """The summary of a run that has ended, if it was not killed before that.

    Args:
        workdir: Folder of the run.
        progress: How far it is.
        config: As in `end_of`.

    Returns:
        What `write_summary` returned; None if there is something to do.
    """
    path = workdir / SUMMARY
    end = end_of(progress, config)
    if not end or not path.exists():
        return None
    summary = json.loads(path.read_text())
    if summary["epochs"] != progress.epoch:
        return None
    print(f"{workdir}: finished before ({end}), nothing to train")
    return summary


def write_summary(
    workdir: pathlib.Path,
    config: Config,
    facts: dict[str, Any],
    progress: checkpoints.Progress,
    seconds: float,
    images: int,
    has_validation: bool,
    calibration: dict[str, Any] | None,
) -> dict[str, Any]:
    """Writes `training.json`, which says that the run has ended.

    Args:
        workdir: Folder of the run.
        config: Of the run.
        facts: From `data.facts`.
        progress: How far the run is.
        seconds: Wall time of this session.
        images: Images of this session's steps.
        has_validation: Else the last epoch was kept, by no figure.
        calibration: From `recalibration.recalibrate`; None without it.

    Returns:
        What was written; `training.run` describes it.
    """
    summary = {
        "data": facts,
        "protocol": protocols.describe(config),
        "preset": config.preset,
        "changes": changes(config),
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "best_val_srcc": progress.best_figure if has_validation else None,
        "ended": end_of(progress, config),
        "calibration": calibration,
        "images_per_second": images / seconds,
        "wall_seconds": seconds,
        # ru_maxrss is in KiB on Linux.
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / 1024,
        "quality_loss": _quality_loss(workdir / "log.csv"),
    }
    with written_aside(workdir / SUMMARY) as aside:
        aside.write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def _quality_loss(log: pathlib.Path) -> list[float]:
    """The quality loss of the first and the last epoch."""
    if not log.exists():
        return []
    with log.open(newline="") as file:
        losses = [float(row["quality_loss"]) for row in csv.DictReader(file)]
    return [losses[0], losses[-1]]
