"""Measures a data set with a compared method of Table 1 and judges it.

python -m g2npan_tf.baselines.run --method=oefp --data=fusion_quality/phantom
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from g2npan_tf.baselines.methods import METHODS
from g2npan_tf.baselines.methods import Rows
from g2npan_tf.core import command
from g2npan_tf.core import config
from g2npan_tf.core import config_flags
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.table import number
from g2npan_tf.evaluation.table import table

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodResults(Results):
    """What the JSON file of a compared method holds.

    Attributes:
        method: Its name.
        unfitted: Of the measure itself, where it is one number an image.
        reversed: Whether the fit reversed its direction.
    """

    method: str
    unfitted: statistics.Figures | None = None
    reversed: bool | None = None


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config_flags.define_flags(SETTINGS)
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
    settings = config_flags.from_flags()
    config.expect_test_part(settings, "expected another --protocol")
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
        from g2npan_tf.data import base  # noqa: F401
    try:
        results = measure(options.method, settings, pooled, output)
    except OSError as error:
        command.fail(f"{output}: {error.strerror}")
    print(table(results))
    print(notes(results))
    print(f"images: {output}")


def measure(
    name: str, settings: config.Config, pooled: bool, output: pathlib.Path
) -> MethodResults:
    """Measures a data set and judges it, on one fold or on all together.

    Writes a CSV file; the figures go into the JSON file beside.

    Raises:
        InputError: If the method is not defined on the data set.
        OSError: If the disk does not take the files.
    """
    from g2npan_tf.data import base

    builder = base.open_base(settings)
    rows, values, folds = _measured(builder, settings, pooled, name)
    protocol = protocols.describe(settings)
    if pooled:
        protocol += " and likewise the others, pooled"
    predictions, results = judge(
        name, rows, values, folds, base.facts(builder), protocol
    )
    kept.write(output.with_suffix(".json"), results)
    predictions.write(output)
    return results


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
    name: str,
    rows: Rows,
    values: np.ndarray,
    folds: Sequence[Fold],
    data: Facts,
    protocol: str,
) -> tuple[Predictions, MethodResults]:
    """Fits a method on training parts and judges it on the test parts.

    Args:
        name: Of the method.
        rows: Without images, and
        values: of its measure, both from `measure_rows`.
        folds: For each fold the rows that train and those that test.
        data: What is said of the data set in the results, and
        protocol: of its division.

    Returns:
        The test rows, one fold after the other, with the number of the fold
        in `folds`; and their figures.
    """
    parts = [_predictions(name, rows, values, fold) for fold in folds]
    predicted = {
        key: np.concatenate([part[key] for part in parts]) for key in parts[0]
    }
    places = np.concatenate([test for _, test in folds])
    fold = np.repeat(range(len(folds)), [len(test) for _, test in folds])
    split = figures.split_of(rows).at(places)
    judged = figures.judge(
        split, predicted, name, fold if len(folds) > 1 else None
    )
    measure = values[places] if values.ndim == 1 else None
    found = {}
    if measure is not None:
        found = {
            "unfitted": statistics.figures(split.mos, measure),
            "reversed": statistics.srcc(measure, predicted[name]) < 0,
        }
    test = Predictions(
        split.image,
        split,
        predicted[name],
        {key: x for key, x in predicted.items() if key != name},
        fold=fold.astype(str),
        measure=measure,
    )
    return test, MethodResults.of(
        judged, data=data, protocol=protocol, method=name, **found
    )


def _predictions(
    name: str, rows: Rows, values: np.ndarray, fold: Fold
) -> dict[str, np.ndarray]:
    """Predicted MOS of a fold's test rows, and the trivial baselines'."""
    train, test = (figures.split_of(rows).at(part) for part in fold)
    predict = METHODS[name].fit(values[fold[0]], train.mos)
    return {
        name: predict(values[fold[1]]),
        **figures.trivial_baselines(train, test),
    }


def notes(judged: MethodResults) -> str:
    """What was fitted, and the figures of the measure without it."""
    method = METHODS[judged.method]
    lines = [
        "",
        f"{judged.method}: {method.fitted} from the measure to MOS, "
        "fitted on the training part of each fold.",
    ]
    if judged.unfitted:
        found = ", ".join(
            f"{name.upper()} {number(getattr(judged.unfitted, name))}"
            for name in ("plcc", "srcc", "krcc")
        )
        lines.append(
            f"The measure itself ({method.direction}), nothing fitted: {found}."
        )
        if judged.reversed:
            lines.append("The fit reversed the direction of the measure.")
    return "\n".join(lines)


if __name__ == "__main__":
    define_flags()
    command.run(main)
