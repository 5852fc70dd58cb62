"""Rows of measures, and their means and ranks by algorithm."""

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from g2npan_tf.baselines.columns import Column
from g2npan_tf.scoring.report.ranking import mean_places
from g2npan_tf.scoring.rows import OK

Values = Mapping[Column, float]


@dataclasses.dataclass(frozen=True)
class Row:
    """The measures of one fused image, or figures of an algorithm.

    A value that is not defined is not finite or left out; without values the
    status, else `ok`, says in one line why. Notes are conversions.
    """

    algorithm: str
    image: str = ""
    values: Values = dataclasses.field(default_factory=dict)
    status: str = OK
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Table:
    """What the command found.

    Attributes:
        remarks: What must be known of the figures, one line each.
        images: One row an image.
        num_shared: Pairs that were measured for every algorithm; only these
            count in
        means: of each algorithm; of the absolute value where 0 is best, and
        ranks: mean rank among the algorithms of a pair, 1 is best; none of a
            single algorithm.
    """

    remarks: tuple[str, ...]
    columns: tuple[Column, ...]
    images: tuple[Row, ...]
    num_shared: int
    means: tuple[Row, ...]
    ranks: tuple[Row, ...]


def make(
    columns: Sequence[Column],
    images: Sequence[Row],
    remarks: Sequence[str] = (),
) -> Table:
    """Adds means and mean ranks by algorithm to rows of images.

    Means of different images cannot be compared, so only pairs that were
    measured for every algorithm count, unless it has none; of these, column
    by column, those on which it is defined for all.
    """
    served: dict[str, dict[str, Values]] = {}
    for row in images:
        if row.status == OK:
            served.setdefault(row.algorithm, {})[row.image] = row.values
    pairs = [set(own) for own in served.values()]
    shared = sorted(set.intersection(*pairs)) if pairs else []
    means: dict[str, dict[Column, float]] = {name: {} for name in served}
    ranks: dict[str, dict[Column, float]] = {name: {} for name in served}
    for column in columns:
        found = _defined(column, served, shared)
        for algorithm, own in found.items():
            values = [column.to_mean(x) for x in own.values()]
            means[algorithm][column] = float(np.mean(values))
        for algorithm, rank in _ranks(column, found).items():
            ranks[algorithm][column] = rank
    return Table(
        tuple(remarks),
        tuple(columns),
        tuple(images),
        len(shared),
        tuple(Row(name, values=x) for name, x in means.items() if x),
        tuple(Row(name, values=x) for name, x in ranks.items() if x),
    )


def _defined(
    column: Column,
    served: Mapping[str, Mapping[str, Values]],
    shared: Sequence[str],
) -> dict[str, dict[str, float]]:
    """A column by algorithm and pair; only pairs with a value for each."""
    found = {
        algorithm: {pair: own[pair][column] for pair in shared}
        for algorithm, own in served.items()
    }
    defined = [
        pair
        for pair in shared
        if all(math.isfinite(own[pair]) for own in found.values())
    ]
    if not defined:
        return {}
    return {
        algorithm: {pair: own[pair] for pair in defined}
        for algorithm, own in found.items()
    }


def _ranks(
    column: Column, found: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Mean rank of each algorithm in its pairs."""
    if not found:
        return {}
    return mean_places(
        {
            algorithm: {pair: [column.goodness(x)] for pair, x in own.items()}
            for algorithm, own in found.items()
        }
    )
