"""Speed of the compared measures: images per second, CPU time.

    python -m benchmarks.baselines

measures 128 x 128 triples (phantoms and their Laplacian-pyramid fusion), one
at a time in one process, and prints a Markdown table.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags

from benchmarks import machine
from benchmarks.fusion_table import markdown_table
from benchmarks.timing import Figure
from benchmarks.timing import Subject
from benchmarks.timing import measure
from datasets import phantom
from datasets.fusion import fuse
from g2npan_tf import baselines
from g2npan_tf.baselines.grey_levels import luminance
from g2npan_tf.core import command

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
MEASURES: dict[str, Callable[..., Any]] = {
    "hossny": baselines.hossny,
    "tsallis, cvejic": baselines.tsallis,
    "tsallis, nava": functools.partial(
        baselines.tsallis, q=0.43137, form="nava"
    ),
    "oefp": baselines.oefp,
    "rsfe": baselines.rsfe,
    "bmpri, features, grey": lambda a, b, fused: baselines.bmpri_features(
        fused
    ),
    "tang": lambda a, b, fused: baselines.tang(fused),
}
ROUNDS = 5
_SIZE = 128
_PHANTOMS = 8


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_float(
        "seconds",
        1.0,
        f"Time per measure, over {ROUNDS} rounds.",
        lower_bound=0.0,
    )


def main(argv: list[str]) -> None:
    """Prints what was measured on, and the table."""
    del argv
    for name, fact in machine.describe().items():
        print(f"- {name}: {fact}")
    figures = measure_all(flags.FLAGS.seconds)
    others = np.median([figure.others for figure in figures])
    print(f"- other programs meanwhile: {others:.0%} of the machine\n")
    print(table(figures))


def measure_all(seconds: float) -> list[Figure]:
    """Times every measure.

    Args:
        seconds: Time per measure, over all rounds.

    Returns:
        A figure per measure, in the order of `MEASURES`.
    """
    triples = phantom_triples(_PHANTOMS)
    subjects = [
        Subject(name, _one_by_one(function, triples), 1, 0.0, 1)
        for name, function in MEASURES.items()
    ]
    # No networks: the matrix product is no yardstick here.
    return measure(subjects, {1: lambda: math.nan}, ROUNDS, seconds)


def table(figures: list[Figure]) -> str:
    """Images per second and processor time as Markdown."""
    rows = [
        [
            figure.subject.name,
            f"{np.median(figure.rate):.0f}",
            f"{figure.rate.min():.0f} to {figure.rate.max():.0f}",
            f"{1000 * np.median(figure.processor_seconds):.2f}",
        ]
        for figure in figures
    ]
    head = ["measure", "images/s", "lowest to highest", "CPU ms/image"]
    return markdown_table(head, rows)


def phantom_triples(count: int) -> list[Triple]:
    """Luminances of phantom sources and their fusion, uint8 `[128, 128]`."""
    triples = []
    for case in range(count):
        pair = phantom.phantom_pair(case, _SIZE, 0)
        fused = fuse(pair.source_a, pair.source_b, "laplacian_pyramid")
        triples.append(
            (
                luminance(pair.source_a),
                luminance(pair.source_b),
                luminance(fused),
            )
        )
    return triples


def _one_by_one(
    function: Callable[..., Any], triples: list[Triple]
) -> Callable[[], Any]:
    """A call that measures the next triple."""
    endless = itertools.cycle(triples)
    return lambda: function(*next(endless))


if __name__ == "__main__":
    define_flags()
    command.run(main)
