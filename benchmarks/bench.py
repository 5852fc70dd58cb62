"""Speed and memory of training and scoring on this machine: `make bench`.

    python -m benchmarks.bench [--preset=compact] [--output=FILE]

prints two Markdown tables: the figures, and the narrow network with and
without oneDNN. Networks are not trained before: their speed does not depend on
what they have learned.
docs/performance.md says how to read it.
"""

import contextlib
import datetime
import pathlib
import tempfile
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from benchmarks import bench_table as table
from benchmarks import machine
from benchmarks.timing import PIPELINE
from benchmarks.timing import STEP
from benchmarks.timing import measure
from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.config import Config
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.presets import DEFAULT_PRESET
from g2npan_tf.core.presets import PRESETS

if TYPE_CHECKING:
    from benchmarks.timing import Figure
    from g2npan_tf.model.train_step import G2NPAN

ROUNDS = 5
# That are scored where memory is measured.
NUM_PICTURES = 8


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_enum(
        "preset", DEFAULT_PRESET, list(PRESETS), "Networks to measure."
    )
    flags.DEFINE_integer(
        "batch_size", Config.batch_size, "Images per batch.", lower_bound=1
    )
    flags.DEFINE_float(
        "seconds",
        10.0,
        f"Time per figure, over {ROUNDS} rounds.",
        lower_bound=0.0,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder with a prepared fusion_quality/phantom. Default: a small one "
        "is built and removed.",
    )
    flags.DEFINE_string("output", None, "File that gets the table as well.")


def main(argv: list[str]) -> None:
    """Measures and prints what the command line asks for."""
    if len(argv) > 1:
        command.fail(f"unexpected argument {argv[1]}; all settings are flags")
    given = flags.FLAGS
    output = pathlib.Path(given.output) if given.output else None
    if output and not output.parent.is_dir():
        command.fail(f"--output={output}: there is no folder {output.parent}")
    outputs.check(
        {"output": [given.output or ""]},
        (),
        folders=[pathlib.Path(given.data_dir or "", "fusion_quality")],
    )
    with tempfile.TemporaryDirectory(prefix="g2npan-bench-") as folder:
        text = report(
            given.preset,
            given.batch_size,
            given.seconds,
            pathlib.Path(folder),
            given.data_dir,
        )
    print(text)
    if output:
        with written_aside(output) as aside:
            aside.write_text(text + "\n")


def report(
    preset: str,
    batch_size: int,
    seconds: float,
    folder: pathlib.Path,
    data_dir: str | None = None,
) -> str:
    """Measures everything in one run and makes the tables.

    Args:
        preset: Name of the preset.
        batch_size: Images per batch.
        seconds: Time per figure of speed.
        folder: For the data set and the artefacts.
        data_dir: Folder of a prepared data set, or None to build a small one.

    Raises:
        InputError: If the data set has fewer images than a batch.
    """
    with command.quiet_stderr():
        from benchmarks import subjects
        from g2npan_tf.training import build
    if not data_dir:
        data_dir = str(folder / "data")
        with command.quiet_stderr():
            subjects.prepare_small_base(pathlib.Path(data_dir))
    settings = {**PRESETS[preset], "preset": preset, "batch_size": batch_size}
    # Steps of the warm-up leave Eq. 10 out; those after it are measured.
    config = Config(**settings, data_dir=data_dir, perception_warmup=0)
    model = build.build(config)
    figures = _speed(model, config, seconds, folder)
    rows = table.peak_rows(figures.values())
    rows += table.gflop_rows(_gflop(model))
    rows += _speed_rows(figures, preset)
    rows += _memory_rows(config, folder)
    return "\n".join(
        [
            *_facts(config, figures),
            "",
            table.markdown(table.HEAD, rows, texts=(0, 6)),
            "",
            _narrow(seconds, folder),
            "",
            *_reasons(figures, preset),
            *_rules(),
        ]
    )


def _speed(
    model: "G2NPAN", config: Config, seconds: float, folder: pathlib.Path
) -> dict[str, "Figure"]:
    """Times everything; figures by name."""
    from benchmarks import subjects

    timed = [
        *subjects.training_subjects(model, config),
        *subjects.inference_subjects(model.scorer, config.batch_size, folder),
    ]
    with contextlib.ExitStack() as stack:
        peaks = {
            threads: stack.enter_context(machine.peak_meter(threads))
            for threads in subjects.THREADS
        }
        figures = measure(timed, peaks, ROUNDS, seconds)
    return {figure.subject.name: figure for figure in figures}


