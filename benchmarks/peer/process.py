"""The process of the other engine, asked line by line."""

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

from g2npan_tf.core.errors import InputError

# Of the peer's step, see `benchmarks.peer.training`.
STYLES = ("plain", "tuned")
_ROOT = pathlib.Path(__file__).parent.parent.parent
_EXPECTED = (
    "expected the python of an environment with "
    "benchmarks/peer/requirements.txt"
)


class PeerProcess:
    """A running `benchmarks.peer.worker`, with pipes."""

    def __init__(self, process: subprocess.Popen) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker was started without pipes")
        self.process = process
        self.requests = process.stdin
        self.answers = process.stdout

    def ask(self, do: str, threads: int, **request: Any) -> dict[str, Any]:
        """Has the worker call one of its methods on so many threads.

        Raises:
            RuntimeError: If the worker died; its reason is on stderr.
        """
        text = json.dumps({"do": do, "threads": threads, **request})
        line = ""
        if self.process.poll() is None:
            print(text, file=self.requests, flush=True)
            line = self.answers.readline()
        if not line:
            raise RuntimeError(f"the PyTorch process failed at {text}")
        return json.loads(line)


@contextlib.contextmanager
def start(python: str, settings: dict[str, Any]) -> Iterator[PeerProcess]:
    """Starts the worker and ends it with the block.

    Args:
        python: Interpreter of an environment with PyTorch.
        settings: Fields of the configuration and `image_size`.

    Raises:
        InputError: If the interpreter does not run or has no PyTorch.
    """
    check(python)
    with subprocess.Popen(
        [python, "-m", "benchmarks.peer.worker", json.dumps(settings)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        # Leaving the block closes stdin, which ends the worker.
        yield PeerProcess(process)


def check(python: str) -> None:
    """Raises where the interpreter cannot run the worker."""
    try:
        found = subprocess.run(
            [python, "-c", "import numpy, torch"],
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise InputError(
            f"{python}: not an interpreter ({error.strerror}); {_EXPECTED}"
        ) from error
    if found.returncode:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(
            f"{python}: cannot import PyTorch ({reason}); {_EXPECTED}"
        )
