"""Which runs a table takes, and running those that are missing."""

import dataclasses
import pathlib
import sys
from typing import Any

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.experiments import table_runs
from g2npan_tf.experiments.paper_tables import TABLES
from g2npan_tf.experiments.paper_tables import configured
from g2npan_tf.experiments.paper_tables import lacks_start_weights
from g2npan_tf.experiments.table_folders import folder_name
from g2npan_tf.experiments.table_runs import Job
from g2npan_tf.training import start_weights

# Reason and command by name of the row.
LeftOut = dict[str, dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Request:
    """A table that is asked for.

    Attributes:
        table: Key of `TABLES`.
        base: What the configurations of the rows have in common.
        facts: From `data.facts`.
        folds: Test folds, or draws.
        seeds: Of the training.
        names: Of the rows to fill.
        output: Folder of all runs and tables.
        commands: `this` and `full`.
    """

    table: str
    base: Config
    facts: dict[str, Any]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    names: tuple[str, ...]
    output: pathlib.Path
    commands: dict[str, str]


def jobs(request: Request) -> dict[str, Job]:
    """What each row that is asked for takes.

    Args:
        request: The table.

    Returns:
        By name of the row, those without start weights left out.

    Raises:
        InputError: If two rows would be the same.
    """
    found: dict[str, Job] = {}
    for row in TABLES[request.table].rows:
        if row.name not in request.names:
            continue
        if lacks_start_weights(row, request.base):
            continue
        config = configured(row, request.base)
        name = folder_name(row, config, request.facts)
        for other in found.values():
            if not (row.method or other.row.method) and other.config == config:
                raise InputError(
                    f"the rows {other.row.name} and {row.name} would be the "
                    "same network; expected flags that leave them different, "
                    "e.g. no --cam_weight=0 and no --num_ufw=0"
                )
        folder = request.output / "runs" / name
        found[row.name] = Job(row, config, folder, request.folds, request.seeds)
    return found


def check_start_weights(request: Request, wanted: dict[str, Job]) -> None:
    """Refuses start weights before hours of training, not after.

    Args:
        request: The table.
        wanted: From `jobs`; rows that are finished are not checked.

    Raises:
        InputError: If the networks of a row or its test cases do not go with
            the weights of `--init_from`.
    """
    parts: set[tuple[int, float]] = set()
    for name, job in wanted.items():
        if job.row.method or not job.config.init_from:
            continue
        if not table_runs.missing(job):
            continue
        try:
            start_weights.check(job.config)
            for config in job.runs.values():
                part = (config.fold, config.train_share)
                if part not in parts:
                    start_weights.check_data(config, request.facts)
                parts.add(part)
        except InputError as error:
            raise InputError(f"row {name}: {error}") from error


def run_rows(request: Request, only_finished: bool = False) -> LeftOut:
    """Trains and measures what is missing, row after row.

    Choice: a compared method that refuses the data set (it needs source
    images) is left out with its reason; a training run that fails ends the
    command, and the next call goes on there.

    Args:
        request: The table.
        only_finished: Train and measure nothing.

    Returns:
        `reason` and `command` of each row that stays empty.

    Raises:
        InputError: If a training run fails, or as `check_start_weights`.
    """
    left_out: LeftOut = {}
    wanted = jobs(request)
    if not only_finished:
        check_start_weights(request, wanted)
    for row in TABLES[request.table].rows:
        if row.name not in wanted:
            left_out[row.name] = _why_not_wanted(request, row.name)
            continue
        job = wanted[row.name]
        if only_finished and table_runs.missing(job):
            reason = f"{table_runs.missing(job)} runs are not finished"
            left_out[row.name] = {"reason": reason, "command": ""}
        if only_finished:
            continue
        print(f"{row.name}: {job.folder}", file=sys.stderr, flush=True)
        try:
            table_runs.run(job, request.facts)
        except InputError as error:
            if not row.method:
                raise
            left_out[row.name] = {"reason": str(error), "command": ""}
    return left_out


def _why_not_wanted(request: Request, name: str) -> dict[str, str]:
    """Why a row has no job."""
    if name not in request.names:
        return {"reason": "not among --rows", "command": ""}
    return {
        "reason": "no start weights were given; expected --init_from=WORKDIR "
        "of a pretraining run, or --backbone_weights=FILE",
        "command": f"{request.commands['this']} --init_from=WORKDIR",
    }
