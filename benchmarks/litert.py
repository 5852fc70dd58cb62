"""The table of all LiteRT variants of a run: size, exactness and speed.

    python -m benchmarks.litert --workdir=RUN --models=DIR --output=X.md

takes the files of `export.tflite --precision=all --output=DIR` and exports
those that are missing. The whole test part is scored, which takes minutes.
"""

import contextlib
import dataclasses
import math
import pathlib
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from benchmarks import bench_table
from benchmarks import machine
from export.litert.conversion import PRECISIONS
from export.litert.conversion import SIGNATURE
from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.scoring.model_facts import whose

if TYPE_CHECKING:
    from export.finished_run import FinishedRun

THREADS = (1, 2)
ROUNDS = 10
_WARM_UP = 3
HEAD = (
    "Variant",
    "MB",
    "of float32",
    "max \\|ΔMOS\\|",
    "mean \\|ΔMOS\\|",
    "mean ΔMOS",
    "ΔSRCC",
    "ΔPLCC",
    "1 thread, ms: median",
    "p95",
    "2 threads, ms: median",
    "p95",
    "1 thread: share of peak",
)


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """Differences of a file's MOS to that of Keras, on the test part."""

    largest: float  # Of the absolute difference.
    mean: float  # Of the absolute difference.
    bias: float  # Mean of the signed difference.
    srcc: float  # What the file's SRCC with the readers has more than Keras'.
    plcc: float


@dataclasses.dataclass(frozen=True)
class Timing:
    """Wall time of single images with some number of threads."""

    median: float  # Milliseconds of an image.
    p95: float  # 19 of 20 images take at most so many.
    peak: float  # The matrix product's GFLOP/s, median of the rounds.


def accuracy(
    readers: np.ndarray, exact: np.ndarray, found: np.ndarray
) -> Accuracy:
    """Compares MOS of the readers, of scorer.keras and of a file."""
    from g2npan_tf.evaluation import statistics

    difference = found.astype(np.float64) - exact
    return Accuracy(
        float(np.abs(difference).max()),
        float(np.abs(difference).mean()),
        float(difference.mean()),
        statistics.srcc(readers, found) - statistics.srcc(readers, exact),
        statistics.plcc(readers, found) - statistics.plcc(readers, exact),
    )


def measure(
    paths: Mapping[str, pathlib.Path], seconds: float
) -> dict[str, dict[int, Timing]]:
    """Times every file with every number of threads, in turns.

    A round times each of them and before it the peak, so that a disturbance
    meets all.

    Args:
        paths: Files by precision.
        seconds: For each file and number of threads, over all rounds.

    Returns:
        By precision and number of threads.
    """
    calls = {
        (name, threads): _call(path, threads)
        for name, path in paths.items()
        for threads in THREADS
    }
    times: dict[tuple[str, int], list[float]] = {key: [] for key in calls}
    peaks: dict[int, list[float]] = {threads: [] for threads in THREADS}
    with contextlib.ExitStack() as stack:
        meters = {
            threads: stack.enter_context(machine.peak_meter(threads))
            for threads in THREADS
        }
        for _ in range(ROUNDS):
            for threads, meter in meters.items():
                peaks[threads].append(meter())
            for key, call in calls.items():
                times[key] += _repeat(call, seconds / ROUNDS)
    found: dict[str, dict[int, Timing]] = {name: {} for name in paths}
    for (name, threads), values in times.items():
        median, p95 = np.quantile(values, (0.5, 0.95))
        peak = float(np.median(peaks[threads]))
        found[name][threads] = Timing(float(median), float(p95), peak)
    return found


