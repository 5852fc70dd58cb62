"""How the cost of a step and of a score grows: `python -m benchmarks.growth`.

    python -m benchmarks.growth [--figure=docs/growth.png] [--rounds=5]

varies the batch, the side of the image and the width of all layers of the
preset compact, one at a time, prints a Markdown table of processor time and
draws it with the exponents that fit it. About five minutes.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from absl import flags

from benchmarks import machine
from g2npan_tf.core import command
from g2npan_tf.core.config import PRESETS

if TYPE_CHECKING:
    from g2npan_tf.model.train_step import G2NPAN

VARIED: dict[str, tuple[float, ...]] = {
    "batch": (4, 8, 16, 32),
    # Training and scoring use 128, larger images by tiles; the networks can
    # be built for any multiple of 16.
    "size": (64, 128, 256),
    "width": (0.5, 1.0, 2.0),
}
LABELS = {
    "batch": "images in a batch",
    "size": "side of the image in pixels",
    "width": "factor on all channels",
}
WAYS = ("training step", "scoring")
HEAD = (
    "Varied",
    "Value",
    "GFLOP a step",
    "Training step, CPU s",
    "Scoring, CPU s",
)


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is varied, and what it is while another is.

    Attributes:
        batch: Images.
        size: Side of an image in pixels.
        width: Factor on the channels of the preset compact.
    """

    batch: int = 8
    size: int = 128
    width: float = 1.0


@dataclasses.dataclass(frozen=True)
class Point:
    """What one setting costs.

    Attributes:
        varied: `batch`, `size` or `width`.
        value: Its value; the other two have their defaults.
        gflop: Counted operations of a training step of the whole batch, in
            units of 1e9.
        seconds: Processor time a batch of each of `WAYS`, the median.
    """

    varied: str
    value: float
    gflop: float
    seconds: tuple[float, ...]


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_string("figure", "growth.png", "File of the figure.")
    flags.DEFINE_integer("rounds", 5, "Repetitions.", lower_bound=1)


def main(argv: list[str]) -> None:
    """Measures, draws and prints."""
    if len(argv) > 1:
        command.fail(f"unexpected argument {argv[1]}; all settings are flags")
    path = pathlib.Path(flags.FLAGS.figure)
    if not path.parent.is_dir():
        command.fail(f"--figure={path}: there is no folder {path.parent}")
    points = measure(flags.FLAGS.rounds)
    draw(points, path)
    print(*(f"- {k}: {v}" for k, v in machine.describe().items()), sep="\n")
    print(f"\n{table(points)}")


def measure(rounds: int) -> list[Point]:
    """Measures every setting, one after the other.

    Args:
        rounds: Repetitions of each, of which the median counts.

    Returns:
        The points in the order of `VARIED`; the setting that all three
        series share is measured once.
    """
    default: dict[str, Any] = dataclasses.asdict(Setting())
    settings = {
        (varied, value): Setting(**{**default, varied: value})
        for varied, values in VARIED.items()
        for value in values
    }
    costs: dict[Setting, tuple[float, tuple[float, ...]]] = {}
    for networks in sorted({(s.size, s.width) for s in settings.values()}):
        gflop, calls = _graphs(*networks)
        for setting in set(settings.values()):
            if (setting.size, setting.width) == networks:
                inputs = _inputs(setting.batch, setting.size)
                costs[setting] = (
                    gflop * setting.batch,
                    tuple(_seconds(call, inputs, rounds) for call in calls),
                )
    return [Point(*key, *costs[setting]) for key, setting in settings.items()]


def exponents(points: list[Point], varied: str) -> tuple[float, ...]:
    """Fits `cost = factor * value ** exponent` by least squares of logarithms.

    Args:
        points: Of at least two values of `varied`.
        varied: `batch`, `size` or `width`.

    Returns:
        Exponent of the training step, of scoring and of the counted
        operations.
    """
    chosen = [point for point in points if point.varied == varied]
    logs = np.log([point.value for point in chosen])
    costs = np.log([(*point.seconds, point.gflop) for point in chosen])
    return tuple(float(e) for e in np.polyfit(logs, costs, 1)[0])


