r"""Compares methods on the images that all of them scored.

    python -m g2npan_tf.experiments.compare runs/cv runs/cv_plain \
        bmpri=predictions.csv [--output=FILE.json]

Each argument is what `evaluate.py`, `cross_validate` or `baselines.run` wrote:
a folder with `predictions.csv` (or `evaluation/predictions.csv`), or that file,
with a name before `=` if the folder's name says nothing. The first is compared
with each of the others by a paired bootstrap of the groups, with Holm's
correction. If one cross-validation has several seeds, all must have the same.
"""

import dataclasses
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation.results import BASELINES
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.table import table
from g2npan_tf.scoring.model_facts import UNKNOWN
from g2npan_tf.scoring.model_facts import whose

PREDICTIONS = "predictions.csv"
_FACTS = "results.json"
_WHAT = {"name": UNKNOWN, "scores": UNKNOWN, "caveat": ""}
# Where a protocol's description ends and that of its parts begins.
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
    print(table(results))
    if flags.FLAGS.output:
        path = pathlib.Path(flags.FLAGS.output)
        try:
            kept.write(path, results)
        except OSError as error:
            command.fail(f"--output={path}: {error.strerror}")


@dataclasses.dataclass(frozen=True)
class _Method:
    """A method, its predictions, and the header of their figures, if any."""

    name: str
    path: pathlib.Path
    rows: Predictions
    origin: kept.Header | None


def collect(words: Sequence[str]) -> Results:
    """Figures of the methods on the images that all scored.

    Args:
        words: `NAME=PATH` or `PATH`, at least two; the first is compared with
            the others.

    Raises:
        InputError: If there are fewer than two, a name comes twice, a file is
            missing or has no predictions, an image comes twice or has another
            MOS in another file, or no image is in all files.
    """
    if len(words) < 2:
        raise InputError(
            "expected at least two folders or files with predictions: "
            "[NAME=]PATH [NAME=]PATH ..."
        )
    methods = [_read(*_named(word)) for word in words]
    names = [method.name for method in methods]
    if len(set(names)) < len(names) or set(names) & {*BASELINES}:
        raise InputError(
            f"methods {', '.join(names)}: expected different names, and none "
            f"of {', '.join(BASELINES)}; give them as NAME=PATH"
        )
    known = [set(method.rows.image) for method in methods]
    common = [x for x in methods[0].rows.image if all(x in k for k in known)]
    if not common:
        raise InputError(f"no image is in all of {', '.join(words)}")
    excluded = sum(len(method.rows.image) - len(common) for method in methods)
    methods = [_chosen(method, common) for method in methods]
    for method in methods[1:]:
        _check_same(method, methods[0])
    tables = [method.rows for method in methods]
    predictions = {method.name: method.rows.predicted for method in methods}
    for name in BASELINES:
        values = _first_known([one.trivial.get(name) for one in tables])
        if values is not None:
            predictions[name] = values
    case = _first_known([one.split.case_id for one in tables])
    fold = _first_known([one.fold for one in tables])
    split = dataclasses.replace(tables[0].split, case_id=case)
    return Results.of(
        figures.judge(split, predictions, names[0], fold),
        data=_data(methods),
        protocol="images that all of them scored"
        + _seeds(tables[0])
        + (f" ({excluded} scored by some only are left out)" * bool(excluded))
        + _protocols(methods),
    )


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


def _beside(path: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """The places where the figures of a file of predictions may be."""
    return path.with_suffix(".json"), path.with_name(_FACTS)


def _read(name: str, path: pathlib.Path) -> _Method:
    """The predictions of a file, each image once, and whose they are."""
    rows = _apart(kept.read_predictions(path))
    seen = set()
    for line, image in enumerate(rows.image, start=2):
        if image in seen:
            raise InputError(
                f"{path}, line {line}: {image} for the second time; "
                "expected each image once, or once a seed"
            )
        seen.add(image)
    beside = (place for place in _beside(path) if place.is_file())
    origin = next((kept.read(place, kept.Header) for place in beside), None)
    return _Method(name, path, rows, origin)


def _apart(rows: Predictions) -> Predictions:
    """Gives each of several seeds images, pairs and folds of its own.

    Figures then rank images within a seed's pairs, and means of folds are over
    all seeds' folds. Cases stay common: a resample draws a case in every seed.
    """
    seed = rows.seed
    if seed is None or rows.fold is None or len(set(seed)) == 1:
        return rows
    if rows.split.case_id is None:
        raise InputError("several seeds: expected predictions with cases")

    def named(column: np.ndarray) -> np.ndarray:
        return np.char.add(np.char.add(seed, ": "), column)

    split = dataclasses.replace(rows.split, pair_id=named(rows.split.pair_id))
    return dataclasses.replace(
        rows, image=named(rows.image), split=split, fold=named(rows.fold)
    )


def _seeds(rows: Predictions) -> str:
    """Names the seeds, if there are several."""
    seeds = [] if rows.seed is None else sorted(set(rows.seed))
    if len(seeds) < 2:
        return ""
    return f", once by each of the seeds {', '.join(seeds)}"


def _chosen(method: _Method, images: Sequence[str]) -> _Method:
    """Keeps these images, in this order."""
    places = {image: place for place, image in enumerate(method.rows.image)}
    rows = method.rows.at(np.array([places[image] for image in images]))
    return dataclasses.replace(method, rows=rows)


def _first_known(columns: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """The column of the first file that has it; older files lack `case`."""
    return next((column for column in columns if column is not None), None)


def _check_same(method: _Method, first: _Method) -> None:
    """Refuses two files that differ on one image."""
    here, there = method.rows.split, first.rows.split
    same = np.abs(here.mos - there.mos) <= _SAME_MOS
    for name in ("pair_id", "algorithm", "modality"):
        same &= getattr(here, name) == getattr(there, name)
    for k in np.flatnonzero(~same):
        raise InputError(
            f"{method.path}: {method.rows.image[k]} has MOS {here.mos[k]:.4f} "
            f"and in {first.path} {there.mos[k]:.4f}; expected predictions of "
            "one data set"
        )


def _data(methods: Sequence[_Method]) -> dict[str, Any]:
    """The data set and whose scores it has, from beside the files."""
    found = {
        tuple(
            method.origin.data.get(key, default)
            for key, default in _WHAT.items()
        ): method.path
        for method in methods
        if method.origin
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


def _protocols(methods: Sequence[_Method]) -> str:
    """The protocol of each method, if any is known: they may differ."""
    said = {
        # Without the parts: the images in common show which were scored.
        method.name: _PART.split(method.origin.protocol)[0]
        if method.origin
        else UNKNOWN
        for method in methods
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
