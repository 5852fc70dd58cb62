"""The runs that fill a table: planned, timed, run where missing, read again."""

import dataclasses
import functools
import hashlib
import json
import math
import pathlib
import sys
from typing import TYPE_CHECKING
from typing import Any

from g2npan_tf.baselines import run as compared
from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.core import run_names
from g2npan_tf.core.config import BOTH
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import missing_package
from g2npan_tf.data import base
from g2npan_tf.data import protocols
from g2npan_tf.evaluation.figures import Part
from g2npan_tf.evaluation.results import pooled
from g2npan_tf.evaluation.results import read_predictions
from g2npan_tf.experiments import cross_validate
from g2npan_tf.experiments.paper_tables import TABLES
from g2npan_tf.experiments.paper_tables import Row
from g2npan_tf.experiments.paper_tables import Table
from g2npan_tf.experiments.paper_tables import configured
from g2npan_tf.experiments.paper_tables import lacks_start_weights
from g2npan_tf.training import run as training
from g2npan_tf.training import start_weights
from g2npan_tf.training import workdir as run_folder

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# Protocols whose parts are judged one by one and averaged: draws have images
# in common; where algorithms or modalities are left out, pooling would rank
# the parts' means (see `figures.fold_means`).
_SINGLE = ("ratio", "leave_modality_out", "leave_algorithm_out", BOTH)
_NO_START_WEIGHTS = (
    "no start weights were given; expected --init_from=WORKDIR of a "
    "pretraining run, or --backbone_weights=FILE"
)
# What leaves a run's figures as they are, or is a folder of its own.
_NO_MATTER = {
    "fold",
    "seed",
    "data_dir",
    "manual_dir",
    "distribute",
    "profile",
    "grace_seconds",
}


@dataclasses.dataclass(frozen=True)
class Request:
    """A table that is asked for.

    Attributes:
        name: Key of `TABLES`.
        base: What the configurations of the rows have in common.
        facts: From `data.base.facts`.
        folds: Test folds, or draws.
        seeds: Of the training.
        rows: Names of those to fill.
        output: Folder of all runs and tables.
        commands: `this` and that of the paper's setting in `full`.
    """

    name: str
    base: Config
    facts: dict[str, Any]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    rows: tuple[str, ...]
    output: pathlib.Path
    commands: dict[str, str]

    @property
    def table(self) -> Table:
        """The paper's."""
        return TABLES[self.name]

    @property
    def scores(self) -> str:
        """Whose they are, e.g. `simulated`."""
        return str(self.facts.get("scores", "unknown"))

    @property
    def heading(self) -> str:
        """What the table shows, and whose scores it is measured against."""
        name = self.facts["name"]
        return f"{self.table.title} ({name}, scores: {self.scores})"

    @property
    def protocol(self) -> str:
        """In words, without its part."""
        return protocols.describe(self.base).partition(", ")[0]

    @property
    def unit(self) -> str:
        """What a number in `folds` stands for."""
        return "draw" if self.base.protocol == "ratio" else "test fold"

    @property
    def preset_words(self) -> str:
        """The preset and what differs from it."""
        return run_names.preset_words(
            self.base.preset, run_names.changes(self.base)
        )

    @property
    def base_name(self) -> str:
        """The data set's in names of folders."""
        name = self.facts["name"].removeprefix("fusion_quality/")
        return name.replace("/", "_")


@dataclasses.dataclass(frozen=True)
class Job:
    """A row of a table with all that it takes to fill it."""

    row: Row
    config: Config
    folder: pathlib.Path
    folds: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def runs(self) -> cross_validate.Runs:
        """Training runs by seed and fold."""
        return cross_validate.runs_of(self.config, self.seeds, self.folds)

    @property
    def workdirs(self) -> list[pathlib.Path]:
        """Folder of each run; of a compared method the one that it has."""
        if self.row.method:
            return [self.folder]
        return [
            cross_validate.folder_of(self.folder, *key) for key in self.runs
        ]

    @property
    def measurements(self) -> dict[int, pathlib.Path]:
        """Files of a compared method by fold; one for all is the first's."""
        if self.is_pooled:
            return {0: self.folder / "all.csv"}
        return {k: self.folder / f"fold_{k}.csv" for k in self.folds}

    @property
    def is_pooled(self) -> bool:
        """Whether a compared method measures all folds at a time."""
        is_single = self.config.protocol in _SINGLE
        return len(self.folds) == NUM_FOLDS and not is_single

    @property
    def missing(self) -> int:
        """How many runs are not finished.

        Raises:
            InputError: If a folder holds another experiment's run.
        """
        if self.row.method:
            return sum(not path.exists() for path in self.measurements.values())
        done = map(cross_validate.is_done, self.runs.values(), self.workdirs)
        return len(self.runs) - sum(done)


