"""Steps of an algorithm: drawn from a table of kinds, then applied."""

import bisect
import dataclasses
import itertools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from numpy.random import Generator

Draw: TypeAlias = Callable[[Generator], Any]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of step: how often it is drawn, what it does, its parameters."""

    share: float  # Relative to the other kinds of its table.
    function: Callable[..., Any]
    draws: Mapping[str, Draw] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Step:
    """One step: its kind's name in a table, and its parameters' values."""

    name: str
    values: tuple[tuple[str, Any], ...] = ()


Table: TypeAlias = Mapping[str, Kind]


def draw_step(table: Table, rng: Generator) -> Step:
    """Draws a kind by its share, and its parameters."""
    # Faster than `rng.choice` with probabilities.
    limits = list(itertools.accumulate(kind.share for kind in table.values()))
    name = [*table][bisect.bisect(limits, rng.uniform() * limits[-1])]
    draws = table[name].draws
    return Step(name, tuple((key, draws[key](rng)) for key in draws))


def take(table: Table, step: Step, *images: Any) -> Any:
    """Applies a step of a table to images."""
    return table[step.name].function(*images, **dict(step.values))


def between(low: float, high: float) -> Draw:
    """Evenly distributed."""
    return lambda rng: float(rng.uniform(low, high))


def by_factor(low: float, high: float) -> Draw:
    """Evenly distributed on a logarithmic scale; both ends above 0."""
    return lambda rng: float(low * (high / low) ** rng.uniform())


def whole(low: int, high: int) -> Draw:
    """A whole number, both ends included."""
    return lambda rng: int(rng.integers(low, high + 1))


def odd(low: int, high: int) -> Draw:
    """An odd whole number, both ends (odd) included."""
    return lambda rng: int(low + 2 * rng.integers((high - low) // 2 + 1))


def one_of(*choices: Any) -> Draw:
    """One of several with equal chances."""
    return lambda rng: choices[rng.integers(len(choices))]


# For what is drawn anew when a step is applied: noise, a network's filters.
seed = whole(0, 2**31 - 1)