def convolution_gflop(model: bytes) -> float:
    """Counts the arithmetic of the convolutions of a file of batch 1.

    What is really computed: the training step counts the networks as they are
    trained, with separate up-sampling. A multiplication and its addition are
    two operations, in units of 1e9.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = content.subgraphs[0]
    total = 0.0
    for operation in graph.operators:
        code = content.operatorCodes[operation.opcodeIndex].builtinCode
        if code == schema.BuiltinOperator.CONV_2D:
            kernel = graph.tensors[operation.inputs[1]].shape
            result = graph.tensors[operation.outputs[0]].shape
            total += 2e-9 * math.prod(result) * math.prod(kernel[1:])
    return total


def row(
    name: str,
    sizes: Mapping[str, int],
    found: Accuracy,
    timings: Mapping[int, Timing],
    gflop: float,
) -> list[str]:
    """Cells in the order of `HEAD`.

    Args:
        name: The precision.
        sizes: Bytes of each file by precision.
        found: What was measured on the test part.
        timings: By number of threads.
        gflop: Of the float32 file; a quantised one has no floating point, so
            that its share of the peak is left out.
    """
    size, single = sizes[name], timings[1]
    share = gflop / (single.median / 1000) / single.peak
    return [
        name,
        f"{size / 1e6:.2f}",
        f"{size / sizes['float32']:.1%}",
        f"{found.largest:.4f}",
        f"{found.mean:.4f}",
        f"{found.bias:+.4f}",
        f"{found.srcc:+.4f}",
        f"{found.plcc:+.4f}",
        *(
            f"{milliseconds:.1f}"
            for threads in THREADS
            for milliseconds in (timings[threads].median, timings[threads].p95)
        ),
        f"{share:.0%}" if name == "float32" else "",
    ]


def _call(path: pathlib.Path, threads: int) -> Callable[[], None]:
    """A function that scores one image of noise, warmed up."""
    from ai_edge_litert.interpreter import Interpreter

    with command.quiet_stderr():
        interpreter = Interpreter(str(path), num_threads=threads)
        runner = interpreter.get_signature_runner(SIGNATURE)
        (detail,) = runner.get_input_details().values()
        rng = np.random.default_rng(0)
        image = rng.integers(0, 256, detail["shape"], dtype=np.uint8)
        for _ in range(_WARM_UP):
            runner(image=image)
    return lambda: runner(image=image)


def _repeat(call: Callable[[], None], seconds: float) -> list[float]:
    """Milliseconds of each call, for some time but at least twice."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def _export_missing(
    run: "FinishedRun", models: pathlib.Path
) -> dict[str, pathlib.Path]:
    """Files by precision; those that are not there are exported."""
    from export import finished_run
    from export import tflite

    names = {name: tflite.file_name("g2npan", name) for name in PRECISIONS}
    paths = {name: models / file for name, file in names.items()}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        probe = finished_run.probe_from_base(run)
        for name in missing:
            tflite.export(run, probe, models, precision=name)
    return paths


def report(workdir: pathlib.Path, models: pathlib.Path, seconds: float) -> str:
    """Exports what is missing, measures everything and makes the table."""
    with command.quiet_stderr():
        from export import finished_run
        from export import parity
        from export import tflite
        from g2npan_tf.data import base
        from g2npan_tf.data import protocols
        from g2npan_tf.evaluation import statistics
    run = finished_run.load(workdir)
    builder = base.reopen(run.config, run.facts)
    paths = _export_missing(run, models)
    timings = measure(paths, seconds)
    part = base.read(builder, base.divide(builder, run.config).test)
    readers = part["mos"]
    exact = run.scorer.predict(
        part["image"], batch_size=parity.BATCH_SIZE, verbose=0
    )["mos"]
    gflop = convolution_gflop(paths["float32"].read_bytes())
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    rows = []
    for name, path in paths.items():
        scores = np.asarray(tflite.run_file(path, part["image"])["mos"])
        found = accuracy(readers, exact, scores)
        rows.append(row(name, sizes, found, timings[name], gflop))
    config = run.config
    facts = "; ".join(f"{k}: {text}" for k, text in machine.describe().items())
    return "\n".join(
        [
            f"Data: {run.facts['name']} ({whose(run.facts)}), protocol "
            f"{protocols.describe(config)}, preset {config.preset}, "
            f"{config.epochs} epochs.",
            f"Timed on {facts}.",
            f"Test part: {len(readers)} images; scorer.keras has SRCC "
            f"{statistics.srcc(readers, exact):.4f}, PLCC "
            f"{statistics.plcc(readers, exact):.4f}.",
            "",
            bench_table.markdown(HEAD, rows, texts=(0,)),
        ]
    )


def main(argv: list[str]) -> None:
    """Measures what the command line asks for and writes the table."""
    values = flags.FLAGS
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]}; expected flags only")
    if not values.workdir or not values.models:
        raise InputError("expected --workdir=RUN and --models=FOLDER")
    workdir, models = pathlib.Path(values.workdir), pathlib.Path(values.models)
    found = [
        file
        for model in models.glob("*.tflite")
        for file in outputs.model_files(model)
    ]
    outputs.check(
        {"output": [values.output]}, [*outputs.run_files(workdir), *found]
    )
    settings, _ = config_module.load(workdir / "config.json")
    config_module.expect_test_part(settings, "expected another run")
    text = report(workdir, models, values.seconds)
    print(text)
    if values.output:
        with written_aside(pathlib.Path(values.output)) as aside:
            aside.write_text(text + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "", "Folder of the run. Required.")
    flags.DEFINE_string("models", "", "Folder of the exports. Required.")
    flags.DEFINE_string("output", "", "File that gets the table as well.")
    flags.DEFINE_float(
        "seconds", 10.0, "Per file and number of threads.", lower_bound=0.0
    )
    command.run(main)
