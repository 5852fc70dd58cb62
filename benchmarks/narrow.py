"""The narrow network of real scores, on crops, with and without oneDNN.

A process for each setting, since TensorFlow reads it once, asked in turns.
"""

import contextlib
import json
import pathlib
import sys
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import bench_table
from benchmarks.bench_table import Goal
from benchmarks.machine import worker
from benchmarks.timing import PIPELINE
from benchmarks.timing import STEP
from benchmarks.timing import measure

# The settings NET of docs/results.md, on crops.
NETWORK: dict[str, Any] = {
    "vgg_width": 0.125,
    "stem_filters": 8,
    "use_local_contrast": True,
    "correlation_weight": 2.0,
    "generator_filters": (8, 16, 24),
    "up_filters": (24, 16, 8),
    "num_ufw": 2,
    "use_generator_skip": True,
    "discriminator_filters": (8, 16, 32, 32),
    "perception_pass": "fast",
    "crops_per_image": 8,
}
# Slices that are seen in tiles.
DATA = "distortions"
SETTINGS = {"with oneDNN": "1", "without": "0"}
THREADS = 2
SHARE = Goal(0.45, "at least 45 %")
RATIO = Goal(2.0, "below 2 x", at_least=False)
PIPELINE_SHARE = Goal(0.05, "below 5 %", at_least=False)
HEAD = ("Narrow network, batch 16 of crops", *SETTINGS, "Ratio", "Goal")


def table(
    data_dir: str, rounds: int, seconds: float, peak: Callable[[], float]
) -> str:
    """Measures both settings in turns and makes a Markdown table.

    Args:
        data_dir: Folder for the data set.
        rounds: Number of repetitions.
        seconds: Time per figure over all rounds.
        peak: Measures the matrix product of `THREADS` threads.
    """
    module = ["benchmarks.narrow", data_dir, str(seconds / rounds)]
    with contextlib.ExitStack() as stack:
        ask = {}
        for name, value in SETTINGS.items():
            setting = {"TF_ENABLE_ONEDNN_OPTS": value}
            ask[name] = stack.enter_context(worker(module, setting))
            # The first answer comes after building and tracing; the second
            # process finds the data set of the first.
            ask[name]()
        rows = [
            {name: _values(peak(), call()) for name, call in ask.items()}
            for _ in range(rounds)
        ]
    return markdown(
        {name: np.array([row[name] for row in rows]).T for name in SETTINGS}
    )


def markdown(values: Mapping[str, np.ndarray]) -> str:
    """Lays out the figures as a Markdown table.

    Args:
        values: By setting: images per second, share of the peak, processor
            seconds an image of step and of pipeline; each of all rounds.
    """
    ours, theirs = values.values()
    shares = [x[3] / x[2] for x in (ours, theirs)]
    ratio, processor = ours[0] / theirs[0], theirs[2] / ours[2]

    def medians(form: str, row: int, unit: float = 1.0) -> list[str]:
        return [form.format(unit * np.median(x[row])) for x in (ours, theirs)]

    rows = [
        (
            "Training step, images/s",
            *medians("{:.1f}", 0),
            f"{np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})",
            RATIO.verdict(float(np.median(ratio))),
        ),
        (
            "Training step, share of the peak",
            *medians("{:.0%}", 1),
            "",
            SHARE.verdict(float(np.median(ours[1]))),
        ),
        (
            "Training step, CPU ms/image",
            *medians("{:.1f}", 2, 1000),
            f"{np.median(processor):.2f}",
            "",
        ),
        ("Input pipeline, CPU ms/image", *medians("{:.2f}", 3, 1000), "", ""),
        (
            "Input pipeline, share of the step's CPU time",
            *(f"{np.median(share):.1%}" for share in shares),
            "",
            PIPELINE_SHARE.verdict(float(np.median(shares[0]))),
        ),
    ]
    return bench_table.markdown(HEAD, rows, texts=(0, 4))


def _values(peak: float, line: str) -> tuple[float, float, float, float]:
    """What `markdown` takes of one answer."""
    answer = json.loads(line)
    wall, processor = answer[STEP]
    share = answer["gflop"] / wall / peak
    return 1 / wall, share, processor, answer[PIPELINE][1]


def main(data_dir: str, seconds: float) -> None:
    """Answers until standard input ends.

    With wall and processor seconds an image of step and pipeline, and the
    GFLOP of a step.
    """
    from benchmarks import subjects
    from g2npan_tf.core.config import Config
    from g2npan_tf.core.presets import PRESETS
    from g2npan_tf.training import build

    subjects.prepare_small_base(pathlib.Path(data_dir), DATA)
    config = Config(
        **{**PRESETS["compact"], **NETWORK},
        data=f"fusion_quality/{DATA}",
        data_dir=data_dir,
        perception_warmup=0,
    )
    timed = subjects.training_subjects(build.build(config), config)
    peaks = {THREADS: lambda: float("nan")}
    for _ in sys.stdin:
        answer: dict[str, Any] = {"gflop": timed[0].gflop}
        for figure in measure(timed, peaks, 1, seconds):
            times = (figure.seconds, figure.processor_seconds)
            answer[figure.subject.name] = [float(x[0]) for x in times]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    from g2npan_tf.core import command

    command.set_environment()
    main(sys.argv[1], float(sys.argv[2]))
