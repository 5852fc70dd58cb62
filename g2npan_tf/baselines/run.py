"""Measures a data set with a compared method of Table 1 and judges it.

python -m g2npan_tf.baselines.run --method=oefp --data=fusion_quality/phantom
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from absl import flags

from g2npan_tf.baselines.methods import METHODS
from g2npan_tf.baselines.methods import Rows
from g2npan_tf.core import command
from g2npan_tf.core import config
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import fold_means
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import number
from g2npan_tf.evaluation.results import table
from g2npan_tf.evaluation.results import write_predictions
from g2npan_tf.evaluation.results import write_results

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

SETTINGS = ("data", "data_dir", "manual_dir", "protocol", "fold", "train_share")
# Draws of the one overlap; the other has as many parts as modalities.
UNPOOLED = ("ratio", "leave_modality_out")
# How a data set holds its source images: two features, or one with both.
_PAIR = ("source_a", "source_b")
_LIST = ("sources",)
_REFERENCE = ("reference",)
# Training and test rows of a fold.
Fold = tuple[np.ndarray, np.ndarray]


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config.define_flags(SETTINGS)
    flags.DEFINE_enum("method", None, sorted(METHODS), "What to run. Required.")
    flags.DEFINE_enum(
        "split",
        "fold",
        ["fold", "all"],
        "Judge the test part of --fold, or those of all folds together, each "
        "predicted by the fit on its own training part.",
    )
    flags.DEFINE_string(
        "output",
        "predictions.csv",
        "CSV file with the single images; the figures go into the JSON file of "
        "the same name.",
    )


def main(argv: list[str]) -> None:
    """Prints the figures of one method and writes its predictions."""
    options = flags.FLAGS
    if not options.method or len(argv) > 1:
        command.fail(
            f"expected --method={'|'.join(METHODS)}, and no other words"
        )
    if pathlib.Path(options.output).suffix == ".json":
        command.fail(
            f"--output={options.output}: expected a CSV file; the figures go "
            "into the JSON file of the same name"
        )
    settings = config.from_flags()
    pooled = options.split == "all"
    if pooled and (options["fold"].present or settings.protocol in UNPOOLED):
        command.fail(
            "--split=all goes without --fold and without "
            f"--protocol={' or '.join(UNPOOLED)}"
        )
    output = pathlib.Path(options.output)
    outputs.check_settings(
        {"output": [output, output.with_suffix(".json")]}, settings
    )
    with command.quiet_stderr():
        from g2npan_tf.data import base
    builder = base.open_base(settings)
    rows, values, folds = _measured(builder, settings, pooled, options.method)
    rows, results = judge(options.method, rows, values, folds)
    results["data"] = base.facts(builder)
    results["protocol"] = protocols.describe(settings) + (
        " and likewise the others, pooled" if pooled else ""
    )
    try:
        _write(output, rows, results)
    except OSError as error:
        command.fail(f"{output}: {error.strerror}")
    print(table(results))
    print(notes(results))
    print(f"images: {output}")


def _measured(
    builder: "tfds.core.DatasetBuilder",
    settings: config.Config,
    pooled: bool,
    name: str,
) -> tuple[Rows, np.ndarray, list[Fold]]:
    """Measures every image once; the folds as rows of what was measured."""
    from g2npan_tf.data import base

    count = config.num_parts(settings.protocol)
    numbers = range(count) if pooled else [settings.fold]
    parts = [
        base.divide(builder, dataclasses.replace(settings, fold=k))
        for k in numbers
    ]
    places = np.unique(
        np.concatenate([p for part in parts for p in (part.known, part.test)])
    )
    rows, values = measure_rows(builder, places, name)
    folds = [
        (
            np.searchsorted(places, part.known),
            np.searchsorted(places, part.test),
        )
        for part in parts
    ]
    return rows, values, folds


def measure_rows(
    builder: "tfds.core.DatasetBuilder", places: np.ndarray, name: str
) -> tuple[Rows, np.ndarray]:
    """Reads the images at some places of a data set and measures them.

    Returns:
        What `data.base.read` gives without the images, and the values `[n]`
        or features `[n, features]` of the method.

    Raises:
        InputError: If the method needs source images or references that are
            not there, or is not defined on an image.
    """
    from g2npan_tf.data import base

    more = _features(builder, name)
    rows: Rows = base.read(builder, places, more)
    if more == _LIST:
        rows |= _unpacked(rows, name)
    values = METHODS[name].measure(rows)
    for index, value in enumerate(values):
        if not np.isfinite(value).all():
            raise InputError(
                f"--method={name} is not defined on {_id(rows, index)}: "
                f"expected a finite value. Received: {value}"
            )
    images = {"image", *_PAIR, *_LIST, *_REFERENCE}
    return {key: rows[key] for key in rows if key not in images}, values


def _features(
    builder: "tfds.core.DatasetBuilder", name: str
) -> tuple[str, ...]:
    """The features that a method needs beside the fused image."""
    there, base_name = set(builder.info.features), builder.info.full_name
    if METHODS[name].needs_sources:
        for names in (_PAIR, _LIST):
            if there.issuperset(names):
                return names
        raise InputError(
            f"--method={name} needs both source images of every fused image; "
            f"{base_name} has none (expected the features "
            f"{' and '.join(_PAIR)}, or {_LIST[0]})"
        )
    if not METHODS[name].needs_reference:
        return ()
    if "is_anchor" not in there:
        raise InputError(
            f"--method={name} needs references that nobody judged (anchors); "
            f"those of {base_name} are the best judged images, so they give "
            "away what is to be predicted"
        )
    return _REFERENCE


def _unpacked(rows: Rows, name: str) -> Rows:
    """The pair of features from the one with both."""
    for index, sources in enumerate(rows["sources"]):
        if len(sources) != len(_PAIR):
            raise InputError(
                f"--method={name} needs both source images of every fused "
                f"image; {_id(rows, index)} has {len(sources)}"
            )
    return {
        key: [sources[i] for sources in rows["sources"]]
        for i, key in enumerate(_PAIR)
    }


def _id(rows: Rows, index: int) -> str:
    """What an image is called in errors and CSV files."""
    return f"{rows['pair_id'][index]}/{rows['algorithm'][index]}"


def judge(
    name: str, rows: Rows, values: np.ndarray, folds: Sequence[Fold]
) -> tuple[Rows, dict[str, Any]]:
    """Fits a method on training parts and judges it on the test parts.

    Args:
        name: Of the method.
        rows: Without images, and
        values: of its measure, both from `measure_rows`.
        folds: For each fold the rows that train and those that test.

    Returns:
        The test rows, one fold after the other, with `fold` (number in
        `folds`), `predicted_mos`, `values` and the trivial baselines; and what
        `evaluation_table.table` shows but `data` and `protocol`.
    """
    predicted = [_predictions(name, rows, values, fold) for fold in folds]
    predictions = {
        key: np.concatenate([part[key] for part in predicted])
        for key in predicted[0]
    }
    places = np.concatenate([test for _, test in folds])
    trivial = {
        key: values for key, values in predictions.items() if key != name
    }
    test = {
        **trivial,
        **{key: np.asarray(column)[places] for key, column in rows.items()},
        "fold": np.repeat(range(len(folds)), [len(test) for _, test in folds]),
        "predicted_mos": predictions[name],
        "values": values[places],
    }
    split = evaluation.split_of(test)
    results = {
        "method": name,
        "images": len(places),
        "pairs": len(set(test["pair_id"])),
        "cases": len(set(test["case_id"])),
        **evaluation.compare(split, predictions, name),
    }
    if len(folds) > 1:
        results["mean_of_folds"] = fold_means.judge(
            split, test["fold"], predictions
        )
    if values.ndim == 1:
        results["unfitted"] = statistics.figures(split.mos, test["values"])
        kept = statistics.srcc(test["values"], predictions[name])
        results["reversed"] = kept < 0
    return test, results


def _predictions(
    name: str, rows: Rows, values: np.ndarray, fold: Fold
) -> dict[str, np.ndarray]:
    """Predicted MOS of a fold's test rows, and the trivial baselines'."""
    train, test = (
        evaluation.split_of({key: column[part] for key, column in rows.items()})
        for part in fold
    )
    predict = METHODS[name].fit(values[fold[0]], train.mos)
    return {
        name: predict(values[fold[1]]),
        **evaluation.trivial_baselines(train, test),
    }


def notes(results: dict[str, Any]) -> str:
    """What was fitted, and the figures of the measure without it."""
    method = METHODS[results["method"]]
    lines = [
        "",
        f"{results['method']}: {method.fitted} from the measure to MOS, "
        "fitted on the training part of each fold.",
    ]
    if "unfitted" in results:
        figures = ", ".join(
            f"{name.upper()} {number(results['unfitted'][name])}"
            for name in ("plcc", "srcc", "krcc")
        )
        lines.append(
            f"The measure itself ({method.direction}), nothing fitted: "
            f"{figures}."
        )
        if results["reversed"]:
            lines.append("The fit reversed the direction of the measure.")
    return "\n".join(lines)


def _write(path: pathlib.Path, rows: Rows, results: dict[str, Any]) -> None:
    """Writes the predictions, with the measure where it is one number.

    The figures stand beside them: whose scores, which protocol.
    """
    more = {
        "case": rows["case_id"],
        "fold": rows["fold"].astype(str),
        **{
            name: [f"{value:.4f}" for value in rows[name]]
            for name in evaluation.BASELINES
            if name in rows
        },
    }
    if "unfitted" in results:
        more["value"] = [f"{value:.9g}" for value in rows["values"]]
    write_results(path.with_suffix(".json"), results)
    write_predictions(path, rows, rows["predicted_mos"], more)


if __name__ == "__main__":
    define_flags()
    command.run(main)
