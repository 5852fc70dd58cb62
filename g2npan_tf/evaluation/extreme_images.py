"""Picks the images that a report shows: best, worst and most disputed."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.scoring.assessor import Assessment

# How many images of a kind are shown.
COUNT = 4


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of images and the rule by which they are picked."""

    title: str
    rule: str


KINDS = {
    "worst": Kind("Worst predictions", "largest |predicted MOS - MOS|"),
    "best": Kind("Best predictions", "smallest |predicted MOS - MOS|"),
    "disputed": Kind(
        "Most disputed images",
        "largest standard deviation of the readers' grades",
    ),
}
# Holds for every kind.
ONE_A_PAIR = "at most one image of a pair; of equal ones the first by name"


@dataclasses.dataclass(frozen=True)
class Shown:
    """One image of a report.

    Attributes:
        row: Its predictions, one image.
        pixels: uint8 `[height, width, 3]`, RGB.
        assessment: What the model says of it, with its maps.
    """

    row: Predictions
    pixels: np.ndarray
    assessment: Assessment


def pick(rows: Predictions, count: int = COUNT) -> dict[str, list[int]]:
    """Picks images by the rules of `KINDS` and `ONE_A_PAIR`.

    Args:
        rows: Of predictions.csv.
        count: Images of a kind.

    Returns:
        Numbers of rows by kind, the most extreme first; a kind is left out
        where nothing tells of it (readers' grades are not known, or agree).
    """
    errors = np.abs(rows.predicted - rows.split.mos)
    spreads = np.full(len(errors), np.nan)
    if rows.spread is not None:
        spreads = rows.spread
    picked = {
        "worst": _largest(rows, errors, count),
        "best": _largest(rows, -errors, count),
        "disputed": [
            index for index in _largest(rows, spreads, count) if spreads[index]
        ],
    }
    return {kind: members for kind, members in picked.items() if members}


def show(
    rows: Predictions,
    explain: Callable[[Sequence[int]], Sequence[tuple[np.ndarray, Assessment]]],
) -> dict[str, list[Shown]]:
    """Picks images and gets their pixels and maps.

    Args:
        rows: Of predictions.csv.
        explain: Gives pixels and assessment for some numbers of rows, in
            their order; called once.

    Returns:
        Images by kind.
    """
    picked = pick(rows)
    numbers = sorted({i for members in picked.values() for i in members})
    explained = dict(zip(numbers, explain(numbers), strict=True))
    return {
        kind: [Shown(rows.at(np.array([i])), *explained[i]) for i in members]
        for kind, members in picked.items()
    }


def _largest(rows: Predictions, values: np.ndarray, count: int) -> list[int]:
    """Numbers of the rows with the largest values, one of a pair."""
    names, pair = rows.image, rows.split.pair_id
    order = sorted(
        np.flatnonzero(np.isfinite(values)).tolist(),
        key=lambda i: (-values[i], names[i]),
    )
    first = {pair[i]: i for i in reversed(order)}
    return [i for i in order if first[pair[i]] == i][:count]
