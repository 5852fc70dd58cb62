"""A table of the paper as Markdown and CSV, beside the paper's own."""

import csv
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from g2npan_tf.core.config import preset_words
from g2npan_tf.core.files import written_aside
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.table import number
from g2npan_tf.evaluation.table import with_limits
from g2npan_tf.experiments.paper_tables import PAPER_DATA
from g2npan_tf.scoring.model_facts import whose

Results = Mapping[str, Any]
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
    *(f"paper: {name.upper()}" for name in statistics.METRICS),
)
_DIFFERENCES = (
    "Differences: paired bootstrap by case, 95 % interval; p two-sided, "
    "Holm's correction for all differences of the table."
)
# Of a constant prediction in each fold the ranks say nothing.
_NO_RANK = "mean"


def markdown(results: Results) -> str:
    """The table with all that has to stand beside it.

    Args:
        results: From `tables.collect`.

    Returns:
        Several lines.
    """
    lines = [
        f"## {heading(results)}",
        "",
        setting(results),
        "",
        f"| {' | '.join(_HEAD)} |",
        f"|{'---|' * len(_HEAD)}",
    ]
    lines += [f"| {' | '.join(_cells(row))} |" for row in results["rows"]]
    lines += [
        f"| {' | '.join(_trivial_cells(name, judged))} |"
        for name, judged in results["trivial"].items()
    ]
    lines += ["", PAPER_DATA, *([results["note"]] if results["note"] else [])]
    lines += ["", _DIFFERENCES]
    lines += _left_out(results["left_out"])
    lines += ["", "Made by:", "", f"    {results['commands']['this']}"]
    if results["smaller"]:
        lines += [
            "",
            f"A smaller setting than the paper's ({results['smaller']}); "
            "in full:",
            "",
            f"    {results['commands']['full']}",
        ]
    return "\n".join(lines) + "\n"


def heading(results: Results) -> str:
    """What the table shows, and whose scores it is measured against.

    Args:
        results: From `tables.collect`.

    Returns:
        One line.
    """
    data = results["data"]
    scores = data.get("scores", "unknown")
    return f"{results['title']} ({data['name']}, scores: {scores})"


def setting(results: Results) -> str:
    """Data, protocol, preset, epochs, folds and seeds.

    Args:
        results: From `tables.collect`.

    Returns:
        One line.
    """
    data = results["data"]
    folds, seeds = (
        ", ".join(map(str, results[name])) for name in ("folds", "seeds")
    )
    images = sorted({(r["images"], r["pairs"]) for r in results["rows"]})
    tested = "; ".join(f"{n} images of {m} pairs" for n, m in images)
    return (
        f"Data: {data['name']} ({whose(data)}); "
        f"protocol: {results['protocol']}, {results['unit']} {folds}; "
        f"preset: {preset_words(results)}; at most {results['epochs']} epochs; "
        f"seeds: {seeds}; tested: {tested or 'nothing'}."
    )


def write_csv(results: Results, path: pathlib.Path) -> None:
    """Writes one line a row, with what it was measured on; replaced whole.

    Args:
        results: From `tables.collect`.
        path: The file.
    """
    common = {
        "table": results["table"],
        "data": results["data"]["name"],
        "scores": results["data"].get("scores", "unknown"),
        **{name: results[name] for name in ("protocol", "epochs")},
        "preset": preset_words(results),
        "folds": " ".join(map(str, results["folds"])),
        "seeds": " ".join(map(str, results["seeds"])),
    }
    rows = [_record(row) | common for row in results["rows"]]
    with written_aside(path) as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else list(common))
        writer.writeheader()
        writer.writerows(rows)


def _left_out(rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Why rows are empty, those with one reason together."""
    lines = []
    reasons = [(row["reason"], row["command"]) for row in rows.values()]
    for reason, command in dict.fromkeys(reasons):
        names = [
            name
            for name, why in zip(rows, reasons, strict=True)
            if why == (reason, command)
        ]
        lines += ["", f"Left out: {', '.join(names)}: {reason}."]
        lines += ["", f"    {command}"] if command else []
    return lines


def _cells(row: Mapping[str, Any]) -> list[str]:
    """A row of the Markdown table."""
    difference = "-"
    if row["difference"]:
        difference = f"{_signed(row['difference'])} to {row['against']}"
    return [
        row["name"],
        row["epochs"],
        *_figures(row),
        difference,
        _signed(row["above_algorithm_mean"]),
        *(_paper(value) for value in row["paper"]),
    ]


def _paper(value: float) -> str:
    """A figure with the paper's own four decimals."""
    return f"{value:.4f}" if np.isfinite(value) else "-"


def _trivial_cells(name: str, judged: Mapping[str, Any]) -> list[str]:
    """A row of a trivial baseline, which the paper has not."""
    words = _figures(judged)
    if name == _NO_RANK:
        words = ["-"] * 4 + words[4:]
    label = name.replace("_", " ") + " (trivial)"
    return [label, "-", *words, *["-"] * 6]


def _figures(row: Mapping[str, Any]) -> list[str]:
    """PLCC, SRCC, KRCC, KRCC rounded and RMSE."""
    raw = row["raw"]
    return [
        with_limits(raw.plcc, row["interval"]["plcc"]),
        with_limits(raw.srcc, row["interval"]["srcc"]),
        number(raw.krcc),
        number(row["rounded_krcc"]),
        number(raw.rmse),
    ]


def _signed(gain: Difference | None) -> str:
    """A difference with its interval."""
    if not gain:
        return "-"
    limits = with_limits(gain.difference, gain, "+").removesuffix(")")
    return f"{limits}; p {number(gain.p_holm)})"


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the CSV file."""
    record = {
        name: row[name]
        for name in ("name", "epochs", "images", "pairs", "rounded_krcc")
    }
    for name in statistics.METRICS:
        record[name] = getattr(row["raw"], name)
        for end in ("low", "high"):
            record[f"{name}_{end}"] = getattr(row["interval"][name], end)
    record["against"] = row["against"]
    for kind in ("difference", "above_algorithm_mean"):
        for end in ("difference", "low", "high", "p_holm", "images"):
            value = getattr(row[kind], end) if row[kind] else ""
            record[f"{kind}_{end}"] = value
    return record | {
        f"paper_{name}": value for name, value in row["paper"]._asdict().items()
    }
