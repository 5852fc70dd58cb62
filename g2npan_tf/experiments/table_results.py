"""A filled table: figures of its rows beside the paper's, and how it reads."""

import csv
import dataclasses
import hashlib
import json
import pathlib
from typing import Any

import numpy as np

from g2npan_tf.core import config as config_module
from g2npan_tf.core import run_names
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import num_parts
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.presets import PRESETS
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.figures import OfParts
from g2npan_tf.evaluation.figures import Part
from g2npan_tf.evaluation.results import ALGORITHM_MEAN
from g2npan_tf.evaluation.statistics import METRICS
from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.table import number
from g2npan_tf.evaluation.table import with_limits
from g2npan_tf.experiments import table_runs
from g2npan_tf.experiments.paper_tables import PAPER_DATA
from g2npan_tf.experiments.table_runs import Job
from g2npan_tf.experiments.table_runs import Request
from g2npan_tf.report import plots
from g2npan_tf.scoring.model_facts import whose
from g2npan_tf.training import workdir as run_folder

_PANEL_NOTE = (
    "Simulated scores favour OEFP: the panel's criterion of detail is a "
    "variant of it."
)
_NO_EQ_11 = (
    "Eq. 11 was not active: W is 0 in the warm-up (--perception_warmup), which "
    "is not shorter than these runs. G2NPN is G2NN once more."
)
_HEAD = (
    "",
    "epochs (best)",
    "PLCC (95 % interval)",
    "SRCC (95 % interval)",
    "KRCC",
    "KRCC rounded",
    "RMSE [0, 1]",
    "SRCC: difference",
    "SRCC: above the mean of algorithm and modality",
    *(f"paper: {name.upper()}" for name in METRICS),
)
_DIFFERENCES = (
    "Differences: paired bootstrap by case, 95 % interval; p two-sided, "
    "Holm's correction for all differences of the table."
)
_GAINS = ("difference", "above_algorithm_mean")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilledRow(OfParts):
    """Figures of a row, beside the paper's.

    Attributes:
        epochs: That the runs took, and their best ones, from fewest to most.
        against: Name of the row that `difference` is to; else empty.
        above_algorithm_mean: Difference to that trivial baseline.
    """

    name: str
    folder: str
    epochs: str
    against: str
    difference: Difference | None
    above_algorithm_mean: Difference | None
    paper: statistics.Figures


@dataclasses.dataclass(frozen=True)
class Filled:
    """What was found for a table.

    Attributes:
        rows: Those that are filled.
        trivial: Trivial baselines, where all rows share a test part.
        left_out: Why the others are empty.
    """

    rows: list[FilledRow]
    trivial: dict[str, OfParts]
    left_out: dict[str, str]


def collect(request: Request, left_out: dict[str, str]) -> Filled:
    """Judges the rows that are filled.

    Raises:
        InputError: If a run is of other data or other scores.
    """
    jobs = table_runs.jobs(request)
    filled = {name: job for name, job in jobs.items() if name not in left_out}
    for job in filled.values():
        _check_data(job, request.facts)
    parts = {name: table_runs.parts(job) for name, job in filled.items()}
    known = next((p for p in parts.values() if p[0].images.trivial), None)
    rows = _corrected([_row(job, parts, known) for job in filled.values()])
    if not known or request.base.protocol == "ratio":
        return Filled(rows, {}, left_out)
    trivial = {
        name: figures.judge_parts(figures.trivial_parts(known, name))
        for name in known[0].images.trivial
    }
    return Filled(rows, trivial, left_out)


def _check_data(job: Job, facts: dict[str, Any]) -> None:
    """Refuses runs of other scores: simulated and real ones never mix."""
    for workdir in job.workdirs:
        _, found = config_module.load(workdir / "config.json")
        for name in ("scores", "name"):
            if found.get(name) != facts.get(name):
                raise InputError(
                    f"{job.folder}: measured with {name}={found.get(name)}, "
                    f"the table is of {name}={facts.get(name)}; simulated and "
                    "real scores are never put into one table"
                )


def _row(
    job: Job, parts: dict[str, list[Part]], known: list[Part] | None
) -> FilledRow:
    """Figures of one row and its differences, not corrected yet."""
    mine, other = parts[job.row.name], parts.get(job.row.against)
    if job.config.protocol == "ratio":
        known = mine
    above = None
    if known and ALGORITHM_MEAN in known[0].images.trivial:
        mean = figures.trivial_parts(known, ALGORITHM_MEAN)
        above = figures.gain(mine, mean)
    return FilledRow(
        **vars(figures.judge_parts(mine)),
        name=job.row.name,
        folder=job.folder.name,
        epochs=_epochs(job),
        against=job.row.against if other else "",
        difference=figures.gain(mine, other) if other else None,
        above_algorithm_mean=above,
        paper=statistics.Figures(*job.row.paper),
    )