def _narrow(seconds: float, folder: pathlib.Path) -> str:
    """The table of the narrow network."""
    from benchmarks import narrow

    with machine.peak_meter(narrow.THREADS) as peak:
        return narrow.table(str(folder / "narrow"), ROUNDS, seconds, peak)


def _gflop(model: "G2NPAN") -> dict[str, float]:
    """Arithmetic of the networks and of the step, by name."""
    from g2npan_tf.training import dry_run

    parts = dry_run.step_gflop(model)
    networks = {
        "Generator": model.generator,
        "Discriminator": model.discriminator,
        "Quality network": model.quality_network,
        "Scorer (generator and quality network)": model.scorer,
    }
    shares = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
    return {
        **{
            f"{name}, forward": dry_run.forward_gflop(network)
            for name, network in networks.items()
        },
        f"Training step ({shares})": sum(parts.values()),
    }


def _goal(name: str, preset: str) -> table.Goal | None:
    """The goal of a figure of speed."""
    from benchmarks import subjects

    if name == STEP:
        return table.TRAINING_SHARE
    return table.FORWARD_SHARE[preset] if subjects.is_shipped(name) else None


def _speed_rows(figures: dict[str, "Figure"], preset: str) -> list[list[str]]:
    """Rows of the training step, of inference and of the pipeline."""
    rows = [
        table.speed_row(figure, _goal(name, preset))
        for name, figure in figures.items()
        if name == STEP or name.startswith("Inference")
    ]
    return [*rows, table.pipeline_row(figures[PIPELINE], figures[STEP])]


def _memory_rows(config: Config, folder: pathlib.Path) -> list[list[str]]:
    """Rows of the peak memory of training and of scoring some pictures."""
    import cv2

    training = [
        "train.py",
        f"--workdir={folder / 'run'}",
        f"--preset={config.preset}",
        f"--data_dir={config.data_dir}",
        f"--batch_size={config.batch_size}",
        "--epochs=1",
    ]
    pictures = folder / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for index in range(NUM_PICTURES):
        pixels = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
        cv2.imwrite(str(pictures / f"{index}.png"), pixels)
    model = folder / "scorer.tflite"
    scoring = ["-m", "g2npan_tf.scoring.score", f"--model={model}", pictures]
    return [
        table.memory_row(
            "one epoch of train.py",
            machine.peak_memory_mib(training),
            table.TRAINING_MEMORY if config.preset == DEFAULT_PRESET else None,
        ),
        table.memory_row(
            "g2npan_tf.scoring.score with LiteRT",
            machine.peak_memory_mib([str(word) for word in scoring]),
        ),
    ]


def _facts(config: Config, figures: dict[str, "Figure"]) -> list[str]:
    """What the figures hold for, as a list."""
    others = _others(figures)
    facts = {
        "date": datetime.date.today().isoformat(),
        **machine.describe(),
        "preset": f"{config.preset}, batch {config.batch_size} "
        "(LiteRT: 1), 128 x 128 pixels, float32",
        "other programs meanwhile": f"{np.median(others):.0%} of the "
        f"machine ({others.min():.0%} to {others.max():.0%})",
    }
    return [f"- {name}: {text}" for name, text in facts.items()]


def _others(figures: dict[str, "Figure"]) -> np.ndarray:
    """Share of the machine that other programs used, every repetition."""
    return np.concatenate([figure.others for figure in figures.values()])


def _reasons(figures: dict[str, "Figure"], preset: str) -> list[str]:
    """What was measured about shares that miss their goal or are doubtful."""
    missed = []
    if np.median(_others(figures)) > table.BUSY:
        missed.append(
            "Doubtful: other programs slowed the matrix product and the "
            "figures by unequal factors. Measure on an idle machine."
        )
    for name, figure in figures.items():
        goal = _goal(name, preset)
        if goal and not goal.reached(float(np.median(figure.share))):
            missed.append(f"Not reached: {table.reason(figure)}")
    return missed


def _rules() -> list[str]:
    """How the table was made."""
    from g2npan_tf.training import dry_run

    return [
        f"Medians of {ROUNDS} rounds; every round measures everything once, "
        "each beside the matrix product of as many threads.",
        f"Not counted: {dry_run.NOT_COUNTED}. Step: {dry_run.STEP_RULE}.",
    ]


if __name__ == "__main__":
    define_flags()
    command.run(main)
