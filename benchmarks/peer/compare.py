"""TensorFlow and eager PyTorch on the same networks, in turns.

    python -m benchmarks.peer.compare --peer_python=PYTHON [--preset=compact]

PYTHON is the interpreter of an environment with what
benchmarks/peer/requirements.txt names. First both engines compute the same
batches from the same weights, and a difference ends the command; then they are
timed, and a Markdown table is printed. docs/performance.md says how to read it.
"""

import dataclasses
import datetime
import functools
import pathlib
import tempfile
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from benchmarks import bench_table
from benchmarks import machine
from benchmarks.peer import process
from benchmarks.peer.process import PeerProcess
from benchmarks.timing import take_turn
from g2npan_tf.core import command
from g2npan_tf.core.config import TILE_SIZE
from g2npan_tf.core.config import Config
from g2npan_tf.core.presets import DEFAULT_PRESET
from g2npan_tf.core.presets import PRESETS

if TYPE_CHECKING:
    from benchmarks.timing import Subject
    from g2npan_tf.model.train_step import G2NPAN

ROUNDS = 5
THREADS = 2
# At least equal, 1.3 as the goal of training.
TRAINING_GOAL = 1.3
INFERENCE_GOAL = 2.0
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
    """One side of a comparison."""

    name: str
    # Wall and processor seconds per call, of a turn of some seconds.
    turn: Callable[[float], tuple[float, float]]
    images: int  # That a call treats.
    goal: float = 0.0  # Of ours: the ratio to reach.


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_string(
        "peer_python", None, "Interpreter of an environment with PyTorch."
    )
    flags.DEFINE_enum(
        "preset", DEFAULT_PRESET, list(PRESETS), "Networks to compare."
    )
    flags.DEFINE_integer(
        "batch_size", Config.batch_size, "Images per batch.", lower_bound=2
    )
    flags.DEFINE_float(
        "seconds",
        1.5,
        f"Length of a turn; each takes {ROUNDS}.",
        lower_bound=0.0,
    )


def main(argv: list[str]) -> None:
    """Compares and prints what the command line asks for."""
    if len(argv) > 1:
        command.fail(f"unexpected argument {argv[1]}; all settings are flags")
    given = flags.FLAGS
    if not given.peer_python:
        command.fail(
            "--peer_python is missing; expected the python of an environment "
            "with benchmarks/peer/requirements.txt"
        )
    # Steps of the warm-up leave Eq. 10 out.
    config = Config(
        **{**PRESETS[given.preset], "preset": given.preset},
        batch_size=given.batch_size,
        perception_warmup=0,
    )
    print(report(given.peer_python, config, given.seconds))


def report(python: str, config: Config, seconds: float) -> str:
    """Checks and measures; gives facts and table.

    Args:
        python: Interpreter of an environment with PyTorch.
        config: Of the networks; warm-up 0.
        seconds: Length of a turn.

    Raises:
        InputError: If the interpreter has no PyTorch.
        RuntimeError: If the engines do not compute the same.
    """
    process.check(python)
    with command.quiet_stderr():
        import tensorflow as tf

        from benchmarks.peer import equality
        from g2npan_tf.training import build
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    settings = {**config.to_json(), "image_size": TILE_SIZE}
    with (
        process.start(python, settings) as peer,
        tempfile.TemporaryDirectory(prefix="g2npan-peer-") as name,
    ):
        folder = pathlib.Path(name)
        model = build.build(config)
        facts = [
            f"{name}: {text}"
            for name, text in {
                "date": datetime.date.today().isoformat(),
                **machine.describe(),
                "PyTorch": peer.ask("describe", THREADS)["version"],
            }.items()
        ]
        found = equality.check(config, peer, folder)
        for kind, tolerance in equality.TOLERANCES.items():
            largest = max(
                value for name, value in found.items() if name.startswith(kind)
            )
            facts.append(
                f"{kind}: differs by {largest:.1e} at most "
                f"(tolerance {tolerance:g})"
            )
        rows, others = _speed(model, config, peer, folder, seconds)
    facts.append(f"other programs meanwhile: {others:.0%} of the machine")
    if others > bench_table.BUSY:
        # PyTorch's threads wait for each other and suffer most.
        facts.append("**doubtful**: measure again on an idle machine")
        rows = [[*cells[:-1], f"{cells[-1]} (doubtful)"] for cells in rows]
    table = bench_table.markdown(HEAD, rows, texts=(0, 3, 7))
    return "\n".join([*(f"- {fact}" for fact in facts), "", table])