def jobs(request: Request) -> dict[str, Job]:
    """What each row takes by its name, those without start weights left out.

    Raises:
        InputError: If two rows would be the same.
    """
    found: dict[str, Job] = {}
    for row in request.table.rows:
        if row.name not in request.rows:
            continue
        if lacks_start_weights(row, request.base):
            continue
        config = configured(row, request.base)
        for other in found.values():
            if not (row.method or other.row.method) and other.config == config:
                raise InputError(
                    f"the rows {other.row.name} and {row.name} would be the "
                    "same network; expected flags that leave them different, "
                    "e.g. no --cam_weight=0 and no --num_ufw=0"
                )
        name = folder_name(row, config, request)
        folder = request.output / "runs" / name
        found[row.name] = Job(row, config, folder, request.folds, request.seeds)
    return found


def folder_name(row: Row, config: Config, request: Request) -> str:
    """A name to read and a hash that tells all else apart.

    Equal for equal configurations on equal data, whatever the fold, the seed
    and the folders.

    Choice: only what differs from the defaults is hashed, so that a new field
    of `Config` does not hide what was trained before it came.
    """
    config = config_module.with_whole_paths(config)
    default = Config().to_json()
    used = set(compared.SETTINGS) if row.method else set(default)
    content = {
        "config": {
            name: value
            for name, value in config.to_json().items()
            if name in used - _NO_MATTER and value != default[name]
        },
        "data": request.facts,
        "method": row.method,
        "start": [] if row.method else _start_digests(config),
    }
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    words = [request.base_name, config.protocol, row.slug]
    if not row.method:
        words += [config.preset, f"{config.epochs}_epochs"]
    return "_".join([*words, digest])


def _start_digests(config: Config) -> list[str]:
    """Of the weights that a run starts with, which may change in a place."""
    start = pathlib.Path(config.init_from, outputs.BEST)
    places = [start] if config.init_from else []
    if config.backbone_weights:
        places.append(pathlib.Path(config.backbone_weights))
    return [
        hashlib.sha256(place.read_bytes()).hexdigest()
        for place in places
        if place.is_file()
    ]


def run_rows(request: Request, only_finished: bool) -> dict[str, str]:
    """Trains and measures what is missing, unless `only_finished`.

    Choice: a compared method that refuses the data set (it needs source
    images) is left out with its reason; a training run that fails ends the
    command, and the next call resumes there.

    Returns:
        Why rows stay empty, by their names.

    Raises:
        InputError: If a training run fails, or as `check_start_weights`.
    """
    left_out: dict[str, str] = {}
    wanted = jobs(request)
    if not only_finished:
        check_start_weights(request, wanted)
    for row in request.table.rows:
        if row.name not in request.rows:
            reason = "not among --rows"
        elif row.name not in wanted:
            reason = _NO_START_WEIGHTS
        elif only_finished:
            count = wanted[row.name].missing
            reason = f"{count} runs are not finished" * bool(count)
        else:
            reason = _run(wanted[row.name], request.facts)
        if reason:
            left_out[row.name] = reason
    return left_out


def check_start_weights(request: Request, wanted: dict[str, Job]) -> None:
    """Refuses start weights before hours of training; finished rows are free.

    Raises:
        InputError: If the networks of a row or its test cases do not go with
            the weights of `--init_from`.
    """
    parts: set[tuple[int, float]] = set()
    for name, job in wanted.items():
        if job.row.method or not job.config.init_from or not job.missing:
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


