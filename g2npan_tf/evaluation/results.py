"""How figures and predictions are kept: Markdown, CSV and JSON."""

import csv
import json
import math
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from g2npan_tf.core.config import preset_words
from g2npan_tf.core.config import shown
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.scoring.model_facts import whose

# The split and the groups of a run's own figures.
TEST, PAIR = "test", "pair_id"
# Below so many cases or groups a bootstrap says little.
FEW_UNITS = 6


def is_own_test(results: Mapping[str, Any]) -> bool:
    """Whether figures are a run's own, which cross-validation pools.

    Args:
        results: What results.json holds.

    Returns:
        True for the whole test part of the run, by pairs.
    """
    return (
        results.get("split", TEST) == TEST
        and results.get("group_by", PAIR) == PAIR
        and not results.get("excluded")
    )


def part_of(results: Mapping[str, Any]) -> str:
    """What part was scored: the split, what is left out, other groups.

    Args:
        results: What results.json holds.
    """
    return "; ".join([results.get("split", TEST), *_narrowed(results)])


def _narrowed(results: Mapping[str, Any]) -> list[str]:
    """Exclusions, and groups if they are no pairs, in words."""
    words = []
    if results.get("excluded"):
        words.append(f"without {', '.join(results['excluded'])}")
    group = results.get("group_by", PAIR)
    if group != PAIR:
        words.append(f"grouped by {group}")
    return words