def _corrected(rows: list[FilledRow]) -> list[FilledRow]:
    """The rows with p-values corrected for all of the table together."""
    gains = [
        gain for row in rows for kind in _GAINS if (gain := getattr(row, kind))
    ]
    corrected = iter(statistics.corrected(gains))
    found = []
    for row in rows:
        changed: dict[str, Any] = {
            kind: next(corrected) for kind in _GAINS if getattr(row, kind)
        }
        found.append(dataclasses.replace(row, **changed))
    return found


def _epochs(job: Job) -> str:
    """Epochs that the runs took, and their best ones, from fewest to most."""
    if job.row.method:
        return "-"
    ended = [done for w in job.workdirs if (done := run_folder.read_summary(w))]
    words = []
    for name in ("epochs", "best_epoch"):
        numbers = sorted({getattr(done, name) for done in ended})
        ends = dict.fromkeys(numbers[:1] + numbers[-1:])
        words.append(" to ".join(map(str, ends)))
    return f"{words[0]} ({words[1]})"


def write(request: Request, filled: Filled) -> pathlib.Path:
    """Writes Markdown, CSV, JSON and bars.

    Returns:
        The folder: one for each table, setting, folds, seeds and rows.
    """
    content = [str(job.folder) for job in table_runs.jobs(request).values()]
    text = json.dumps([content, request.folds, request.seeds])
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    base = request.base
    name = request.name if request.name == "fig6" else f"table_{request.name}"
    words = [name, request.base_name, base.protocol, base.preset, digest]
    folder = request.output / "_".join(words)
    folder.mkdir(parents=True, exist_ok=True)
    results = {
        "table": request.name,
        "title": request.table.title,
        "data": request.facts,
        "protocol": request.protocol,
        "unit": request.unit,
        "folds": request.folds,
        "seeds": request.seeds,
        "preset": base.preset,
        "changes": run_names.changes(base),
        "epochs": base.epochs,
        "settings": base.to_json(),
        "commands": request.commands,
        "smaller": smaller(request),
        "note": _note(request),
        **vars(filled),
    }
    kept.write(folder / "results.json", results)
    with written_aside(folder / "table.md") as aside:
        aside.write_text(markdown(request, filled))
    _write_csv(request, filled.rows, folder / "table.csv")
    if filled.rows:
        bars(request, filled.rows).write(folder / "bars.png")
    return folder


def markdown(request: Request, filled: Filled) -> str:
    """The table with all that has to stand beside it."""
    lines = [
        f"## {request.heading}",
        "",
        _setting(request, filled.rows),
        "",
        f"| {' | '.join(_HEAD)} |",
        f"|{'---|' * len(_HEAD)}",
    ]
    lines += [f"| {' | '.join(_cells(row))} |" for row in filled.rows]
    lines += [
        f"| {' | '.join(_trivial_cells(name, judged))} |"
        for name, judged in filled.trivial.items()
    ]
    note = _note(request)
    lines += ["", PAPER_DATA, *[note] * bool(note), "", _DIFFERENCES]
    for reason in dict.fromkeys(filled.left_out.values()):
        names = [n for n, why in filled.left_out.items() if why == reason]
        lines += ["", f"Left out: {', '.join(names)}: {reason}."]
    lines += ["", "Made by:", "", f"    {request.commands['this']}"]
    if words := smaller(request):
        lines += [
            "",
            f"A smaller setting than the paper's ({words}); in full:",
            "",
            f"    {request.commands['full']}",
        ]
    return "\n".join(lines) + "\n"


def _setting(request: Request, rows: list[FilledRow]) -> str:
    """Data, protocol, preset, epochs, folds and seeds."""
    images = sorted({(row.images, row.pairs) for row in rows})
    tested = "; ".join(f"{n} images of {m} pairs" for n, m in images)
    return (
        f"Data: {request.facts['name']} ({whose(request.facts)}); "
        f"protocol: {request.protocol}, {request.unit} "
        f"{', '.join(map(str, request.folds))}; "
        f"preset: {request.preset_words}; at most {request.base.epochs} "
        f"epochs; seeds: {', '.join(map(str, request.seeds))}; "
        f"tested: {tested or 'nothing'}."
    )


