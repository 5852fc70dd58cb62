"""What a table would train, and how long that takes at the measured rate."""

import dataclasses
import json
import math
import pathlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from typing import Any

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.files import written_aside
from g2npan_tf.data import base
from g2npan_tf.experiments import table_jobs
from g2npan_tf.experiments import table_runs
from g2npan_tf.experiments.cross_validate import REPOSITORY
from g2npan_tf.experiments.paper_tables import TABLES
from g2npan_tf.experiments.table_folders import folder_name
from g2npan_tf.experiments.table_jobs import Request
from g2npan_tf.experiments.table_runs import Job

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_STEP = re.compile(r"traces the graph, ([\d.]+) s for the next")


def plan(request: Request, builder: "tfds.core.DatasetBuilder") -> str:
    """Lists the rows with the runs that are missing and their time.

    Choice: the rate is that of a finished run of the row, else of one step of
    `train.py --epochs=0`, kept in `OUTPUT/rates.json`. Early stopping may end
    a run sooner.

    Args:
        request: The table.
        builder: Of its data set.

    Returns:
        Markdown.

    Raises:
        InputError: If the start weights do not go with a row.
    """
    lines = [
        f"{TABLES[request.table].title}, {request.facts['name']}: "
        f"{request.commands['this']}",
        "",
        "| row | runs to train | epochs at most | images in an epoch | "
        "images/s | hours at most | folder |",
        "|---|---|---|---|---|---|---|",
    ]
    hours = 0.0
    wanted = table_jobs.jobs(request)
    table_jobs.check_start_weights(request, wanted)
    for name, job in wanted.items():
        count = table_runs.missing(job)
        if job.row.method:
            lines.append(
                f"| {name} | {count} to measure | - | - | - | - | "
                f"{job.folder.name} |"
            )
            continue
        images = _images(job, builder)
        rate = _rate(job, request) if count else math.nan
        needed = count * job.config.epochs * images / rate / 3600
        hours += needed if count else 0
        lines.append(
            f"| {name} | {count} | {job.config.epochs} | {images} | "
            f"{_text(rate, 1)} | {_text(needed, 2)} | {job.folder.name} |"
        )
    for row in TABLES[request.table].rows:
        if row.name in request.names and row.name not in wanted:
            lines.append(
                f"| {row.name} | left out: no start weights | | | | | |"
            )
    lines += ["", f"together: {_text(hours, 2)} hours at most"]
    return "\n".join(lines)


def _images(job: Job, builder: "tfds.core.DatasetBuilder") -> int:
    """Images or crops in an epoch, of the first fold."""
    first = next(iter(job.runs.values()))
    count = len(base.divide(builder, first).train)
    tiled = base.tiles_per_side(builder) > 1
    return count * (first.crops_per_image if tiled else 1)


def _rate(job: Job, request: Request) -> float:
    """Images a second; NaN if it could not be measured."""
    for summary in sorted(job.folder.glob("seed_*/fold_*/training.json")):
        return float(json.loads(summary.read_text())["images_per_second"])
    path = request.output / "rates.json"
    rates: dict[str, Any] = {}
    if path.exists():
        rates = json.loads(path.read_text())
    # What is divided otherwise, or trained longer, is not slower.
    alike = dataclasses.replace(
        job.config, protocol="group", train_share=0.8, epochs=1
    )
    row = dataclasses.replace(job.row, slug="rate")
    key = folder_name(row, alike, request.facts)
    if key not in rates:
        rate = _measured_rate(job.config, request.output)
        if math.isnan(rate):
            return rate
        rates[key] = rate
        with written_aside(path) as aside:
            aside.write_text(json.dumps(rates, indent=2) + "\n")
    return rates[key]


def _measured_rate(config: Config, output: pathlib.Path) -> float:
    """Images a second of one step of a dry run, in a process of its own."""
    output.mkdir(parents=True, exist_ok=True)
    once = dataclasses.replace(config, epochs=0)
    print("measuring one step ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [
            sys.executable,
            str(REPOSITORY / "train.py"),
            f"--workdir={output / 'dry_run'}",
            *config_module.to_flags(once),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = _STEP.search(done.stdout)
    if not found or not float(found[1]):
        said = (done.stderr.strip().splitlines() or ["no rate"])[-1]
        print(f"not measured: {said}", file=sys.stderr)
        return math.nan
    return config.batch_size / float(found[1])


def _text(value: float, digits: int) -> str:
    """A figure, or a question mark."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "?"
