"""Results in words: a Markdown table, and whose scores they are about."""

import dataclasses
import math
from collections.abc import Sequence

from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import FoldMean
from g2npan_tf.evaluation.results import FoldMeans
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.statistics import Interval
from g2npan_tf.scoring.model_facts import has_no_readers
from g2npan_tf.scoring.model_facts import is_simulated
from g2npan_tf.scoring.model_facts import whose

# Below so many cases or groups a bootstrap says little.
FEW_UNITS = 6


@dataclasses.dataclass(frozen=True)
class Attribution:
    """Whose scores the figures are for; a warning if no reader's."""

    strong: str
    text: str
    is_warning: bool = True


def attribution(facts: Facts) -> Attribution:
    """Whose scores a data set has: real, simulated or a formula's."""
    scores = facts.get("scores")
    if is_simulated(facts):
        return Attribution(
            "Simulated scores.",
            " No radiologist judged these images: the MOS come from a panel "
            "of simulated readers.",
        )
    if not scores:
        return Attribution(
            "Unknown.", " The origin of these scores is not recorded."
        )
    if has_no_readers(facts):
        text = f" {scores}. Nobody judged these images."
        return Attribution("A formula's scores:", text)
    readers = facts.get("num_readers")
    count = f" ({readers} readers)" if readers else ""
    said = facts.get("caveat")
    caveat = f" Cases and folds: {said}." if said else ""
    return Attribution("Real scores", f" of {scores}{count}.{caveat}", False)


def table(results: Results) -> str:
    """The figures as Markdown, several lines."""
    drawn = "case" if results.drawn == "case" else results.group
    lines = [
        _measured_on(results),
        "",
        *_differing(results.differs or ()),
        "| method | PLCC | SRCC (95 % interval) | KRCC | KRCC rounded | "
        f"RMSE [0, 1] | PLCC mapped | SRCC in {results.group} | best found |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in {**results.methods, **results.readers}.items():
        lines.append(_row(results.shown(name), figures))
    for name, figures in results.readers.items():
        lines += ["", f"{name}: {reader_words(figures)}."]
    for name, gains in results.gains.items():
        lines += [
            "",
            f"Against {name} (paired bootstrap by {drawn}, 1000 resamples, "
            "95 % interval; p two-sided, Holm's correction for all "
            "differences here):",
            f"- SRCC over all images is {_verdict(gains['all'])}",
            f"- SRCC within a {results.group} is "
            f"{_verdict(gains['within_group'])}",
        ]
    if results.mean_of_folds:
        lines += ["", *_fold_lines(results, results.mean_of_folds, drawn)]
    if results.by_modality:
        lines += ["", *_by_modality(results)]
    lines += [*_inside_lines(results, drawn), *_outside_lines(results, drawn)]
    if few := few_units_words(results.units, drawn):
        lines += ["", few]
    return "\n".join(lines)


def _measured_on(results: Results) -> str:
    cases = [] if results.cases is None else [f"{results.cases} cases"]
    more = "; ".join([*cases, *results.narrowed])
    preset = f"preset: {results.preset_words}; " if results.preset else ""
    return (
        f"Data: {results.data['name']} ({whose(results.data)}); "
        f"protocol: {results.protocol}; {preset}"
        f"{results.images} images of {results.pairs} pairs"
        f"{', ' * bool(more)}{more}."
    )


def _row(name: str, figures: Agreement) -> str:
    raw, inside = figures.raw, figures.within_group
    cells = [
        name,
        number(raw.plcc),
        with_limits(raw.srcc, figures.interval["srcc"]),
        number(raw.krcc),
        number(figures.rounded_krcc),
        number(raw.rmse),
        number(figures.mapped.plcc),
        number(inside.srcc),
        number(inside.top1),
    ]
    return f"| {' | '.join(cells)} |"


def few_units_words(units: int | None, drawn: str) -> str:
    """A warning about intervals from few cases or groups; empty if enough."""
    if units is None or units >= FEW_UNITS:
        return ""
    return (
        f"Only {units} {drawn}{'s' * (units != 1)} to draw from: intervals are "
        f"too narrow, and no p can be below {2.0 ** (1 - units):.3g}."
    )


def _fold_lines(results: Results, found: FoldMeans, drawn: str) -> list[str]:
    lines = [
        "SRCC within each fold, mean of the folds (pooled, images of one fold "
        f"are ranked against those of another; bootstrap by {drawn}):"
    ]
    for name, mean in found.methods.items():
        line = f"- {results.shown(name)} {with_limits(mean.srcc, mean)}"
        if name in found.gains:
            line += f"; against it {_verdict(found.gains[name])}"
        lines.append(line)
    return lines


def _by_modality(results: Results) -> list[str]:
    folds = results.mean_of_folds
    lines = [
        "| modality | images | method | PLCC | SRCC (95 % interval) | SRCC, "
        "mean of the folds |",
        "|---|---|---|---|---|---|",
    ]
    for modality, methods in results.by_modality.items():
        means = folds.by_modality.get(modality, {}) if folds else {}
        for name, figures in methods.items():
            raw, mean = figures.raw, means.get(name)
            cells = [
                modality,
                str(figures.images),
                results.shown(name),
                number(raw.plcc),
                with_limits(raw.srcc, figures.interval["srcc"]),
                with_limits(mean.srcc, mean) if mean else "-",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _inside_lines(results: Results, drawn: str) -> list[str]:
    if not results.inside:
        return []
    source = (
        "the model's own interval"
        if results.inside["all"].is_own
        else "the interval that the other folds' test parts give"
    )
    return [
        "",
        f"MOS inside {source}, which is to hold 90 % of them "
        f"(95 % interval of that share, bootstrap by {drawn}):",
        *(
            f"- {name}: {with_limits(found.share, found.interval)} of "
            f"{found.images} images; mean width {found.width:.2f} MOS"
            for name, found in results.inside.items()
        ),
    ]


def _outside_lines(results: Results, drawn: str) -> list[str]:
    if not results.outside:
        return []
    return [
        "",
        "Images that the model says are outside of what it learned from: "
        "farther from it than 99 % of its training images "
        f"(95 % interval of that share, bootstrap by {drawn}):",
        *(
            f"- {name}: {with_limits(found.share, found.interval)} of "
            f"{found.images} images"
            for name, found in results.outside.items()
        ),
    ]


def with_limits(
    value: float, limits: Interval | Difference | FoldMean, sign: str = ""
) -> str:
    """A figure with both ends of its interval; `sign="+"` shows its sign."""
    shown = f"{value:{sign}.3f}" if math.isfinite(value) else "-"
    return f"{shown} ({number(limits.low)} to {number(limits.high)})"


def reader_words(figures: Agreement) -> str:
    """What the figures of a single reader are."""
    return (
        f"each of {figures.readers} readers against the mean of the "
        "others (not the MOS: no upper limit), then the mean over the readers"
    )


def _differing(lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    return ["Differs from training:", *(f"- {line}" for line in lines), ""]


def number(value: float | None) -> str:
    """Three decimals, or a dash where a figure is not defined."""
    known = value is not None and math.isfinite(value)
    return f"{value:.3f}" if known else "-"


def _verdict(gain: Difference) -> str:
    """Whether a method is better than another, in words."""
    if math.isnan(gain.difference):
        return "not defined: one of the two is constant"
    if gain.low > 0:
        word = "above"
    elif gain.high < 0:
        word = "BELOW"
    else:
        word = "NOT clearly above"
    limits = with_limits(gain.difference, gain, "+")
    return f"{word}: {limits}, p {number(gain.p_holm)}"
