"""The HTML report of an evaluation: one file with figures, plots and maps."""

import csv
import dataclasses
import math
import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from g2npan_tf.core import mos
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import FoldMean
from g2npan_tf.evaluation.results import Judged
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.table import attribution
from g2npan_tf.evaluation.table import few_units_words
from g2npan_tf.evaluation.table import reader_words
from g2npan_tf.evaluation.table import with_limits
from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.report import plots
from g2npan_tf.report.page import Cell
from g2npan_tf.report.page import Column
from g2npan_tf.report.plots import Plot
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.explain import View
from g2npan_tf.scoring.explain import views

FILE = "report.html"
# Longest side of a picture of an image in pixels.
_LONGEST = 256
# How many images of a kind are shown.
_COUNT = 4
_MOS_RANGE = (mos.MOS_MIN, mos.MOS_MAX)
_HOLM = "corrected for all rows here"
_AGREEMENT = (
    Column("method"),
    Column("PLCC", 3, descending=True),
    Column("SRCC (95 % interval)", descending=True),
    Column("KRCC", 3, descending=True, explanation="tau-b"),
    Column("KRCC rounded", 3, explanation="predictions rounded to 1..5"),
    Column("RMSE", 3, explanation="on [0, 1]"),
    Column("PLCC mapped", 3, explanation="after the 4-parameter logistic"),
    Column("in group", 3, descending=True, explanation="mean SRCC of groups"),
    Column("best found", 3, explanation="share of groups"),
)
_GAINS = (
    Column("against"),
    Column("SRCC"),
    Column("difference (95 % interval)", descending=True),
    Column("p", 4, explanation="two-sided, from the paired bootstrap"),
    Column("p, Holm", 4, explanation=_HOLM),
)
_FOLDS = (
    Column("method"),
    Column("SRCC in a fold, mean (95 % interval)", descending=True),
    Column("difference (95 % interval)", descending=True),
    Column("p, Holm", 4, explanation=_HOLM),
)
_SHARES = (
    Column("images", 0),
    Column("MOS", 2, descending=True),
    Column("predicted MOS", 2, descending=True),
    Column("predicted - MOS", 2),
    Column("SRCC", 3, descending=True),
    Column("RMSE", 3, explanation="on [0, 1]"),
)
_SCOPES = {"all": "over all images", "within_group": "within a group"}
_KINDS = {
    "worst": ("Worst predictions", "largest |predicted MOS - MOS|"),
    "best": ("Best predictions", "smallest |predicted MOS - MOS|"),
    "disputed": (
        "Most disputed images",
        "largest standard deviation of the readers' grades",
    ),
}
# Gives pixels and assessment of each image, in their order.
Explain = Callable[[Predictions], Sequence[tuple[np.ndarray, Assessment]]]


@dataclasses.dataclass(frozen=True)
class Part:
    """Predictions that were judged together, e.g. those of one seed.

    Attributes:
        name: For headings; empty if there is one part only.
        judged: The figures.
        predictions: What they are of.
    """

    name: str
    judged: Judged
    predictions: Predictions


def write(
    path: pathlib.Path,
    results: Results,
    parts: Sequence[Part],
    logs: Mapping[str, pathlib.Path],
    explain: Explain,
) -> None:
    """Writes a report, replaced whole; raises OSError.

    Choice: single images of the first part only.

    Args:
        path: The file.
        results: What was measured on what.
        parts: The figures.
        logs: `log.csv` by name of the run.
        explain: Called once with the images to be shown; what it raises as
            `InputError` is said in their place.
    """
    first = parts[0].predictions
    title = title_of(results.data)
    text = page.render(
        "evaluation/report.html",
        title,
        styles=["evaluation/report.css"],
        origin=attribution(results.data),
        measured=_measured(results),
        differs=results.differs,
        parts_shown=[_part(part, results.baselines or {}) for part in parts],
        shares=[shares(first, name) for name in ("algorithm", "modality")],
        curves=learning_curves(logs),
        **_images(first, explain),
    )
    with written_aside(path) as aside:
        aside.write_text(text)


def title_of(facts: Facts) -> str:
    """What is judged by what, for headings."""
    kind = "simulated" if model_facts.is_simulated(facts) else "real"
    if model_facts.has_no_readers(facts):
        kind = "a formula's"
    if not facts.get("scores"):
        kind = "unknown"
    return f"Evaluation on {facts['name']} ({kind} scores)"


def _measured(results: Results) -> dict[str, str]:
    measured = {
        "Data": results.data["name"],
        "Protocol": results.protocol,
        "Images": f"{results.images} of {results.pairs} pairs"
        + ("" if results.cases is None else f", {results.cases} cases"),
        "Preset": results.preset_words,
        "Trained on": _trained_on(results),
        "Groups": results.group_by,
        "Left out": ", ".join(results.excluded or ()),
    }
    return {name: text for name, text in measured.items() if text}


