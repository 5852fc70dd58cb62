"""The figures of `benchmarks.bench` as one Markdown table."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from benchmarks.timing import Figure

HEAD = (
    "Figure",
    "Median",
    "Lowest to highest",
    "CPU ms/image",
    "GFLOP/s",
    "Share of the peak",
    "Goal",
)
# Share of the machine used by others from which on a share is doubtful.
BUSY = 0.1


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a figure should reach."""

    limit: float
    text: str
    at_least: bool = True  # False: it should stay below the limit.

    def reached(self, value: float) -> bool:
        """Whether a figure reaches the goal."""
        return value >= self.limit if self.at_least else value < self.limit

    def verdict(self, value: float) -> str:
        """The goal and whether a figure reaches it, in words."""
        return f"{self.text}: {'' if self.reached(value) else 'not '}reached"


# Of the matrix product's speed with as many threads.
TRAINING_SHARE = Goal(0.60, "at least 60 %")
FORWARD_SHARE = {
    "compact": Goal(0.60, "at least 60 %"),
    "paper": Goal(0.70, "at least 70 %"),
}
PIPELINE_RATIO = Goal(5.0, "at least 5 x")
# For the preset compact.
TRAINING_MEMORY = Goal(3072.0, "below 3 GiB", at_least=False)


def peak_rows(figures: Iterable[Figure]) -> list[list[str]]:
    """Rows of the matrix product by threads, of all measurements of the run."""
    peaks: dict[int, list[float]] = {}
    for figure in figures:
        peaks.setdefault(figure.subject.threads, []).extend(figure.peak)
    return [
        _row(
            f"Matrix product, {_threads(threads)}",
            f"{np.median(values):.0f} GFLOP/s",
            _spread(np.array(values), "{:.0f}"),
        )
        for threads, values in sorted(peaks.items())
    ]


def gflop_rows(values: Mapping[str, float]) -> list[list[str]]:
    """Rows of counted arithmetic, GFLOP per image by name."""
    return [
        _row(name, f"{value:.3f} GFLOP/image") for name, value in values.items()
    ]


def speed_row(figure: Figure, goal: Goal | None = None) -> list[str]:
    """The row of something whose arithmetic is counted.

    The goal is one of the median share of the peak.
    """
    share = float(np.median(figure.share))
    verdict = goal.verdict(share) if goal else ""
    if goal and np.median(figure.others) > BUSY:
        verdict += " (doubtful: busy machine)"
    return _row(
        figure.subject.name,
        f"{np.median(figure.rate):.1f} images/s",
        _spread(figure.rate, "{:.1f}"),
        f"{1000 * np.median(figure.processor_seconds):.1f}",
        f"{np.median(figure.gflops):.0f}",
        f"{share:.0%} ({_spread(figure.share, '{:.0%}')})",
        verdict,
    )


def pipeline_row(pipeline: Figure, step: Figure) -> list[str]:
    """The row of the input pipeline, beside the step that it feeds."""
    # Round by round.
    ratio = pipeline.rate / step.rate
    median = float(np.median(ratio))
    spread = _spread(ratio, "{:.0f}")
    return _row(
        f"{pipeline.subject.name}, {median:.0f} x the step ({spread})",
        f"{np.median(pipeline.rate):.0f} images/s",
        _spread(pipeline.rate, "{:.0f}"),
        f"{1000 * np.median(pipeline.processor_seconds):.2f}",
        goal=PIPELINE_RATIO.verdict(median),
    )


def memory_row(name: str, mib: float, goal: Goal | None = None) -> list[str]:
    """The row of a peak resident memory in MiB."""
    return _row(
        f"Peak memory, {name}",
        f"{mib:.0f} MiB",
        goal=goal.verdict(mib) if goal else "",
    )


def reason(figure: Figure) -> str:
    """Says where a share of the peak is lost, from what was measured."""
    share, busy, others = (
        float(np.median(values))
        for values in (figure.share, figure.busy, figure.others)
    )
    return (
        f"{figure.subject.name}: {share:.0%} of the peak. "
        f"{_threads(figure.subject.threads).capitalize()} ran {busy:.0%} of "
        f"the time and made {share / busy:.0%} of the peak while they ran; "
        f"other programs used {others:.0%} of the machine."
    )


def markdown(
    head: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int]
) -> str:
    """Lays out rows under a head; columns but those of `texts` are figures."""
    rule = ["---" if i in texts else "---:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _row(
    name: str,
    median: str,
    spread: str = "",
    processor: str = "",
    gflops: str = "",
    share: str = "",
    goal: str = "",
) -> list[str]:
    """Cells in the order of `HEAD`."""
    return [name, median, spread, processor, gflops, share, goal]


def _spread(values: np.ndarray, form: str) -> str:
    """Lowest to highest."""
    return f"{form.format(values.min())} to {form.format(values.max())}"


def _threads(number: int) -> str:
    """`1 thread`, `2 threads`."""
    return f"{number} thread{'s' * (number > 1)}"
