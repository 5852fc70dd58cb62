"""The tables of the HTML report of an evaluation, and its heading."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.core.config import METHOD
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import FoldMean
from g2npan_tf.evaluation.results import FoldMeans
from g2npan_tf.evaluation.results import Judged
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.statistics import Interval
from g2npan_tf.evaluation.table import few_units_words
from g2npan_tf.evaluation.table import reader_words
from g2npan_tf.evaluation.table import with_limits
from g2npan_tf.report import page
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag
from g2npan_tf.report.tables import Cell
from g2npan_tf.report.tables import Column
from g2npan_tf.report.tables import table
from g2npan_tf.scoring import model_facts

_FIGURES = (
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
    Column("p, Holm", 4, explanation="corrected for all rows here"),
)
_FOLDS = (
    Column("method"),
    Column("SRCC in a fold, mean (95 % interval)", descending=True),
    Column("difference (95 % interval)", descending=True),
    Column("p, Holm", 4, explanation="corrected for all rows here"),
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


def origin(facts: Mapping[str, Any]) -> Html:
    """Whose scores the figures are judged by: simulated or real.

    Args:
        facts: From `data.facts`.

    Returns:
        A line; a warning where no reader stands behind the figures.
    """
    scores = facts.get("scores")
    if scores == "simulated":
        return tag(
            "p",
            tag("b", "Simulated scores. "),
            "No radiologist judged these images: the MOS come from a panel "
            "of simulated readers.",
            class_="warning",
        )
    if not scores:
        return tag("p", "Nobody said whose scores these are.", class_="warning")
    if model_facts.has_no_readers(facts):
        return tag(
            "p",
            tag("b", "A formula's scores: "),
            f"{scores}. Nobody judged these images.",
            class_="warning",
        )
    readers = facts.get("num_readers")
    count = f" ({readers} readers)" if readers else ""
    said = facts.get("caveat")
    caveat = f" Cases and folds: {said}." if said else ""
    return tag("p", tag("b", "Real scores"), f" of {scores}{count}.{caveat}")


def title_of(facts: Mapping[str, Any]) -> str:
    """What is judged by what, for headings."""
    kind = "simulated" if facts.get("scores") == "simulated" else "real"
    if model_facts.has_no_readers(facts):
        kind = "a formula's"
    if not facts.get("scores"):
        kind = "unknown"
    return f"Evaluation on {facts['name']} ({kind} scores)"


def figures(judged: Judged, baselines: Mapping[str, str]) -> Html:
    """Figures of every method and gains of the network over each other one.

    Args:
        judged: What was found.
        baselines: What each trivial baseline predicts, as far as it is known.
    """
    rows = [
        _figure_row(_words(judged.shown(name)), values, name == METHOD)
        for name, values in {**judged.methods, **judged.readers}.items()
    ]
    said = {
        **baselines,
        **{name: reader_words(x) for name, x in judged.readers.items()},
    }
    meanings = [
        tag("p", tag("b", _words(name)), f": {meaning}.", class_="note")
        for name, meaning in said.items()
    ]
    parts = [
        table(_FIGURES, rows, "Agreement with the readers' scores"),
        *meanings,
    ]
    gains = [
        _gain_row(_words(name), scope, gain)
        for name, scopes in judged.gains.items()
        for scope, gain in scopes.items()
    ]
    if gains:
        caption = f"{judged.shown(METHOD)} minus each other method that ranks"
        parts.append(tag("h3", "Differences"))
        parts.append(table(_GAINS, gains, caption))
    if judged.mean_of_folds:
        parts.append(tag("h3", "Fold by fold"))
        parts.append(_fold_table(judged, judged.mean_of_folds))
    drawn = judged.drawn or "group"
    few = few_units_words(judged.units, drawn)
    note = (
        f"Intervals and p: 1,000 bootstrap resamples of whole {drawn}s; Holm's "
        f"correction is for all differences of a table. {few}"
    )
    return page.join(*parts, tag("p", note.strip(), class_="note"))


def shares(rows: Predictions, column: str) -> Html:
    """Figures of the images of each algorithm or modality.

    Args:
        rows: Of predictions.csv.
        column: What the images of a line have in common.
    """
    lines = []
    names = getattr(rows.split, column)
    for name in np.unique(names):
        true, predicted = (
            x[names == name] for x in (rows.split.mos, rows.predicted)
        )
        means = (true.mean(), predicted.mean())
        lines.append(
            (
                str(name),
                len(true),
                *map(float, means),
                float(means[1] - means[0]),
                statistics.srcc(true, predicted),
                statistics.rmse(*map(mos.to_quality, (true, predicted))),
            )
        )
    return table((Column(column), *_SHARES), lines, f"By {column}")


def _words(name: str) -> str:
    """A name that a narrow column can break."""
    return name.replace("_", " ")


def _figure_row(name: str, values: Agreement, is_network: bool) -> tuple:
    """One method's line; the trained network's name is bold."""
    raw, inside = values.raw, values.within_group
    return (
        tag("b", name) if is_network else name,
        raw.plcc,
        _limits(raw.srcc, values.interval["srcc"]),
        raw.krcc,
        values.rounded_krcc,
        raw.rmse,
        values.mapped.plcc,
        inside.srcc,
        inside.top1,
    )


def _gain_row(name: str, scope: str, gain: Difference) -> tuple:
    difference = _limits(gain.difference, gain, "+")
    return (name, _SCOPES[scope], difference, gain.p, gain.p_holm)


def _fold_table(judged: Judged, found: FoldMeans) -> Html:
    """SRCC within each fold, averaged; pooled, folds are ranked too."""
    rows = []
    for name, mean in found.methods.items():
        gain = found.gains.get(name)
        rows.append(
            (
                _words(judged.shown(name)),
                _limits(mean.srcc, mean),
                _limits(gain.difference, gain, "+")
                if gain
                else Cell(Html("&ndash;"), None),
                gain.p_holm if gain else None,
            )
        )
    caption = f"Mean of the folds, and {judged.shown(METHOD)} minus the others"
    return table(_FOLDS, rows, caption)


def _limits(
    value: float, limits: Interval | Difference | FoldMean, sign: str = ""
) -> Cell:
    """A figure with both ends of its interval, sorted by the figure."""
    if not math.isfinite(value):
        return Cell(Html("&ndash;"), None)
    return Cell(with_limits(value, limits, sign), value)
