r"""Compares methods on the images that all of them scored.

    python -m g2npan_tf.experiments.compare runs/cv runs/cv_plain \
        bmpri=predictions.csv [--output=FILE.json]

Each word is what `evaluate.py`, `cross_validate` or `baselines.run` wrote: a
folder with `predictions.csv` (or `evaluation/predictions.csv`) or that file,
with a name before `=` if the folder's does not tell. The first is compared with
each other one by paired bootstrap of the groups, with Holm's correction.
"""

import math
import pathlib
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.table import number
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import fold_means
from g2npan_tf.evaluation import results as evaluation_table
from g2npan_tf.scoring.model_facts import UNKNOWN
from g2npan_tf.scoring.model_facts import whose

PREDICTIONS = "predictions.csv"
_FACTS = "results.json"
# What must be equal of an image, whoever scored it.
_SHARED = ("pair", "algorithm", "modality")
_WHAT = {"name": UNKNOWN, "scores": UNKNOWN, "caveat": ""}
# Where a protocol's words go over to its parts.
_PART = re.compile(", (?:test fold|part|draw|modality) ")
# MOS are written with four places.
_SAME_MOS = 1e-3


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_string("output", "", "JSON file for the figures.")


def main(argv: list[str]) -> None:
    """Prints the figures of all methods and the differences."""
    files = [_named(word)[1] for word in argv[1:]]
    outputs.check(
        {"output": [flags.FLAGS.output]},
        [place for file in files for place in (file, *_beside(file))],
    )
    results = collect(argv[1:])
    print(evaluation_table.table(results))
    if flags.FLAGS.output:
        path = pathlib.Path(flags.FLAGS.output)
        try:
            evaluation_table.write_results(path, results)
        except OSError as error:
            command.fail(f"--output={path}: {error.strerror}")


def collect(words: Sequence[str]) -> dict[str, Any]:
    """Figures of the methods on the images that all scored.

    Args:
        words: `NAME=PATH` or `PATH`, at least two; the first is compared with
            the others.

    Returns:
        As `evaluation_table.table` takes it.

    Raises:
        InputError: If there are fewer than two, a name comes twice, a file is
            not there or has no predictions, an image is there twice or is
            scored otherwise in another file, or no image is in all.
    """
    if len(words) < 2:
        raise InputError(
            "expected at least two folders or files with predictions: "
            "[NAME=]PATH [NAME=]PATH ..."
        )
    files = [_named(word) for word in words]
    names = [name for name, _ in files]
    if len(set(names)) < len(names) or set(names) & {*evaluation.BASELINES}:
        raise InputError(
            f"methods {', '.join(names)}: expected different names, and none "
            f"of {', '.join(evaluation.BASELINES)}; give them as NAME=PATH"
        )
    tables = [_read(path) for _, path in files]
    beside = {name: _figures(path) for name, path in files}
    common = [key for key in tables[0] if all(key in t for t in tables[1:])]
    if not common:
        raise InputError(f"no image is in all of {', '.join(words)}")
    for (_, path), table in zip(files, tables, strict=True):
        _check_same(path, table, files[0][1], tables[0], common)
    predictions = {
        name: _column(table, common, "predicted_mos")
        for name, table in zip(names, tables, strict=True)
    }
    first = tables[0]
    for name in evaluation.BASELINES:
        told = _optional(tables, common, name)
        if told is not None:
            predictions[name] = told.astype(float)
    pair, algorithm, modality = (
        np.array([first[key][name] for key in common]) for name in _SHARED
    )
    case, fold = (_optional(tables, common, name) for name in ("case", "fold"))
    scores = _column(first, common, "mos")
    split = evaluation.Split(pair, algorithm, modality, scores, case)
    excluded = sum(len(table) - len(common) for table in tables)
    return {
        "data": _data(beside),
        "protocol": "images that all of them scored"
        + (f" ({excluded} scored by some only are left out)" * bool(excluded))
        + _protocols(beside),
        "images": len(common),
        "pairs": len(set(pair)),
        **({} if case is None else {"cases": len(set(case))}),
        **evaluation.compare(split, predictions, names[0]),
        **(
            {}
            if fold is None
            else {"mean_of_folds": fold_means.judge(split, fold, predictions)}
        ),
    }


