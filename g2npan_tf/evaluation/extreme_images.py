"""Picks the images that a report shows: best, worst and most disputed."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from g2npan_tf.scoring.assessor import Assessment

# Column of predictions.csv: standard deviation of the readers' grades.
SPREAD = "reader_sd"
# How many images of a kind are shown.
COUNT = 4
Row = Mapping[str, str]


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
        row: Of predictions.csv.
        pixels: uint8 `[height, width, 3]`, RGB.
        assessment: What the model says of it, with its maps.
    """

    row: Row
    pixels: np.ndarray
    assessment: Assessment


def pick(rows: Sequence[Row], count: int = COUNT) -> dict[str, list[int]]:
    """Picks images by the rules of `KINDS` and `ONE_A_PAIR`.

    Args:
        rows: Of predictions.csv.
        count: Images of a kind.

    Returns:
        Numbers of rows by kind, the most extreme first; a kind is left out
        where nothing tells of it (readers' grades are not known, or agree).
    """
    errors = [
        abs(float(row["predicted_mos"]) - float(row["mos"])) for row in rows
    ]
    spreads = [float(row.get(SPREAD) or "nan") for row in rows]
    picked = {
        "worst": _largest(rows, errors, count),
        "best": _largest(rows, [-error for error in errors], count),
        "disputed": [
            index for index in _largest(rows, spreads, count) if spreads[index]
        ],
    }
    return {kind: members for kind, members in picked.items() if members}


def show(
    rows: Sequence[Row],
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
        kind: [Shown(rows[i], *explained[i]) for i in members]
        for kind, members in picked.items()
    }


def _largest(
    rows: Sequence[Row], values: Sequence[float], count: int
) -> list[int]:
    """Numbers of the rows with the largest values, one of a pair."""
    order = sorted(
        (i for i, value in enumerate(values) if math.isfinite(value)),
        key=lambda i: (-values[i], rows[i]["id"]),
    )
    first = {rows[i]["pair"]: i for i in reversed(order)}
    return [i for i in order if first[rows[i]["pair"]] == i][:count]
