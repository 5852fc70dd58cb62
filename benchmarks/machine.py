"""The machine: what it is, who else is busy, its own speed, and memory."""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

_PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy")
_VECTOR_FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile")
_ROOT = pathlib.Path(__file__).parent.parent
# Of the matrix product: 17 GFLOP each, long enough for the threads to start in
# no time, and larger than the caches, so that packing and memory count as they
# do for any user of one.
SIZE = 2048
PRODUCTS = 3
# NumPy's BLAS reads one of these when it is loaded.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
# Linux counts the memory of a process that starts a command as the command's,
# so that a small one must start it. In KiB on Linux.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def describe() -> dict[str, str]:
    """Describes processor, software and source code; names no host."""
    lines = _read("/proc/cpuinfo").splitlines()
    parts = [line.partition(":") for line in lines]
    fields = {name.strip(): value.strip() for name, _, value in parts}
    present = set(fields.get("flags", "").split())
    flags = ", ".join(flag for flag in _VECTOR_FLAGS if flag in present)
    name = fields.get("model name", platform.machine())
    versions = [f"{p} {importlib.metadata.version(p)}" for p in _PACKAGES]
    return {
        "processor": f"{name}, {os.cpu_count()} cores",
        "vector instructions": flags or "unknown",
        "software": ", ".join(
            [f"Python {platform.python_version()}", *versions]
        ),
        "TensorFlow's kernels": _kernels(),
        "commit": _commit(),
    }


def processor_seconds() -> tuple[float, float]:
    """Reads the processor time that all programs together have used.

    Returns:
        Seconds in use and seconds in all, over all cores since the start of
        the machine; NaN where the system does not report them.
    """
    fields = _read("/proc/stat").split("\n", 1)[0].split()[1:9]
    if len(fields) < 8:
        return float("nan"), float("nan")
    seconds = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
    # user, nice, system, idle, iowait, ...
    return sum(seconds) - seconds[3] - seconds[4], sum(seconds)


@contextlib.contextmanager
def peak_meter(
    num_threads: int, size: int = SIZE
) -> Iterator[Callable[[], float]]:
    """Yields a function that measures the peak now and returns GFLOP/s.

    In a process of its own, since a BLAS takes its number of threads when it
    is loaded, and since its threads would compete with TensorFlow's.
    """
    threads = dict.fromkeys(_THREAD_VARIABLES, str(num_threads))
    with worker(["benchmarks.machine", str(size)], threads) as ask:
        yield lambda: float(ask())


@contextlib.contextmanager
def worker(
    module: Sequence[str], environment: dict[str, str]
) -> Iterator[Callable[[], str]]:
    """Starts a module of this repository that answers a line for a line.

    Yields:
        A function that asks once and returns the answer.
    """
    with subprocess.Popen(
        [sys.executable, "-m", *module],
        cwd=_ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker was started without pipes")
        requests, answers = process.stdin, process.stdout

        def ask() -> str:
            print(file=requests, flush=True)
            return answers.readline()

        try:
            yield ask
        finally:
            # At its end a process may wait forever for the threads of its
            # input pipeline.
            process.kill()


def matrix_product_gflops(size: int = SIZE) -> float:
    """Measures the best of some float32 matrix products.

    Two operations are counted for a multiplication and its addition.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = rng.random((2, size, size), dtype=np.float32)
    product = np.empty_like(a)
    times = []
    for _ in range(PRODUCTS):
        start = time.perf_counter()
        np.matmul(a, b, out=product)
        times.append(time.perf_counter() - start)
    return 2e-9 * size**3 / min(times)


def peak_memory_mib(command: Sequence[str]) -> float:
    """Runs a Python command and measures its highest resident memory.

    Args:
        command: Arguments for this Python, e.g. `["train.py", "--epochs=1"]`;
            paths are relative to the project.

    Returns:
        Of the process or of one that it started, whichever had more.

    Raises:
        RuntimeError: If the command fails; with its last line.
    """
    result = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, sys.executable, *command],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise RuntimeError(f"{' '.join(command)} failed: {lines[-1]}")
    return float(result.stdout.splitlines()[-1]) / 1024


def _kernels() -> str:
    """Which kernels TensorFlow took when it was loaded."""
    from tensorflow.python.framework import test_util

    return "oneDNN" if test_util.IsMklEnabled() else "Eigen, oneDNN off"


def _commit() -> str:
    """Hash of the source code, marked if files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        result = subprocess.run(
            command, cwd=_ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()


def _read(path: str) -> str:
    """A file of the kernel's, or nothing on another system."""
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    for _ in sys.stdin:
        print(matrix_product_gflops(int(sys.argv[1])), flush=True)