def table(points: list[Point]) -> str:
    """Lays out the points and the exponents.

    Args:
        points: From `measure`.

    Returns:
        A Markdown table.
    """
    rows = []
    for varied in VARIED:
        rows += [
            [
                LABELS[varied],
                f"{point.value:g}",
                f"{point.gflop:.1f}",
                *(f"{seconds:.3f}" for seconds in point.seconds),
            ]
            for point in points
            if point.varied == varied
        ]
        step, scoring, gflop = exponents(points, varied)
        rows.append(
            [
                f"**{LABELS[varied]}**",
                "**exponent**",
                *(f"**{e:.2f}**" for e in (gflop, step, scoring)),
            ]
        )
    rule = ["---", *["---:"] * (len(HEAD) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, rule, *rows))


def draw(points: list[Point], path: pathlib.Path) -> None:
    """Draws the points with their fitted lines, both axes logarithmic.

    Args:
        points: From `measure`.
        path: PNG file to write.
    """
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(10, 3.6), layout="constrained")
    for axes, varied in zip(
        figure.subplots(1, len(VARIED), sharey=True), VARIED, strict=True
    ):
        chosen = [point for point in points if point.varied == varied]
        values = np.array([point.value for point in chosen])
        for way, exponent, mark, costs in zip(
            WAYS,
            exponents(points, varied),
            "os",
            np.array([point.seconds for point in chosen]).T,
            strict=False,
        ):
            factor = np.exp(np.mean(np.log(costs / values**exponent)))
            label = f"{way}, exponent {exponent:.2f}"
            (line,) = axes.plot(values, factor * values**exponent, lw=1)
            axes.plot(values, costs, mark, color=line.get_color(), label=label)
        axes.set(xscale="log", yscale="log", xlabel=LABELS[varied])
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="upper left")
    figure.axes[0].set_ylabel("processor time of a batch in seconds")
    figure.savefig(path, dpi=110)


def _graphs(size: int, width: float) -> tuple[float, list[Callable]]:
    """GFLOP an image of a step; step and scoring for batches of any size."""
    with command.quiet_stderr():
        import tensorflow as tf

        from g2npan_tf.training import dry_run
    model = _model(size, width)
    signature = {
        name: tf.TensorSpec((None, *array.shape[1:]), array.dtype)
        for name, array in _inputs(1, size).items()
    }
    step = tf.function(model.train_step, input_signature=[signature])
    score = tf.function(
        lambda batch: model.scorer(batch["image"], training=False),
        input_signature=[signature],
    )
    return sum(dry_run.step_gflop(model).values()), [step, score]


def _model(size: int, width: float) -> "G2NPAN":
    """The preset compact for another size or width, without warm-up."""
    import keras

    from g2npan_tf.model import train_step
    from g2npan_tf.model.discriminator import build_discriminator
    from g2npan_tf.model.generator import build_generator
    from g2npan_tf.model.quality_network import build_quality_network

    preset = PRESETS["compact"]

    def filters(name: str) -> tuple[int, ...]:
        return tuple(round(width * value) for value in preset[name])

    generator = build_generator(
        filters("generator_filters"),
        preset["generator_strides"],
        filters("up_filters"),
        preset["up_scales"],
        image_size=size,
    )
    model = train_step.G2NPAN(
        generator,
        build_discriminator(filters("discriminator_filters"), image_size=size),
        build_quality_network(
            width=width * preset["vgg_width"],
            use_batch_norm=preset["vgg_batch_norm"],
            ufw_shape=generator.output["ufw_features"].shape[1:],
            image_size=size,
        ),
    )
    objective = train_step.Objective(global_batch_size=Setting.batch)
    model.compile(objective, *(keras.optimizers.Adam() for _ in range(3)))
    return model


def _inputs(batch: int, size: int) -> dict[str, np.ndarray]:
    """A batch of noise, whose cost is that of pictures."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, batch, size, size, 3), dtype=np.uint8)
    grid = (batch, size // 16, size // 16)
    return {
        "image": pictures[0],
        "reference": pictures[1],
        "quality": rng.random(batch, dtype=np.float32),
        "cam_target": rng.random(grid, dtype=np.float32),
    }


def _seconds(
    call: Callable, inputs: dict[str, np.ndarray], rounds: int
) -> float:
    """Median processor time of a call, after two that are not counted."""
    times = []
    for _ in range(rounds + 2):
        start = time.process_time()
        call(inputs)
        times.append(time.process_time() - start)
    return float(np.median(times[2:]))


if __name__ == "__main__":
    define_flags()
    command.run(main)
