"""The machine's own speed: its single-precision matrix product."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator

# 17 GFLOP a product: long enough for the threads to start in no time, and
# larger than the caches, so that packing and memory count as they do for any
# user of a matrix product.
SIZE = 2048
PRODUCTS = 3
# NumPy's BLAS reads one of these when it is loaded.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


@contextlib.contextmanager
def peak_meter(
    num_threads: int, size: int = SIZE
) -> Iterator[Callable[[], float]]:
    """Starts a process that measures the peak whenever it is asked to.

    In a process of its own, since a BLAS takes its number of threads when it
    is loaded, and since its threads would compete with TensorFlow's.

    Args:
        num_threads: Threads of the matrix product.
        size: Rows and columns of the matrices.

    Yields:
        A function that measures now and returns GFLOP/s.
    """
    count = str(num_threads)
    environment = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, count)}
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peak", str(size)],
        cwd=pathlib.Path(__file__).parent.parent,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        # Leaving the block closes stdin, which ends the worker.
        yield lambda: _ask(worker)


def matrix_product_gflops(size: int = SIZE) -> float:
    """Measures the best of some matrix products.

    Args:
        size: Rows and columns of the matrices, float32.

    Returns:
        GFLOP/s, two operations for a multiplication and its addition.
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


def _ask(worker: subprocess.Popen) -> float:
    """Has the worker measure once."""
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("the worker was started without pipes")
    print(file=worker.stdin, flush=True)
    return float(worker.stdout.readline())


if __name__ == "__main__":
    for _ in sys.stdin:
        print(matrix_product_gflops(int(sys.argv[1])), flush=True)