def _note(request: Request) -> str:
    """What must be said of the table's figures."""
    notes = [request.table.note]
    if request.name == "1" and request.facts.get("scores") == "simulated":
        notes.append(_PANEL_NOTE)
    base = request.base
    if request.name == "fig6" and base.epochs <= base.perception_warmup:
        notes.append(_NO_EQ_11)
    return " ".join(filter(None, notes))


def smaller(request: Request) -> str:
    """In what the setting is smaller than the paper's; empty if it is not."""
    base, words = request.base, []
    if base.preset != "paper":
        words.append(f"preset {base.preset}")
    if base.epochs < PRESETS["paper"].get("epochs", Config().epochs):
        words.append(f"{base.epochs} epochs")
    parts = num_parts(base.protocol)
    if len(request.folds) < parts:
        words.append(f"{len(request.folds)} of {parts} folds")
    if len(request.rows) < len(request.table.rows):
        words.append("some of the rows")
    return ", ".join(words)


def _cells(row: FilledRow) -> list[str]:
    """A row of the Markdown table, with the paper's own four decimals."""
    difference = "-"
    if row.difference:
        difference = f"{_signed(row.difference)} to {row.against}"
    return [
        row.name,
        row.epochs,
        *_figures(row),
        difference,
        _signed(row.above_algorithm_mean),
        *(f"{x:.4f}" if np.isfinite(x) else "-" for x in row.paper),
    ]


def _trivial_cells(name: str, judged: OfParts) -> list[str]:
    """A row of a trivial baseline, which the paper has not."""
    words = _figures(judged)
    # Of a constant prediction in each fold the ranks say nothing.
    if name == "mean":
        words = ["-"] * 4 + words[4:]
    label = name.replace("_", " ") + " (trivial)"
    return [label, "-", *words, *["-"] * 6]


def _figures(row: OfParts) -> list[str]:
    """PLCC, SRCC, KRCC, KRCC rounded and RMSE."""
    return [
        with_limits(row.raw.plcc, row.interval["plcc"]),
        with_limits(row.raw.srcc, row.interval["srcc"]),
        number(row.raw.krcc),
        number(row.rounded_krcc),
        number(row.raw.rmse),
    ]


def _signed(gain: Difference | None) -> str:
    """A difference with its interval."""
    if not gain:
        return "-"
    limits = with_limits(gain.difference, gain, "+").removesuffix(")")
    return f"{limits}; p {number(gain.p_holm)})"


def _write_csv(
    request: Request, rows: list[FilledRow], path: pathlib.Path
) -> None:
    """Writes one line a row, with what it was measured on; replaced whole."""
    common = {
        "table": request.name,
        "data": request.facts["name"],
        "scores": request.scores,
        "protocol": request.protocol,
        "epochs": request.base.epochs,
        "preset": request.preset_words,
        "folds": " ".join(map(str, request.folds)),
        "seeds": " ".join(map(str, request.seeds)),
    }
    records = [_record(row) | common for row in rows]
    with written_aside(path) as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0] if records else common))
        writer.writeheader()
        writer.writerows(records)


def _record(row: FilledRow) -> dict[str, Any]:
    """A line of the CSV file."""
    names = ("name", "epochs", "images", "pairs", "rounded_krcc")
    record = {name: getattr(row, name) for name in names}
    for name in METRICS:
        record[name] = getattr(row.raw, name)
        for end in ("low", "high"):
            record[f"{name}_{end}"] = getattr(row.interval[name], end)
    record["against"] = row.against
    for kind in _GAINS:
        gain = getattr(row, kind)
        for end in ("difference", "low", "high", "p_holm", "images"):
            record[f"{kind}_{end}"] = getattr(gain, end) if gain else ""
    return record | {
        f"paper_{name}": value for name, value in row.paper._asdict().items()
    }


def bars(request: Request, rows: list[FilledRow]) -> plots.Plot:
    """The rows as bars with intervals by metric; diamonds are the paper's."""
    folds, seeds = (
        ",".join(map(str, numbers))
        for numbers in (request.folds, request.seeds)
    )
    return plots.bars(
        [name.upper() for name in METRICS],
        [
            plots.Bars(
                row.name,
                row.raw,
                [row.interval[name].low for name in METRICS],
                [row.interval[name].high for name in METRICS],
                row.paper,
            )
            for row in rows
        ],
        title=f"{request.heading}\n{request.protocol}, {request.unit} "
        f"{folds}, preset {request.base.preset}, at most "
        f"{request.base.epochs} epochs, seeds {seeds}",
        label="whiskers: 95 % interval over cases",
        marks="paper (its own data)",
        upright=True,
        size=(864, 422),
    )