def _trained_on(results: Results) -> str:
    """Names of what trained; empty if it is not known."""
    facts = model_facts.trained_on(results.trained_on or {})
    return " and ".join(one["name"] for one in facts if "name" in one)


def _part(part: Part, baselines: Mapping[str, str]) -> dict[str, Any]:
    """What the template shows of a part."""
    judged, folds = part.judged, part.judged.mean_of_folds
    ending = f", {part.name}" if part.name else ""
    drawn = judged.drawn or "group"
    said = {
        **baselines,
        **{name: reader_words(x) for name, x in judged.readers.items()},
    }
    network = judged.shown(METHOD)
    gains = [
        (_words(name), _SCOPES[scope], *_gain(gain))
        for name, scopes in judged.gains.items()
        for scope, gain in scopes.items()
    ]
    return {
        "ending": ending,
        "agreement": page.Table(
            _AGREEMENT,
            [
                _agreement(judged, name, figures)
                for name, figures in (judged.methods | judged.readers).items()
            ],
            "Agreement with the readers' scores",
        ),
        "meanings": {_words(name): text for name, text in said.items()},
        "gains": page.Table(
            _GAINS, gains, f"{network} minus each other method that ranks"
        ),
        "folds": page.Table(
            _FOLDS,
            [
                _fold_mean(judged, name, mean)
                for name, mean in folds.methods.items()
            ],
            f"Mean of the folds, and {network} minus the others",
        )
        if folds
        else None,
        "note": f"Intervals and p: 1,000 bootstrap resamples of whole {drawn}s;"
        " Holm's correction is for all differences of a table. "
        + few_units_words(judged.units, drawn),
        "plots": [
            scatter(
                part.predictions,
                f"MOS by prediction, with fitted logistic{ending}",
            ),
            algorithm_bars(
                part.predictions,
                f"Mean MOS and prediction by algorithm{ending}",
            ),
        ],
    }


def _words(name: str) -> str:
    """A name that a narrow column can break."""
    return name.replace("_", " ")


def _agreement(judged: Judged, name: str, figures: Agreement) -> tuple:
    """One method's line; the trained network's name is bold."""
    raw, inside = figures.raw, figures.within_group
    shown: object = _words(judged.shown(name))
    if name == METHOD:
        shown = Markup("<b>{}</b>").format(page.plain(str(shown)))
    return (
        shown,
        raw.plcc,
        _limits(raw.srcc, figures.interval["srcc"]),
        raw.krcc,
        figures.rounded_krcc,
        raw.rmse,
        figures.mapped.plcc,
        inside.srcc,
        inside.top1,
    )


def _gain(gain: statistics.Difference) -> tuple:
    return _limits(gain.difference, gain, "+"), gain.p, gain.p_holm


def _fold_mean(judged: Judged, name: str, mean: FoldMean) -> tuple:
    """SRCC within each fold, averaged; pooled, folds are ranked too."""
    gains = judged.mean_of_folds.gains if judged.mean_of_folds else {}
    cells: tuple = (None, None, None)
    if name in gains:
        cells = _gain(gains[name])
    shown = _words(judged.shown(name))
    return shown, _limits(mean.srcc, mean), cells[0], cells[2]


def _limits(
    value: float,
    limits: statistics.Interval | statistics.Difference | FoldMean,
    sign: str = "",
) -> Cell | None:
    """A figure with both ends of its interval, sorted by the figure."""
    if not math.isfinite(value):
        return None
    return Cell(with_limits(value, limits, sign), value)


def shares(rows: Predictions, column: str) -> page.Table:
    """Figures of the images of each algorithm or modality."""
    lines = []
    names = getattr(rows.split, column)
    for name in np.unique(names):
        mine = rows.at(names == name)
        true, predicted = mine.split.mos, mine.predicted
        lines.append(
            (
                str(name),
                len(true),
                float(true.mean()),
                float(predicted.mean()),
                float(predicted.mean() - true.mean()),
                statistics.srcc(true, predicted),
                statistics.rmse(*map(mos.to_quality, (true, predicted))),
            )
        )
    return page.Table((Column(column), *_SHARES), lines, f"By {column}")


def scatter(rows: Predictions, title: str) -> Plot:
    """MOS against prediction with the logistic fit, coloured by modality."""
    true, predicted = rows.split.mos, rows.predicted
    line = np.linspace(predicted.min(), predicted.max(), 200)
    fit = statistics.fit_logistic(true, predicted)(line)
    names = rows.split.modality.tolist()
    return plots.scatter(
        predicted.tolist(),
        true.tolist(),
        title=title,
        x_label="predicted MOS",
        y_label="MOS",
        groups=names if len(set(names)) > 1 else (),
        curve=(line.tolist(), fit.tolist()),
        curve_name="logistic fit",
        y_range=(0.9, 5.1),
    )


