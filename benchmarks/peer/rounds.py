"""Paired runs of both engines in turns, and the table of their ratios."""

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

# Wall and processor time per call, in seconds, of a turn of some length.
Turn = Callable[[float], tuple[float, float]]
HEAD = (
    "Work",
    "Threads",
    "TensorFlow, images/s",
    "PyTorch",
    "Images/s",
    "Ratio, wall time",
    "Ratio, processor time",
    "Goal",
)
# The threads of an engine go on spinning for a moment after its turn.
_PAUSE_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Attributes:
        name: In the table.
        turn: Runs it for some seconds and gives its times.
        images: Images that a call treats.
        goal: Of ours: the ratio to reach; 0 for the peer's.
    """

    name: str
    turn: Turn
    images: int
    goal: float = 0.0


@dataclasses.dataclass(frozen=True)
class Group:
    """Contenders that take turns.

    Attributes:
        threads: Threads that each may use.
        ours: TensorFlow's.
        peers: PyTorch's.
    """

    threads: int
    ours: Sequence[Contender]
    peers: Sequence[Contender]


def measure(group: Group, rounds: int, seconds: float) -> list[list[str]]:
    """Runs all of a group in turns: A B C, C B A, A B C, ...

    Args:
        group: Whom to compare.
        rounds: Turns of each.
        seconds: Length of a turn; a call is not cut short.

    Returns:
        A row for each of ours against each of the peer's.
    """
    contenders = [*group.ours, *group.peers]
    for contender in contenders:
        contender.turn(0.0)
    times = np.empty((len(contenders), rounds, 2))
    for index in range(rounds):
        order = range(len(contenders))
        for number in order if index % 2 == 0 else reversed(order):
            time.sleep(_PAUSE_SECONDS)
            contender = contenders[number]
            calls = np.array(contender.turn(seconds))
            times[number, index] = calls / contender.images
    count = len(group.ours)
    return [
        row(group.threads, ours, times[i], peer, times[count + j])
        for i, ours in enumerate(group.ours)
        for j, peer in enumerate(group.peers)
    ]


def row(
    threads: int,
    ours: Contender,
    our_times: np.ndarray,
    peer: Contender,
    peer_times: np.ndarray,
) -> list[str]:
    """The row of one comparison.

    Args:
        threads: Threads that each used.
        ours: TensorFlow's side.
        our_times: Wall and processor time per image, `[rounds, 2]`.
        peer: PyTorch's side.
        peer_times: The same of it.

    Returns:
        Cells in the order of `HEAD`.
    """
    ratios = peer_times / our_times
    median = float(np.median(ratios[:, 0]))
    verdict = "reached" if median >= ours.goal else "not reached"
    return [
        ours.name,
        str(threads),
        f"{1 / np.median(our_times[:, 0]):.1f}",
        peer.name,
        f"{1 / np.median(peer_times[:, 0]):.1f}",
        *(_ratio(ratios[:, column]) for column in (0, 1)),
        f"{ours.goal:g}: {verdict}",
    ]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Lays out the rows under `HEAD`."""
    rule = ["---" if n in (0, 3, 7) else "---:" for n in range(len(HEAD))]
    return "\n".join(
        f"| {' | '.join(cells)} |" for cells in (HEAD, rule, *rows)
    )


def _ratio(ratios: np.ndarray) -> str:
    """Median and, in brackets, lowest to highest."""
    return (
        f"**{np.median(ratios):.2f}** "
        f"({ratios.min():.2f} to {ratios.max():.2f})"
    )
