"""Fills a table: rows to runs, runs to figures, figures to files."""

import hashlib
import json
import pathlib
from typing import Any

from g2npan_tf.core.config import PRESETS
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import changes
from g2npan_tf.core.config import num_parts
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.figures import Part
from g2npan_tf.evaluation.results import ALGORITHM_MEAN
from g2npan_tf.experiments import table_bars
from g2npan_tf.experiments import table_report
from g2npan_tf.experiments import table_runs
from g2npan_tf.experiments.paper_tables import TABLES
from g2npan_tf.experiments.table_jobs import LeftOut
from g2npan_tf.experiments.table_jobs import Request
from g2npan_tf.experiments.table_jobs import jobs
from g2npan_tf.experiments.table_runs import Job

_PANEL_NOTE = (
    "Simulated scores favour OEFP: the panel's criterion of detail is a "
    "variant of it."
)
_NO_EQ_11 = (
    "Eq. 11 was not active: W is 0 in the warm-up (--perception_warmup), which "
    "is not shorter than these runs. G2NPN is G2NN once more."
)


def collect(request: Request, left_out: LeftOut) -> dict[str, Any]:
    """Judges the rows that are filled.

    Args:
        request: The table.
        left_out: From `run_rows`.

    Returns:
        What `results.json` holds and `table_report` shows.

    Raises:
        InputError: If a run is of other data or other scores.
    """
    filled = {
        name: job for name, job in jobs(request).items() if name not in left_out
    }
    for job in filled.values():
        _check_data(job, request.facts)
    parts = {name: table_runs.parts(job) for name, job in filled.items()}
    table = TABLES[request.table]
    known = next((p for p in parts.values() if p[0].images.trivial), None)
    notes = [table.note] if table.note else []
    if request.table == "1" and request.facts.get("scores") == "simulated":
        notes.append(_PANEL_NOTE)
    base = request.base
    if request.table == "fig6" and base.epochs <= base.perception_warmup:
        notes.append(_NO_EQ_11)
    rows = [_row(job, parts, known) for job in filled.values()]
    _correct(rows)
    return {
        "table": request.table,
        "title": table.title,
        "data": request.facts,
        "protocol": protocols.describe(base).partition(", ")[0],
        "unit": "draw" if base.protocol == "ratio" else "test fold",
        "folds": list(request.folds),
        "seeds": list(request.seeds),
        "preset": base.preset,
        "changes": changes(base),
        "epochs": base.epochs,
        "settings": base.to_json(),
        "commands": request.commands,
        "smaller": smaller(request),
        "note": " ".join(notes),
        "rows": rows,
        "trivial": _trivial(request, known),
        "left_out": left_out,
    }


def write(request: Request, results: dict[str, Any]) -> pathlib.Path:
    """Writes Markdown, CSV, JSON and bars.

    Args:
        request: The table.
        results: From `collect`.

    Returns:
        The folder: one for each table, setting, folds, seeds and rows.
    """
    content = [str(job.folder) for job in jobs(request).values()]
    text = json.dumps([content, request.folds, request.seeds])
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    name = (
        request.table if request.table == "fig6" else f"table_{request.table}"
    )
    base = request.facts["name"].removeprefix("fusion_quality/")
    words = [name, base.replace("/", "_"), request.base.protocol]
    folder = request.output / "_".join([*words, request.base.preset, digest])
    folder.mkdir(parents=True, exist_ok=True)
    kept.write(folder / "results.json", results)
    with written_aside(folder / "table.md") as aside:
        aside.write_text(table_report.markdown(results))
    table_report.write_csv(results, folder / "table.csv")
    if results["rows"]:
        table_bars.draw(results, folder / "bars.png")
    return folder


def _row(
    job: Job, parts: dict[str, list[Part]], known: list[Part] | None
) -> dict[str, Any]:
    """Figures of one row and its differences."""
    mine, other = parts[job.row.name], parts.get(job.row.against)
    if job.config.protocol == "ratio":
        known = mine
    return {
        "name": job.row.name,
        "folder": job.folder.name,
        "epochs": _epochs(job),
        **vars(figures.judge_parts(mine)),
        "against": job.row.against if other else "",
        "difference": figures.gain(mine, other) if other else None,
        "above_algorithm_mean": figures.gain(
            mine, figures.trivial_parts(known, ALGORITHM_MEAN)
        )
        if known and ALGORITHM_MEAN in known[0].images.trivial
        else None,
        "paper": statistics.Figures(*job.row.paper),
    }


def _correct(rows: list[dict[str, Any]]) -> None:
    """Adds p-values after Holm's correction, for all of the table together."""
    places = [
        (row, kind)
        for row in rows
        for kind in ("difference", "above_algorithm_mean")
        if row[kind]
    ]
    corrected = statistics.corrected([row[kind] for row, kind in places])
    for (row, kind), gain in zip(places, corrected, strict=True):
        row[kind] = gain


def _epochs(job: Job) -> str:
    """Epochs that the runs took, and their best ones, from fewest to most."""
    ended = table_runs.summaries(job)
    words = []
    for name in ("epochs", "best_epoch"):
        numbers = sorted({summary[name] for summary in ended})
        ends = dict.fromkeys(numbers[:1] + numbers[-1:])
        words.append(" to ".join(map(str, ends)))
    return f"{words[0]} ({words[1]})" if ended else "-"


def _trivial(request: Request, known: list[Part] | None) -> dict[str, Any]:
    """Figures of the trivial baselines, where all rows share a test part."""
    if not known or request.base.protocol == "ratio":
        return {}
    return {
        name: vars(figures.judge_parts(figures.trivial_parts(known, name)))
        for name in known[0].images.trivial
    }


def _check_data(job: Job, facts: dict[str, Any]) -> None:
    """Refuses runs of other scores: simulated and real ones never mix."""
    for found in table_runs.facts_of(job):
        for name in ("scores", "name"):
            if found.get(name) != facts.get(name):
                raise InputError(
                    f"{job.folder}: measured with {name}={found.get(name)}, "
                    f"the table is of {name}={facts.get(name)}; simulated and "
                    "real scores are never put into one table"
                )


def smaller(request: Request) -> str:
    """In what the setting is smaller than the paper's.

    Args:
        request: The table.

    Returns:
        A few words; empty if it is not.
    """
    base, words = request.base, []
    if base.preset != "paper":
        words.append(f"preset {base.preset}")
    if base.epochs < PRESETS["paper"].get("epochs", Config().epochs):
        words.append(f"{base.epochs} epochs")
    parts = num_parts(base.protocol)
    if len(request.folds) < parts:
        words.append(f"{len(request.folds)} of {parts} folds")
    if len(request.names) < len(TABLES[request.table].rows):
        words.append("some of the rows")
    return ", ".join(words)
