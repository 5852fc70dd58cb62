"""The folder of a run: whose it is, what it says, when the run has ended."""

import csv
import dataclasses
import json
import pathlib
from typing import Any

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import NO_SPACE
from g2npan_tf.core.files import remove_leftovers
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.outputs import LOG
from g2npan_tf.core.outputs import SUMMARY
from g2npan_tf.evaluation.conformal import Interval
from g2npan_tf.training import checkpoints
from g2npan_tf.training.calibration import Calibration
from g2npan_tf.training.scope import Known

# What may differ in a resumed run: how long, where, on what.
MAY_CHANGE = (
    "epochs",
    "early_stopping_epochs",
    "grace_seconds",
    "data_dir",
    "manual_dir",
    "distribute",
    "profile",
)


@dataclasses.dataclass(frozen=True)
class Summary:
    """What `training.json` holds of a run that has ended."""

    data: dict[str, Any]  # Facts of the data set.
    protocol: str  # In words.
    preset: str
    changes: list[str]  # From `run_names.changes`.
    epochs: int  # Finished.
    best_epoch: int  # From 1.
    best_val_srcc: float | None  # None: there is none, the last is kept.
    ended: str  # Why, in words.
    calibration: Calibration | None
    interval: Interval | None
    scope: Known | None
    # Of the session that trained last, all in all.
    images_per_second: float
    wall_seconds: float
    peak_memory_mib: float
    # Of the first and the last epoch in which AQA trained, if there was any.
    quality_loss: list[float]

    def write(self, workdir: pathlib.Path) -> None:
        """Writes the file, by which the run has ended."""
        text = json.dumps(dataclasses.asdict(self), indent=2)
        with written_aside(workdir / SUMMARY) as aside:
            aside.write_text(text + "\n")


def read_summary(workdir: pathlib.Path) -> Summary | None:
    """Reads `training.json`, also of earlier versions; None if not there."""
    path = workdir / SUMMARY
    if not path.exists():
        return None
    old: dict[str, Any] = {
        "changes": [],
        "calibration": None,
        "interval": None,
        "scope": None,
    }
    kept = old | json.loads(path.read_text())
    if kept["calibration"]:
        kept["calibration"] = Calibration.from_json(kept["calibration"])
    if kept["interval"]:
        kept["interval"] = Interval(**kept["interval"])
    if kept["scope"]:
        kept["scope"] = Known(**kept["scope"])
    fields = (field.name for field in dataclasses.fields(Summary))
    return Summary(**{name: kept[name] for name in fields})


def earlier_facts(
    workdir: pathlib.Path, config: Config
) -> dict[str, Any] | None:
    """Facts of the data set of the run that is there; None at a new one.

    A run of other settings is refused; the field is named.
    """
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"--workdir={workdir}: a file; expected a folder")
    if not (workdir / "checkpoints").exists():
        return None
    before, facts = config_module.load(workdir / "config.json")
    values = before.to_json()
    # A cosine ends at the last epoch: with more of them it is another one.
    fixed = set() if config.lr_schedule == "step" else {"epochs"}
    for name, value in config.to_json().items():
        is_fixed = name not in MAY_CHANGE or name in fixed
        if is_fixed and values[name] != value:
            raise InputError(
                f"{workdir} already contains a run with {name}={values[name]}, "
                f"but {name}={value} was given; expected the same flags or "
                "another --workdir"
            )
    return facts


def claim(workdir: pathlib.Path, config: Config, facts: dict[str, Any]) -> None:
    """Makes the workdir, clears it of killed writers, writes config.json.

    A folder that cannot be written is an `InputError`, a full disk an
    `OSError`.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        remove_leftovers(workdir)
        checkpoints.remove_leftovers(workdir / "checkpoints")
        config_module.save(config, facts, workdir / "config.json")
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        raise InputError(f"--workdir={workdir}: {error}") from error


def end_of(progress: checkpoints.Progress, config: Config) -> str:
    """Why a run has ended, in a few words; empty if it has not."""
    if progress.epoch >= config.epochs:
        return "all epochs"
    if progress.gains_no_more(config.early_stopping_epochs):
        return (
            f"early stopping: no better validation SRCC in "
            f"{progress.epoch - progress.best_epoch} epochs"
        )
    return ""


def has_ended(workdir: pathlib.Path, config: Config) -> bool:
    """Whether a run has nothing left to train; other settings are refused."""
    earlier_facts(workdir, config_module.with_whole_paths(config))
    done = read_summary(workdir)
    if done is None:
        return False
    figure = done.best_val_srcc or 0.0
    progress = checkpoints.Progress(done.epochs, done.best_epoch, figure)
    return bool(end_of(progress, config))


def quality_losses(workdir: pathlib.Path) -> list[float]:
    """The quality loss of the first and the last epoch, by the log.

    Epochs of a generator that trains alone have none.
    """
    log = workdir / LOG
    if not log.exists():
        return []
    with log.open(newline="") as file:
        rows = csv.DictReader(file)
        losses = [float(x) for row in rows if (x := row.get("quality_loss"))]
    return [losses[0], losses[-1]] if losses else []
