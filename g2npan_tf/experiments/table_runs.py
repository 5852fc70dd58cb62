"""Trains, measures and finds again what a row of a table is made of."""

import dataclasses
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from g2npan_tf.baselines.run import SETTINGS
from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import BOTH
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation.figures import Part
from g2npan_tf.evaluation.results import pooled
from g2npan_tf.evaluation.results import read_predictions
from g2npan_tf.experiments import cross_validate
from g2npan_tf.experiments.paper_tables import Row

# Protocols whose parts are judged one by one and averaged: draws have images
# in common; where algorithms or modalities are left out, pooling would rank
# the parts' means (see `figures.fold_means`).
_SINGLE = ("ratio", "leave_modality_out", "leave_algorithm_out", BOTH)


@dataclasses.dataclass(frozen=True)
class Job:
    """A row of a table with all that it takes to fill it.

    Attributes:
        row: Of the table.
        config: Its configuration.
        folder: Where its runs are kept.
        folds: Test folds, or draws of the protocol `ratio`.
        seeds: Of the training.
    """

    row: Row
    config: Config
    folder: pathlib.Path
    folds: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def runs(self) -> dict[tuple[int, int], Config]:
        """Configuration of each run by seed and fold."""
        return {
            (seed, fold): dataclasses.replace(self.config, seed=seed, fold=fold)
            for seed in self.seeds
            for fold in self.folds
        }


def run(job: Job, facts: dict[str, Any]) -> None:
    """Trains or measures what is not finished, one after the other.

    Args:
        job: What is needed.
        facts: Of the data set, kept beside a compared method's figures.

    Raises:
        InputError: If a run fails; the line of its log is in it.
    """
    if not job.row.method:
        cross_validate.run_all(job.runs, job.folder, jobs=1)
        return
    for path, flags in _measurements(job).items():
        if not path.exists():
            _measure(job, path, flags)
    config_module.save(job.config, facts, job.folder / "config.json")


def missing(job: Job) -> int:
    """How many runs are not finished.

    Args:
        job: What is needed.

    Returns:
        0 if the row can be filled.

    Raises:
        InputError: If a folder holds another experiment's run.
    """
    if job.row.method:
        return sum(not path.exists() for path in _measurements(job))
    return sum(
        not cross_validate.is_done(
            config, cross_validate.folder_of(job.folder, *key)
        )
        for key, config in job.runs.items()
    )


def parts(job: Job) -> list[Part]:
    """Reads the predictions of a row that is finished.

    Args:
        job: What was run.

    Returns:
        One part for each seed; under `ratio` and where algorithms or
        modalities are left out for each seed and draw.
    """
    if job.row.method:
        by_draw = {
            draw: pooled([read_predictions(path) for path in paths])
            for draw, paths in _by_draw(job, _measured_paths(job)).items()
        }
        return [Part("", draw, images) for draw, images in by_draw.items()]
    found = []
    for seed in job.seeds:
        paths = {
            fold: cross_validate.folder_of(job.folder, seed, fold)
            / "evaluation"
            / "predictions.csv"
            for fold in job.folds
        }
        for draw, members in _by_draw(job, paths).items():
            images = pooled([read_predictions(path) for path in members])
            found.append(Part(str(seed), draw, images))
    return found


def summaries(job: Job) -> list[dict[str, Any]]:
    """What the training runs of a row say at their end.

    Args:
        job: What was run.

    Returns:
        `training.json` of each run; none for a compared method.
    """
    if job.row.method:
        return []
    folders = [cross_validate.folder_of(job.folder, *key) for key in job.runs]
    return [json.loads((f / "training.json").read_text()) for f in folders]


def facts_of(job: Job) -> list[dict[str, Any]]:
    """What the runs of a row say about their data set.

    Args:
        job: What was run.

    Returns:
        From `config.json` of each.
    """
    if job.row.method:
        folders = [job.folder]
    else:
        folders = [
            cross_validate.folder_of(job.folder, *key) for key in job.runs
        ]
    return [config_module.load(f / "config.json")[1] for f in folders]


def _measurements(job: Job) -> dict[pathlib.Path, list[str]]:
    """Files of a compared method, and the flags that make each."""
    pooled = len(job.folds) == NUM_FOLDS and job.config.protocol not in _SINGLE
    if pooled:
        return {job.folder / "all.csv": ["--split=all"]}
    return {
        job.folder / f"fold_{fold}.csv": ["--split=fold", f"--fold={fold}"]
        for fold in job.folds
    }


def _measured_paths(job: Job) -> dict[int, pathlib.Path]:
    """Files of a compared method by fold; one of all folds is the first's."""
    return dict(zip(job.folds, _measurements(job), strict=False))


def _measure(job: Job, path: pathlib.Path, flags: Sequence[str]) -> None:
    """Runs a compared method in a process of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = [
        flag
        for flag in config_module.to_flags(job.config)
        if flag.partition("=")[0] in {f"--{name}" for name in SETTINGS}
        and not flag.startswith("--fold=")
    ]
    command = [sys.executable, "-m", "g2npan_tf.baselines.run"]
    command += [f"--method={job.row.method}", f"--output={path}", *settings]
    print(f"{path}: measuring", file=sys.stderr, flush=True)
    done = subprocess.run(
        [*command, *flags], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(said.removeprefix("error: "))


def _by_draw(
    job: Job, paths: dict[int, pathlib.Path]
) -> dict[str, list[pathlib.Path]]:
    """Which files are pooled."""
    if job.config.protocol in _SINGLE:
        return {str(draw): [path] for draw, path in paths.items()}
    return {"": list(paths.values())}