def measure(
    threads: int,
    ours: Sequence[Contender],
    peers: Sequence[Contender],
    seconds: float,
) -> list[list[str]]:
    """Runs all in turns: A B C, C B A, A B C, ...

    Returns:
        A row for each of ours against each of the peer's.
    """
    contenders = [*ours, *peers]
    for contender in contenders:
        contender.turn(0.0)
    times = np.empty((len(contenders), ROUNDS, 2))
    for index in range(ROUNDS):
        order = range(len(contenders))
        for number in order if index % 2 == 0 else reversed(order):
            time.sleep(_PAUSE_SECONDS)
            contender = contenders[number]
            calls = np.array(contender.turn(seconds))
            times[number, index] = calls / contender.images
    return [
        row(threads, one, times[i], peer, times[len(ours) + j])
        for i, one in enumerate(ours)
        for j, peer in enumerate(peers)
    ]


def row(
    threads: int,
    ours: Contender,
    our_times: np.ndarray,
    peer: Contender,
    peer_times: np.ndarray,
) -> list[str]:
    """Cells in the order of `HEAD`.

    Times are wall and processor time per image, `[rounds, 2]`; ratios are of
    the same round, with their median and, in brackets, lowest to highest.
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
        *(
            f"**{np.median(x):.2f}** ({x.min():.2f} to {x.max():.2f})"
            for x in ratios.T
        ),
        f"{ours.goal:g}: {verdict}",
    ]


def _speed(
    model: "G2NPAN",
    config: Config,
    peer: PeerProcess,
    folder: pathlib.Path,
    seconds: float,
) -> tuple[list[list[str]], float]:
    """Rows of the table, and the share of the machine that others used."""
    groups = _groups(model, config, peer, folder)
    before = peer.ask("describe", THREADS)["processor_seconds"]
    own = time.process_time()
    used, total = machine.processor_seconds()
    rows = []
    for group in groups:
        rows += measure(*group, seconds)
    used_after, total_after = machine.processor_seconds()
    own = time.process_time() - own
    theirs = peer.ask("describe", THREADS)["processor_seconds"] - before
    others = (used_after - used - own - theirs) / (total_after - total)
    return rows, max(0.0, others)


def _groups(
    model: "G2NPAN", config: Config, peer: PeerProcess, folder: pathlib.Path
) -> list[tuple[int, list[Contender], list[Contender]]]:
    """Threads, ours and PyTorch's, who take turns."""
    from benchmarks import subjects
    from benchmarks.peer import equality

    def ours(subject: "Subject", goal: float) -> Contender:
        turn = functools.partial(take_turn, subject.call)
        name = f"{subject.name}, batch {subject.images}"
        return Contender(name, turn, subject.images, goal)

    def peers(do: str, threads: int, images: int) -> list[Contender]:
        return [
            Contender(
                f"{style}, batch {images}",
                functools.partial(_turn, peer, do, threads, images, style),
                images,
            )
            for style in process.STYLES
        ]

    size = config.batch_size
    step = ours(equality.training_step(model, config, THREADS), TRAINING_GOAL)
    groups = [(THREADS, [step], peers("train", THREADS, size))]
    for threads, images in ((THREADS, 1), (THREADS, size), (1, 1)):
        place = folder / f"{threads}_{images}"
        place.mkdir()
        ways = [
            ours(way, INFERENCE_GOAL)
            for way in subjects.inference_subjects(model.scorer, images, place)
            if subjects.is_shipped(way.name) and way.threads == threads
        ]
        groups.append((threads, ways, peers("score", threads, images)))
    return groups


def _turn(
    peer: PeerProcess,
    do: str,
    threads: int,
    images: int,
    style: str,
    seconds: float,
) -> tuple[float, float]:
    """PyTorch's side: its process is told to take a turn."""
    answer = peer.ask(
        do, threads, batch_size=images, seconds=seconds, style=style
    )
    wall, processor = answer["times"]
    return wall, processor


if __name__ == "__main__":
    define_flags()
    command.run(main)