def algorithm_bars(rows: Predictions, title: str) -> Plot:
    """Mean MOS and mean prediction of each algorithm, best MOS first."""
    algorithm = rows.split.algorithm
    means = {n: rows.split.mos[algorithm == n].mean() for n in algorithm}
    names = sorted(means, key=lambda name: -means[name])
    series = []
    for kind, values in (
        ("MOS", rows.split.mos),
        ("predicted", rows.predicted),
    ):
        mine = [values[algorithm == name] for name in names]
        mean = np.array([each.mean() for each in mine])
        spread = np.array([each.std() for each in mine])
        low, high = np.clip((mean - spread, mean + spread), *_MOS_RANGE)
        series.append(
            plots.Bars(kind, mean.tolist(), low.tolist(), high.tolist())
        )
    return plots.bars(
        names,
        series,
        title=title,
        label="mean of the images; whiskers: standard deviation",
        value_range=_MOS_RANGE,
    )


def learning_curves(logs: Mapping[str, pathlib.Path]) -> list[Plot]:
    """Quality loss and validation SRCC of each run by epoch.

    Args:
        logs: `log.csv` by name of the run; those that are not there, and
            columns that no log has, are left out.
    """
    rows = {name: _log(path) for name, path in logs.items()}
    drawn = []
    for column, title in (
        ("quality_loss", "Quality loss (Eq. 7), training part"),
        ("val_srcc", "SRCC, validation part"),
    ):
        series = []
        for name, epochs in rows.items():
            known = [row for row in epochs if row.get(column)]
            x, y = (
                [float(row[key]) for row in known] for key in ("epoch", column)
            )
            if known:
                series.append(plots.Series(name, x, y))
        if series:
            drawn.append(
                plots.curves(
                    series, title=title, x_label="epoch", y_label=column
                )
            )
    return drawn


def _log(path: pathlib.Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except OSError:
        return []


def pick(rows: Predictions, count: int = _COUNT) -> dict[str, list[int]]:
    """Picks the images that a report shows: best, worst and most disputed.

    Returns:
        Numbers of rows by kind, the most extreme first, one of a pair; a kind
        is left out where nothing is known of it (readers' grades are not
        there, or agree).
    """
    errors = np.abs(rows.predicted - rows.split.mos)
    spreads = np.full(len(errors), np.nan)
    if rows.spread is not None:
        spreads = rows.spread
    picked = {
        "worst": _largest(rows, errors, count),
        "best": _largest(rows, -errors, count),
        "disputed": [i for i in _largest(rows, spreads, count) if spreads[i]],
    }
    return {kind: members for kind, members in picked.items() if members}


def _largest(rows: Predictions, values: np.ndarray, count: int) -> list[int]:
    """Numbers of the rows with the largest values, one of a pair."""
    pair = rows.split.pair_id
    order = sorted(
        np.flatnonzero(np.isfinite(values)).tolist(),
        key=lambda i: (-values[i], rows.image[i]),
    )
    first = {pair[i]: i for i in reversed(order)}
    return [i for i in order if first[pair[i]] == i][:count]


def _images(rows: Predictions, explain: Explain) -> dict[str, Any]:
    """What the template shows of single images; why not, if they are gone."""
    picked = pick(rows)
    numbers = sorted({i for members in picked.values() for i in members})
    try:
        found = explain(rows.at(np.array(numbers)))
    except InputError as error:
        return {"not_shown": str(error)}
    explained = dict(zip(numbers, found, strict=True))
    cam = "local quality (CAM), 1 = good"
    nuance = "nuance |reference - image|, to its largest value"
    keys = [page.colour_bar(pictures.VIRIDIS, "0", "1", cam)]
    if any(one.nuance is not None for _, one in found):
        bar = page.colour_bar(pictures.MAGMA, "0", "largest", nuance)
        keys.insert(0, bar)
    kinds = []
    for kind, members in picked.items():
        title, rule = _KINDS[kind]
        images = [_image(rows, i, *explained[i]) for i in members]
        kinds.append({"title": title, "rule": rule, "images": images})
    return {
        "not_shown": "",
        "keys": keys,
        "kinds": kinds,
        "has_disputed": "disputed" in picked,
    }


def _image(
    rows: Predictions, index: int, pixels: np.ndarray, assessment: Assessment
) -> dict[str, Any]:
    """One image: scores, and the pictures that the model has of it."""
    text = (
        f"{rows.split.modality[index]}; MOS {rows.split.mos[index]:.2f}, "
        f"predicted {rows.predicted[index]:.2f}"
    )
    if rows.spread is not None and math.isfinite(rows.spread[index]):
        text += f"; sd of readers {rows.spread[index]:.2f}"
    name = rows.image[index]
    return {
        "name": name,
        "text": text,
        "views": {
            _caption(view): page.picture(
                view.pixels, f"{view.title} of {name}", _LONGEST
            )
            for view in views(assessment, pixels)
        },
    }


def _caption(view: View) -> str:
    if view.name == "nuance" and view.bar:
        return f"{view.title}, largest {view.bar.high:.2f}"
    return view.title
