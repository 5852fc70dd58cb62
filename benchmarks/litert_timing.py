"""Milliseconds an image of LiteRT files, beside the machine's own speed."""

import contextlib
import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from benchmarks import machine
from benchmarks.peak import peak_meter
from export.litert.conversion import SIGNATURE
from g2npan_tf.core import command
from g2npan_tf.core.files import written_aside

THREADS = (1, 2)
ROUNDS = 10
_WARM_UP = 3


@dataclasses.dataclass(frozen=True)
class Timing:
    """Wall time of single images.

    Attributes:
        median: Milliseconds of an image.
        p95: 19 of 20 images take at most so many.
        images: How many were timed.
        gflops: GFLOP/s at the median, by the convolutions of the float32
            file; that of a quantised file would not be floating point.
        peak: The matrix product's GFLOP/s with as many threads, median of
            the rounds.
    """

    median: float
    p95: float
    images: int
    gflops: float
    peak: float


def measure(
    paths: Mapping[str, pathlib.Path], seconds: float
) -> dict[str, dict[str, Timing]]:
    """Times every file with every number of threads, in turns.

    A round times each of them and before it the peak, so that a disturbance
    meets all.

    Args:
        paths: Files by precision; `float32` is one of them.
        seconds: For each file and number of threads, over all rounds.

    Returns:
        Timings by precision and number of threads (as text).
    """
    gflop = convolution_gflop(paths["float32"].read_bytes())
    calls = {
        (name, threads): _call(path, threads)
        for name, path in paths.items()
        for threads in THREADS
    }
    times: dict[tuple[str, int], list[float]] = {key: [] for key in calls}
    peaks: dict[int, list[float]] = {threads: [] for threads in THREADS}
    with contextlib.ExitStack() as stack:
        meters = {n: stack.enter_context(peak_meter(n)) for n in THREADS}
        for _ in range(ROUNDS):
            for threads, meter in meters.items():
                peaks[threads].append(meter())
            for key, call in calls.items():
                times[key] += _repeat(call, seconds / ROUNDS)
    found: dict[str, dict[str, Timing]] = {name: {} for name in paths}
    for (name, threads), values in times.items():
        peak = float(np.median(peaks[threads]))
        found[name][str(threads)] = _timing(values, gflop, peak)
    return found


def convolution_gflop(model: bytes) -> float:
    """Counts the arithmetic of a file's convolutions.

    What is really computed: `g2npan_tf.training.complexity` counts the networks
    as they are trained, with separate up-sampling.

    Args:
        model: Content of a `.tflite` file of batch 1.

    Returns:
        Operations in units of 1e9; a multiplication and its addition are two.
    """
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


def save(timings: dict[str, dict[str, Timing]], path: pathlib.Path) -> None:
    """Keeps timings with the machine that they were taken on."""
    content = {
        "machine": machine.describe(),
        "timings": {
            name: {n: dataclasses.asdict(one) for n, one in by_threads.items()}
            for name, by_threads in timings.items()
        },
    }
    with written_aside(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")


def load(
    path: pathlib.Path,
) -> tuple[dict[str, str], dict[str, dict[str, Timing]]]:
    """Reads what `save` wrote; empty if there is no such file.

    Returns:
        Facts of the machine, and timings as from `measure`.
    """
    if not path.is_file():
        return {}, {}
    content = json.loads(path.read_text())
    return content["machine"], {
        name: {n: Timing(**one) for n, one in by_threads.items()}
        for name, by_threads in content["timings"].items()
    }


def _call(path: pathlib.Path, threads: int) -> Callable[[], None]:
    """A function that scores one image of noise, warmed up."""
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


def _timing(milliseconds: list[float], gflop: float, peak: float) -> Timing:
    """Sums up the times of one file and number of threads."""
    median, p95 = np.quantile(milliseconds, (0.5, 0.95))
    return Timing(
        float(median),
        float(p95),
        len(milliseconds),
        1e3 * gflop / float(median),
        peak,
    )