def table(results: dict[str, Any]) -> str:
    """The figures as a Markdown table with what they were measured on.

    Args:
        results: `data` (facts of the data set), `protocol`, `preset` if a
            network was trained, its name as `network`, numbers of `images`,
            `pairs` and (if known) `cases`, `methods` (name to figures from
            `evaluation.assess`), `gains` (name to `evaluation.difference`
            from that method), `by_modality`, `units` and `drawn`, all from
            `evaluation.compare`; and, where there are grades, `readers` (from
            `single_reader.judge`), of several folds `mean_of_folds` (from
            `fold_means.judge`), where it is another base, other groups or not
            all images, `differs` (lines), `group_by` and `excluded`.

    Returns:
        Several lines.
    """
    facts = results["data"]
    group = results.get("group_by", PAIR).removesuffix("_id")
    known = [f"{results['cases']} cases"] if "cases" in results else []
    cases = "; ".join([*known, *_narrowed(results)])
    preset = f"preset: {preset_words(results)}; " if "preset" in results else ""
    lines = [
        f"Data: {facts['name']} ({whose(facts)}); "
        f"protocol: {results['protocol']}; {preset}"
        f"{results['images']} images of {results['pairs']} pairs"
        f"{', ' * bool(cases)}{cases}.",
        "",
        *_differing(results.get("differs", ())),
        "| method | PLCC | SRCC (95 % interval) | KRCC | KRCC rounded | "
        f"RMSE [0, 1] | PLCC mapped | SRCC in {group} | best found |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    drawn = "case" if results.get("drawn") == "case" else group
    readers = results.get("readers", {})
    for name, figures in {**results["methods"], **readers}.items():
        raw, inside = figures["raw"], figures["within_group"]
        srcc = _with_limits(raw["srcc"], figures["interval"]["srcc"])
        lines.append(
            f"| {shown(results, name)} | {number(raw['plcc'])} | {srcc} | "
            f"{number(raw['krcc'])} | {number(figures['rounded_krcc'])} | "
            f"{number(raw['rmse'])} | "
            f"{number(figures['mapped']['plcc'])} | "
            f"{number(inside['srcc'])} | {number(inside['top1'])} |"
        )
    for name, figures in readers.items():
        lines += ["", f"{name}: {reader_words(figures)}."]
    for name, gains in results["gains"].items():
        lines += [
            "",
            f"Against {name} (paired bootstrap by {drawn}, 1000 resamples, "
            "95 % interval; p two-sided, Holm's correction for all "
            "differences here):",
            f"- SRCC over all images is {_verdict(gains['all'])}",
            f"- SRCC within a {group} is {_verdict(gains['within_group'])}",
        ]
    if "mean_of_folds" in results:
        lines += ["", *_mean_of_folds(results, drawn)]
    if results.get("by_modality"):
        lines += ["", *_by_modality(results)]
    if results.get("units", FEW_UNITS) < FEW_UNITS:
        lines += ["", few_units_words(results["units"], drawn)]
    return "\n".join(lines)


def few_units_words(units: int, drawn: str) -> str:
    """What intervals of so few cases or groups are worth.

    Args:
        units: How many there are.
        drawn: `case` or what the groups are.
    """
    return (
        f"Only {units} {drawn}{'s' * (units != 1)} to draw from: intervals are "
        f"too narrow, and no p can be below {2.0 ** (1 - units):.3g}."
    )


def _mean_of_folds(results: Mapping[str, Any], drawn: str) -> list[str]:
    """SRCC within each fold, averaged, and the differences of it."""
    found = results["mean_of_folds"]
    lines = [
        "SRCC within each fold, mean of the folds (pooled, images of one fold "
        f"are ranked against those of another; bootstrap by {drawn}):"
    ]
    for name, figures in found["methods"].items():
        srcc = _with_limits(figures["srcc"], figures)
        line = f"- {shown(results, name)} {srcc}"
        if name in found["gains"]:
            line += f"; against it {_verdict(found['gains'][name])}"
        lines.append(line)
    return lines


def _by_modality(results: Mapping[str, Any]) -> list[str]:
    """Figures of each modality alone, by method that ranks."""
    folds = results.get("mean_of_folds", {}).get("by_modality", {})
    lines = [
        "| modality | images | method | PLCC | SRCC (95 % interval) | SRCC, "
        "mean of the folds |",
        "|---|---|---|---|---|---|",
    ]
    for modality, methods in results["by_modality"].items():
        for name, figures in methods.items():
            raw = figures["raw"]
            mean = folds.get(modality, {}).get(name)
            cells = [
                modality,
                str(figures["images"]),
                shown(results, name),
                number(raw["plcc"]),
                _with_limits(raw["srcc"], figures["interval"]["srcc"]),
                _with_limits(mean["srcc"], mean) if mean else "-",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _with_limits(value: float, limits: Mapping[str, float]) -> str:
    """A figure with both ends of its interval."""
    low, high = (number(limits[end]) for end in ("low", "high"))
    return f"{number(value)} ({low} to {high})"


def reader_words(figures: Mapping[str, Any]) -> str:
    """What the figures of a single reader are.

    Args:
        figures: From `single_reader.judge`.
    """
    return (
        f"each of {figures['readers']} readers against the mean of the "
        "others (not the MOS: no upper limit), then the mean over the readers"
    )


def _differing(lines: Sequence[str]) -> list[str]:
    """What differs from what a model was trained on, and an empty line."""
    if not lines:
        return []
    return ["Differs from training:", *(f"- {line}" for line in lines), ""]


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
            # A flat fit ranks by digits that four places would cut off.
            scores = [f"{rows['mos'][index]:.4f}", f"{predicted:.9g}"]
            further = [column[index] for column in more.values()]
            writer.writerow([*row, *scores, *further])


def read_predictions(path: pathlib.Path) -> list[dict[str, str]]:
    """Reads what `write_predictions` wrote.

    Args:
        path: The file.

    Returns:
        One dict an image, texts by column.

    Raises:
        InputError: If the file is not there, is no CSV or has no images.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; expected what evaluate.py writes"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: no CSV file ({error})") from error
    if not rows:
        raise InputError(f"{path}: no images; expected a row for each")
    return rows


def write_results(path: pathlib.Path, results: dict[str, Any]) -> None:
    """Writes figures as JSON; replaced whole. NaN, which is none, is null.

    Args:
        path: The file.
        results: Nested dicts and lists of figures and texts.

    Raises:
        OSError: If the file cannot be written.
    """
    text = json.dumps(_without_nan(results), indent=2, allow_nan=False)
    with written_aside(path) as aside:
        aside.write_text(text + "\n")


def _without_nan(value: Any) -> Any:
    """The same with None for every NaN."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _verdict(gain: dict[str, float]) -> str:
    """Whether a method is better than another, in words."""
    if math.isnan(gain["difference"]):
        return "not defined: one of the two is constant"
    if gain["low"] > 0:
        word = "above"
    elif gain["high"] < 0:
        word = "BELOW"
    else:
        word = "NOT clearly above"
    p = number(gain.get("p_holm", float("nan")))
    return (
        f"{word}: {gain['difference']:+.3f} "
        f"({number(gain['low'])} to {number(gain['high'])}), p {p}"
    )