def _named(word: str) -> tuple[str, pathlib.Path]:
    """The name of a method and the file of its predictions."""
    name, separator, text = word.partition("=")
    path = pathlib.Path(text if separator else word)
    places = (path / PREDICTIONS, path / "evaluation" / PREDICTIONS, path)
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise InputError(
            f"{path}: no {PREDICTIONS} there; expected what evaluate.py, "
            "cross_validate or baselines.run wrote"
        )
    return (name if separator else path.stem), file


def _read(path: pathlib.Path) -> dict[str, dict[str, str]]:
    """The rows of a file by their image."""
    rows = evaluation_table.read_predictions(path)
    missing = {"id", "mos", "predicted_mos", *_SHARED} - set(rows[0])
    if missing:
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}")
    found: dict[str, dict[str, str]] = {}
    for line, row in enumerate(rows, start=2):
        if row["id"] in found:
            raise InputError(
                f"{path}, line {line}: {row['id']} for the second time; "
                "expected one seed, each image once"
            )
        for name in ("mos", "predicted_mos", *evaluation.BASELINES):
            if name in row:
                _number(row[name], f"{path}, line {line}, {name}")
        found[row["id"]] = row
    return found


def _number(text: str, where: str) -> float:
    """A finite number of a cell."""
    return number(where, text or "", -math.inf, math.inf)


def _column(
    table: dict[str, dict[str, str]], keys: Sequence[str], name: str
) -> np.ndarray:
    """A column as numbers, in the order of the images."""
    return np.array([float(table[key][name]) for key in keys])


def _optional(
    tables: Sequence[dict[str, dict[str, str]]], keys: Sequence[str], name: str
) -> np.ndarray | None:
    """A column of the first file that has it for all images, or None.

    Earlier versions did not write `case`; `fold` is there if folds are pooled.
    """
    for table in tables:
        if all(name in table[key] for key in keys):
            return np.array([table[key][name] for key in keys])
    return None


def _check_same(
    path: pathlib.Path,
    table: dict[str, dict[str, str]],
    first_path: pathlib.Path,
    first: dict[str, dict[str, str]],
    keys: Sequence[str],
) -> None:
    """Refuses two files that tell different things of one image."""
    for key in keys:
        here, there = table[key], first[key]
        same = all(here[name] == there[name] for name in _SHARED)
        near = abs(float(here["mos"]) - float(there["mos"])) <= _SAME_MOS
        if not (same and near):
            raise InputError(
                f"{path}: {key} has MOS {here['mos']} and in {first_path} "
                f"{there['mos']}; expected predictions of one data set"
            )


def _beside(path: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Where the figures of a file of predictions may be."""
    return path.with_suffix(".json"), path.with_name(_FACTS)


def _figures(path: pathlib.Path) -> dict[str, Any]:
    """What stands beside a file of predictions; empty if nothing does."""
    for figures in _beside(path):
        if not figures.is_file():
            continue
        try:
            found = plain_json.parse(figures.read_text())
            return {"path": path, "facts": dict(found["data"]), **found}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{figures}: no figures of evaluate.py, cross_validate or "
                "baselines.run"
            ) from error
    return {}


def _data(beside: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Name and scores of the data set, from the figures beside the files."""
    found = {
        tuple(
            known["facts"].get(key, default) for key, default in _WHAT.items()
        ): known["path"]
        for known in beside.values()
        if known
    }
    if len(found) > 1:
        each = "; ".join(
            f"{path}: {what[0]} ({whose(dict(zip(_WHAT, what, strict=True)))})"
            for what, path in found.items()
        )
        raise InputError(
            f"{each}; expected one data set: simulated and real scores are "
            "never put into one table"
        )
    what = next(iter(found), _WHAT.values())
    return {k: v for k, v in zip(_WHAT, what, strict=True) if v}


def _protocols(beside: Mapping[str, dict[str, Any]]) -> str:
    """The protocol of each method where one is known: they may differ."""
    said = {
        # Which of its parts were scored is told by the images in common.
        name: _PART.split(str(known.get("protocol", UNKNOWN)))[0]
        for name, known in beside.items()
    }
    if set(said.values()) == {UNKNOWN}:
        return ""
    if len(set(said.values())) == 1:
        return f"; each by protocol {next(iter(said.values()))}"
    each = "; ".join(f"{name} by {words}" for name, words in said.items())
    return f"; the protocols DIFFER: {each}"


if __name__ == "__main__":
    define_flags()
    command.run(main)
