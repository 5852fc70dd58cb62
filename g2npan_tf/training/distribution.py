"""Which tf.distribute strategy a run trains under, and who writes its files."""

import atexit
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import TypeVar

import numpy as np
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import WorkerLostError
from g2npan_tf.core.outputs import LOG

# The tasks that train; a cluster of tf.distribute may have others.
JOBS = ("chief", "worker")
EXPECTED = (
    'expected {"cluster": {"worker": ["HOST:PORT", ...]}, '
    '"task": {"type": "worker", "index": 0}}'
)

_Made = TypeVar("_Made")

# What an operation in common raises when another worker is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


def strategy(config: Config) -> tf.distribute.Strategy:
    """The strategy that `--distribute` names.

    Must be called before any operation of TensorFlow: with several workers
    this process becomes a server, which is possible at its start only. A
    mirrored one is over all GPUs of this machine, without GPUs over its
    logical CPUs, which is for tests.
    """
    if config.distribute == "none":
        return tf.distribute.get_strategy()
    if config.distribute == "multi_worker":
        chosen = _multi_worker(config)
    else:
        chosen = _mirrored()
    _check_batch(config, chosen.num_replicas_in_sync)
    return chosen


def batches(
    chosen: tf.distribute.Strategy,
    make: Callable[[int, int, int], tf.data.Dataset],
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Gives each worker its share of the batches.

    Choice: sharded by example, so that each is read by one worker and all
    shares of a step together are the batch that one process would have.

    `make` takes the number of this worker, of workers and of replicas, and
    returns this worker's examples in batches for one replica.
    """
    return chosen.distribute_datasets_from_function(
        lambda context: make(
            context.input_pipeline_id,
            context.num_input_pipelines,
            context.num_replicas_in_sync,
        )
    )


def has_others(chosen: tf.distribute.Strategy) -> bool:
    """Whether there are other processes."""
    return isinstance(chosen, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(chosen: tf.distribute.Strategy) -> bool:
    """Whether this process writes the files of the run."""
    if not has_others(chosen):
        return True
    resolver = chosen.cluster_resolver
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_id == 0


def own_folder(
    chosen: tf.distribute.Strategy, workdir: pathlib.Path
) -> pathlib.Path:
    """Where this process writes: the workdir, if it is the chief.

    Every worker saves: Keras makes variables while it does, which workers
    make in common. What the others save goes to a temporary folder that is
    removed at the end.
    """
    if is_chief(chosen):
        return workdir
    folder = pathlib.Path(tempfile.mkdtemp(prefix="g2npan-worker-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if (workdir / LOG).exists():
        shutil.copy(workdir / LOG, folder)
    return folder


def chief_first(
    chosen: tf.distribute.Strategy, make: Callable[[], _Made]
) -> _Made:
    """Calls a function on the chief, then on the other workers.

    So it may write what the others then find.
    """
    if not has_others(chosen):
        return make()
    if is_chief(chosen):
        made = make()
        _gather(chosen, [0])
        return made
    _gather(chosen, [0])
    return make()


def check_agreement(
    chosen: tf.distribute.Strategy, facts: dict[str, Any]
) -> None:
    """Compares what must be the same on all workers.

    Without it, a worker that does not see the chief's checkpoint would train
    from the start while the others resume.
    """
    if not has_others(chosen):
        return
    # 31 bits, since collective operations take int32.
    own = [zlib.crc32(repr(value).encode()) >> 1 for value in facts.values()]
    found = _gather(chosen, own)
    for (name, value), column in zip(facts.items(), found.T, strict=True):
        if len(set(column)) > 1:
            raise InputError(
                f"--distribute=multi_worker: the workers differ in {name}, "
                f"here {value}; expected the same flags, data set and "
                "--workdir (a folder that all machines share) on each"
            )


@contextlib.contextmanager
def lost_worker_named(config: Config) -> Iterator[None]:
    """Turns what TensorFlow says about a lost worker into one line.

    TensorFlow's coordination service notices a closed connection at once, and
    a machine that is gone by the heartbeats that it does not send for 10 s;
    then every operation in common fails on the other workers.
    """
    try:
        yield
    except _LOST as error:
        if config.distribute != "multi_worker":
            raise
        # In braces TensorFlow names the operation, on this very worker.
        text = re.sub("{{.*?}}", "", error.message)
        tasks = re.findall(r"/job:(\w+)(?:/replica:0)?/task:(\d+)", text)
        names = dict.fromkeys(f"{job} {index}" for job, index in tasks)
        raise WorkerLostError(
            f"lost the connection to {', '.join(names) or 'another worker'}, "
            "all workers stop"
        ) from error


def _gather(chosen: tf.distribute.Strategy, numbers: list[int]) -> np.ndarray:
    """A row of numbers of each worker; waits for all of them."""
    row = tf.constant([numbers], tf.int32)
    return chosen.gather(row, axis=0).numpy()


def _mirrored() -> tf.distribute.Strategy:
    """All GPUs of this machine, or its logical CPUs."""
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    devices = [d.name for d in tf.config.list_logical_devices("CPU")]
    # The default collectives fail on CPUs with synchronised batch norm.
    return tf.distribute.MirroredStrategy(
        devices, tf.distribute.ReductionToOneDevice()
    )


def _multi_worker(config: Config) -> tf.distribute.Strategy:
    """All workers of `TF_CONFIG`, once they are there."""
    workers = _num_workers(os.environ.get("TF_CONFIG", ""))
    _check_batch(config, workers)
    if workers == 1:
        return _mirrored()
    print(f"waiting until all {workers} workers run", file=sys.stderr)
    try:
        with _interruptible():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as error:
        # gRPC gives no other sign of a port in use or a foreign address.
        raise InputError(
            "TF_CONFIG: this worker cannot listen at its own address "
            f"({error.message}); expected a free port of this machine"
        ) from error


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Lets SIGINT end the process at once.

    Python's handlers run only when TensorFlow's waiting is over, and nothing
    is there to be saved yet. SIGTERM is taken by TensorFlow, as its notice of
    pre-emption, and ends nothing meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _check_batch(config: Config, replicas: int) -> None:
    if config.batch_size % replicas:
        raise InputError(
            f"--batch_size={config.batch_size} must be a multiple of the "
            f"number of replicas, {replicas}"
        )


def _num_workers(text: str) -> int:
    """How many workers `TF_CONFIG` names; raises if it is not usable."""
    if not text:
        raise InputError(
            "--distribute=multi_worker: the environment variable TF_CONFIG "
            f"is not set; {EXPECTED}"
        )
    try:
        value = json.loads(text)
        job, index = value["task"]["type"], int(value["task"]["index"])
        sizes = {n: _length(list_) for n, list_ in value["cluster"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"TF_CONFIG: malformed ({reason}); {EXPECTED}"
        ) from None
    if not set(sizes) <= set(JOBS) or sizes.get("chief", 0) > 1:
        raise InputError(
            f"TF_CONFIG: cluster has {', '.join(sorted(sizes))}; expected "
            "tasks of type worker, and at most one of type chief"
        )
    if not 0 <= index < sizes.get(job, 0):
        tasks = ", ".join(f"{name} 0..{n - 1}" for name, n in sizes.items())
        raise InputError(
            f"TF_CONFIG: task {job} {index} is not in the cluster; expected "
            f"one of {tasks}"
        )
    return sum(sizes.values())


def _length(addresses: list[str]) -> int:
    """Number of addresses; raises a TypeError for a text instead of a list."""
    if not isinstance(addresses, list):
        raise TypeError(f"{addresses!r} is no list")
    return len(addresses)
