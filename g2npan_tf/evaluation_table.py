"""How figures and predictions are shown: a Markdown table, a CSV file."""

import csv
import math
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from g2npan_tf.atomic_file import written_aside


def table(results: dict[str, Any]) -> str:
    """The figures as a Markdown table with what they were measured on.

    Args:
        results: `data` (facts of the data base), `protocol`, `preset` if a
            network was trained, numbers of `images`, `pairs` and `cases`,
            `methods` (name to figures from `evaluation.assess`), `gains`
            (name to `evaluation.difference` from that method).

    Returns:
        Several lines.
    """
    facts = results["data"]
    preset = f"preset: {results['preset']}; " if "preset" in results else ""
    lines = [
        f"Data: {facts['name']} ({facts.get('scores', 'unknown')} scores); "
        f"protocol: {results['protocol']}; {preset}"
        f"{results['images']} images of {results['pairs']} pairs, "
        f"{results['cases']} cases.",
        "",
        "| method | PLCC | SRCC (95 % interval) | KRCC | KRCC rounded | "
        "RMSE [0, 1] | PLCC mapped | SRCC in pair | best found |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in results["methods"].items():
        raw, inside = figures["raw"], figures["within_group"]
        limits = figures["interval"]["srcc"]
        lines.append(
            f"| {name} | {number(raw['plcc'])} | {number(raw['srcc'])} "
            f"({number(limits['low'])} to {number(limits['high'])}) | "
            f"{number(raw['krcc'])} | {number(figures['rounded_krcc'])} | "
            f"{number(raw['rmse'])} | "
            f"{number(figures['mapped']['plcc'])} | "
            f"{number(inside['srcc'])} | {number(inside['top1'])} |"
        )
    for name, gains in results["gains"].items():
        lines += [
            "",
            f"Against {name} (paired bootstrap by pair, 1000 resamples, 95 % "
            "interval):",
            f"- SRCC over all images is {_verdict(gains['all'])}",
            f"- SRCC within a pair is {_verdict(gains['within_group'])}",
        ]
    return "\n".join(lines)


def number(value: float) -> str:
    """Three decimals, or a dash where a figure is not defined."""
    return f"{value:.3f}" if math.isfinite(value) else "-"


def write_predictions(
    path: pathlib.Path,
    rows: Mapping[str, np.ndarray],
    predicted_mos: Sequence[float] | np.ndarray,
    more: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Writes the scores of single images as CSV; replaced whole.

    Args:
        path: The file.
        rows: From `data.read`.
        predicted_mos: Shape `[n]`.
        more: Further columns, name to texts `[n]`.

    Raises:
        OSError: If the file cannot be written.
    """
    more = more or {}
    names = ["id", "pair", "algorithm", "modality", "mos", "predicted_mos"]
    with (
        written_aside(path) as aside,
        aside.open("w", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([*names, *more])
        for index, predicted in enumerate(predicted_mos):
            pair, algorithm, modality = (
                rows[name][index]
                for name in ("pair_id", "algorithm", "modality")
            )
            row = [f"{pair}/{algorithm}", pair, algorithm, modality]
            scores = [f"{rows['mos'][index]:.4f}", f"{predicted:.4f}"]
            further = [column[index] for column in more.values()]
            writer.writerow([*row, *scores, *further])


def _verdict(gain: dict[str, float]) -> str:
    """Whether a method is better than another, in words."""
    if gain["low"] > 0:
        word = "above"
    elif gain["high"] < 0:
        word = "BELOW"
    else:
        word = "NOT clearly above"
    return (
        f"{word}: {gain['difference']:+.3f} "
        f"({number(gain['low'])} to {number(gain['high'])})"
    )
