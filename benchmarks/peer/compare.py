"""TensorFlow and eager PyTorch on the same networks, in turns.

    python -m benchmarks.peer.compare --peer_python=PYTHON [--preset=compact]

PYTHON is the interpreter of an environment with what
benchmarks/peer/requirements.txt names. First both engines compute the same
batches from the same weights, and a difference ends the command; then they are
timed, and a Markdown table is printed. docs/performance.md says how to read it.
"""

import datetime
import functools
import pathlib
import tempfile
import time
from typing import TYPE_CHECKING

from absl import flags

from benchmarks import machine
from benchmarks.bench_table import BUSY
from benchmarks.peer import peer_process
from benchmarks.peer import rounds
from benchmarks.peer.turns import take_turn
from g2npan_tf.core import command
from g2npan_tf.core.config import DEFAULT_PRESET
from g2npan_tf.core.config import PRESETS
from g2npan_tf.core.config import TILE_SIZE
from g2npan_tf.core.config import Config

if TYPE_CHECKING:
    from benchmarks.peer import subjects
    from benchmarks.peer.peer_process import PeerProcess
    from benchmarks.peer.rounds import Contender
    from g2npan_tf.model.train_step import G2NPAN

ROUNDS = 5
THREADS = 2
# Issue "the training engine": at least equal, 1.3 as the goal; inference 2.
TRAINING_GOAL = 1.3
INFERENCE_GOAL = 2.0


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
    """Checks, counts and measures.

    Args:
        python: Interpreter of an environment with PyTorch.
        config: Of the networks; warm-up 0.
        seconds: Length of a turn.

    Returns:
        Markdown: facts, table.

    Raises:
        InputError: If the interpreter has no PyTorch.
        RuntimeError: If the engines do not compute the same.
    """
    peer_process.check(python)
    with command.quiet_stderr():
        import tensorflow as tf

        from g2npan_tf.training import build
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    settings = {**config.to_json(), "image_size": TILE_SIZE}
    with (
        peer_process.start(python, settings) as peer,
        tempfile.TemporaryDirectory(prefix="g2npan-peer-") as name,
    ):
        folder = pathlib.Path(name)
        model = build.build(config)
        facts = [*_counts(model, peer), *_equality(config, peer, folder)]
        rows, others = _speed(model, config, peer, folder, seconds)
    facts.append(f"other programs meanwhile: {others:.0%} of the machine")
    if others > BUSY:
        # PyTorch's threads wait for each other and suffer most.
        facts.append("**doubtful**: measure again on an idle machine")
        rows = [[*cells[:-1], f"{cells[-1]} (doubtful)"] for cells in rows]
    return "\n".join(
        [*(f"- {fact}" for fact in facts), "", rounds.markdown(rows)]
    )


def _counts(model: "G2NPAN", peer: "PeerProcess") -> list[str]:
    """Facts; raises if parameters or arithmetic differ."""
    from benchmarks.peer import case
    from g2npan_tf.training import dry_run

    theirs = peer.ask("describe", THREADS)
    facts = {"date": datetime.date.today().isoformat(), **machine.describe()}
    lines = [f"{name}: {text}" for name, text in facts.items()]
    lines.append(f"PyTorch: {theirs['version']}")
    for net in case.networks(model):
        parameters = sum(w.numpy().size for w in net.trainable_variables)
        gflop = dry_run.forward_gflop(net)
        if parameters != theirs["parameters"][net.name]:
            raise RuntimeError(f"{net.name}: parameters differ: {theirs}")
        if abs(gflop - theirs["gflop"][net.name]) > 1e-6 * gflop:
            raise RuntimeError(f"{net.name}: GFLOP differ: {theirs}")
        lines.append(
            f"{net.name}, both: {parameters} parameters, {gflop:.3f} GFLOP"
        )
    return lines


def _equality(
    config: Config, peer: "PeerProcess", folder: pathlib.Path
) -> list[str]:
    """Largest deviation of each kind of result."""
    from benchmarks.peer import equality

    largest: dict[str, float] = {}
    for name, value in equality.check(config, peer, folder).items():
        kind = name.split("/")[0]
        largest[kind] = max(largest.get(kind, 0.0), value)
    return [
        f"{kind}: differs by {value:.1e} at most "
        f"(tolerance {equality.TOLERANCES[kind]:g})"
        for kind, value in largest.items()
    ]


def _speed(
    model: "G2NPAN",
    config: Config,
    peer: "PeerProcess",
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
        rows += rounds.measure(group, ROUNDS, seconds)
    used_after, total_after = machine.processor_seconds()
    own = time.process_time() - own
    theirs = peer.ask("describe", THREADS)["processor_seconds"] - before
    others = (used_after - used - own - theirs) / (total_after - total)
    return rows, max(0.0, others)


def _groups(
    model: "G2NPAN",
    config: Config,
    peer: "PeerProcess",
    folder: pathlib.Path,
) -> list[rounds.Group]:
    """Who is compared with whom."""
    from benchmarks.peer import subjects

    size = config.batch_size
    step = subjects.training_step(model, config)
    graphs = subjects.scorers(model.scorer, (1, size), folder)
    litert = subjects.litert(model.scorer, (1, THREADS), folder)

    def ours(name: str, call: "subjects.Call", images: int) -> "Contender":
        goal = TRAINING_GOAL if call is step else INFERENCE_GOAL
        turn = functools.partial(take_turn, call)
        return rounds.Contender(name, turn, images, goal)

    def peers(do: str, threads: int, images: int) -> list["Contender"]:
        return [
            _peer(peer, do, threads, images, style)
            for style in peer_process.STYLES
        ]

    groups = [
        rounds.Group(
            THREADS,
            [ours(f"Training step, batch {size}", step, size)],
            peers("train", THREADS, size),
        )
    ]
    for images in (1, size):
        scorers = [
            ours(f"Inference, {name}, batch {images}", call, images)
            for (name, batch), call in graphs.items()
            if batch == images
        ]
        scorers.append(ours("Inference, LiteRT, batch 1", litert[THREADS], 1))
        groups.append(
            rounds.Group(THREADS, scorers, peers("score", THREADS, images))
        )
    alone = ours("Inference, LiteRT, batch 1", litert[1], 1)
    groups.append(rounds.Group(1, [alone], peers("score", 1, 1)))
    return groups


def _peer(
    peer: "PeerProcess", do: str, threads: int, images: int, style: str
) -> "Contender":
    """PyTorch's side: its process is told to take a turn."""

    def turn(seconds: float) -> tuple[float, float]:
        answer = peer.ask(
            do, threads, batch_size=images, seconds=seconds, style=style
        )
        wall, processor = answer["times"]
        return wall, processor

    return rounds.Contender(f"{style}, batch {images}", turn, images)


if __name__ == "__main__":
    define_flags()
    command.run(main)