def _run(job: Job, facts: dict[str, Any]) -> str:
    """Fills a row, run after run, or says why it cannot be filled."""
    print(f"{job.row.name}: {job.folder}", file=sys.stderr, flush=True)
    if not job.row.method:
        cross_validate.run_all(job.runs, job.folder, jobs=1)
        return ""
    job.folder.mkdir(parents=True, exist_ok=True)
    for fold, path in job.measurements.items():
        if path.exists():
            continue
        print(f"{path}: measuring", file=sys.stderr, flush=True)
        config = dataclasses.replace(job.config, fold=fold)
        try:
            compared.measure(job.row.method, config, job.is_pooled, path)
        except InputError as error:
            return str(error)
        except ModuleNotFoundError as error:
            if (reason := missing_package(error)) is None:
                raise
            return reason
    config_module.save(job.config, facts, job.folder / "config.json")
    return ""


def parts(job: Job) -> list[Part]:
    """Reads the predictions of a row that is finished.

    Returns:
        One part for each seed; for each seed and draw under the protocols
        that are not pooled.
    """
    if job.row.method:
        by_seed = {"": job.measurements}
    else:
        by_seed = {
            str(seed): {
                fold: cross_validate.predictions_of(job.folder, seed, fold)
                for fold in job.folds
            }
            for seed in job.seeds
        }
    found = []
    for seed, files in by_seed.items():
        images = {str(k): read_predictions(path) for k, path in files.items()}
        if job.config.protocol not in _SINGLE:
            images = {"": pooled(list(images.values()))}
        found += [Part(seed, draw, mine) for draw, mine in images.items()]
    return found


def plan(request: Request, builder: "tfds.core.DatasetBuilder") -> str:
    """Lists the rows with the runs that are missing and their time.

    Choice: the rate is that of a finished run of the row, else of one step of
    a dry run. Early stopping may end a run sooner.

    Raises:
        InputError: If the start weights do not go with a row.
    """
    lines = [
        f"{request.table.title}, {request.facts['name']}: "
        f"{request.commands['this']}",
        "",
        "| row | runs to train | epochs at most | images in an epoch | "
        "images/s | hours at most | folder |",
        "|---|---|---|---|---|---|---|",
    ]
    hours = 0.0
    wanted = jobs(request)
    check_start_weights(request, wanted)
    for name, job in wanted.items():
        count, folder = job.missing, job.folder.name
        if job.row.method:
            lines.append(
                f"| {name} | {count} to measure | - | - | - | - | {folder} |"
            )
            continue
        images = _images(job, builder)
        rate = _rate(job) if count else math.nan
        needed = count * job.config.epochs * images / rate / 3600
        hours += needed if count else 0
        lines.append(
            f"| {name} | {count} | {job.config.epochs} | {images} | "
            f"{_text(rate, 1)} | {_text(needed, 2)} | {folder} |"
        )
    lines += [
        f"| {row.name} | left out: no start weights | | | | | |"
        for row in request.table.rows
        if row.name in request.rows and row.name not in wanted
    ]
    lines += ["", f"together: {_text(hours, 2)} hours at most"]
    return "\n".join(lines)


def _images(job: Job, builder: "tfds.core.DatasetBuilder") -> int:
    """Images or crops in an epoch, of the first fold."""
    first = next(iter(job.runs.values()))
    sources = base.training_sources(builder, base.open_extra(first), first)
    count = sum(len(source.places) for source in sources)
    tiled = base.is_tiled(builder)
    return count * (first.crops_per_image if tiled else 1)


def _rate(job: Job) -> float:
    """Images a second; NaN if it could not be measured."""
    for folder in sorted(job.folder.glob("seed_*/fold_*")):
        if done := run_folder.read_summary(folder):
            return done.images_per_second
    # What is divided otherwise, or starts elsewhere, is not slower; and start
    # weights may have been trained on cases of the part that is tried here.
    alike = dataclasses.replace(
        job.config,
        protocol="group",
        train_share=0.8,
        init_from="",
        backbone_weights="",
    )
    return _measured_rate(alike, job.folder.parent / "dry_run")


@functools.cache
def _measured_rate(config: Config, workdir: pathlib.Path) -> float:
    """Images a second of one step of a dry run, which leaves nothing."""
    print("measuring one step ...", file=sys.stderr, flush=True)
    try:
        return training.measure(config, workdir).images_per_second
    except (FloatingPointError, InputError) as error:
        print(f"not measured: {error}", file=sys.stderr)
        return math.nan


def _text(value: float, digits: int) -> str:
    """A figure, or a question mark."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "?"
