"""The narrow network of real scores, on crops, with and without oneDNN.

A process for each setting, since TensorFlow reads it once, asked in turns.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.bench_table import Goal
from benchmarks.timing import PIPELINE
from benchmarks.timing import STEP
from benchmarks.timing import measure

# docs/results.md, "Real source pairs" and the reader study.
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
# One answer: seconds and processor seconds an image, by name.
Answer = dict[str, list[float]]


def table(
    data_dir: str, rounds: int, seconds: float, peak: Callable[[], float]
) -> str:
    """Measures both settings in turns.

    Args:
        data_dir: Folder for the data set.
        rounds: Number of repetitions.
        seconds: Time per figure over all rounds.
        peak: Measures the matrix product of `THREADS` threads.

    Returns:
        A Markdown table.
    """
    with contextlib.ExitStack() as stack:
        ask = {
            name: stack.enter_context(
                _process(value, data_dir, seconds / rounds)
            )
            for name, value in SETTINGS.items()
        }
        rows = [
            {name: (peak(), call()) for name, call in ask.items()}
            for _ in range(rounds)
        ]
    values = {
        name: np.array([_values(*row[name]) for row in rows]).T
        for name in SETTINGS
    }
    return markdown(values)


def markdown(values: Mapping[str, np.ndarray]) -> str:
    """Lays out the figures.

    Args:
        values: By setting: images per second, share of the peak, processor
            seconds an image of step and of pipeline; each of all rounds.

    Returns:
        A Markdown table.
    """
    ours, theirs = values.values()
    shares = [x[3] / x[2] for x in (ours, theirs)]
    ratio, processor = ours[0] / theirs[0], theirs[2] / ours[2]
    rows = [
        (
            "Training step, images/s",
            *(f"{np.median(x[0]):.1f}" for x in (ours, theirs)),
            f"{np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})",
            RATIO.verdict(float(np.median(ratio))),
        ),
        (
            "Training step, share of the peak",
            *(f"{np.median(x[1]):.0%}" for x in (ours, theirs)),
            "",
            SHARE.verdict(float(np.median(ours[1]))),
        ),
        (
            "Training step, CPU ms/image",
            *(f"{1000 * np.median(x[2]):.1f}" for x in (ours, theirs)),
            f"{np.median(processor):.2f}",
            "",
        ),
        (
            "Input pipeline, CPU ms/image",
            *(f"{1000 * np.median(x[3]):.2f}" for x in (ours, theirs)),
            "",
            "",
        ),
        (
            "Input pipeline, share of the step's CPU time",
            *(f"{np.median(share):.1%}" for share in shares),
            "",
            PIPELINE_SHARE.verdict(float(np.median(shares[0]))),
        ),
    ]
    rule = ["---", *["---:"] * 3, "---"]
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, rule, *rows))


def _values(peak: float, answer: Answer) -> tuple[float, float, float, float]:
    """What `markdown` takes of one round."""
    wall, processor = answer[STEP]
    return (
        1 / wall,
        answer["gflop"][0] / wall / peak,
        processor,
        answer[PIPELINE][1],
    )


@contextlib.contextmanager
def _process(
    onednn: str, data_dir: str, seconds: float
) -> Iterator[Callable[[], Answer]]:
    """Starts a process with a setting; the call measures once there."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.narrow", data_dir, str(seconds)],
        cwd=pathlib.Path(__file__).parent.parent,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        if worker.stdin is None or worker.stdout is None:
            raise RuntimeError("the worker was started without pipes")
        request, answer = worker.stdin, worker.stdout
        # It is ready when it answers; until then it builds and traces.
        answer.readline()

        def ask() -> Answer:
            print(file=request, flush=True)
            return json.loads(answer.readline())

        # Leaving the block closes stdin, which ends the worker.
        yield ask


def main(data_dir: str, seconds: float) -> None:
    """Answers until standard input ends."""
    from benchmarks import subjects
    from g2npan_tf.core.config import PRESETS
    from g2npan_tf.core.config import Config
    from g2npan_tf.training import build

    subjects.prepare_small_base(pathlib.Path(data_dir), DATA)
    config = Config(
        **{**PRESETS["compact"], **NETWORK},
        data=f"fusion_quality/{DATA}",
        data_dir=data_dir,
        perception_warmup=0,
    )
    model = build.build(config)
    timed = subjects.training_subjects(model, config)
    peaks = {THREADS: lambda: float("nan")}
    measure(timed, peaks, 1, 0.0)
    print("ready", flush=True)
    for _ in sys.stdin:
        figures = measure(timed, peaks, 1, seconds)
        answer = {
            figure.subject.name: [
                float(figure.seconds[0]),
                float(figure.processor_seconds[0]),
            ]
            for figure in figures
        }
        answer["gflop"] = [timed[0].gflop]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    from g2npan_tf.core import command

    command.set_environment()
    main(sys.argv[1], float(sys.argv[2]))
