"""Peak resident memory of a command.

    python -m benchmarks.peak_memory COMMAND...

prints it in MiB after what the command prints. A small program of its own:
Linux counts the memory of the process that starts a command as the command's,
so a process that has loaded TensorFlow must not start it.
"""

import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from g2npan_tf.core.errors import InputError

if TYPE_CHECKING:
    from g2npan_tf.core.config import Config

# Pictures that are scored.
_NUM_PICTURES = 8
_MODULE = "benchmarks.peak_memory"


def training_memory_mib(config: "Config", workdir: pathlib.Path) -> float:
    """Measures one epoch of train.py.

    Args:
        config: Preset, data folder and batch size are used.
        workdir: Folder of the run; is made.

    Returns:
        As `peak_memory_mib`.
    """
    return peak_memory_mib(
        [
            "train.py",
            f"--workdir={workdir}",
            f"--preset={config.preset}",
            f"--data_dir={config.data_dir}",
            f"--batch_size={config.batch_size}",
            "--epochs=1",
        ]
    )


def scoring_memory_mib(model: pathlib.Path, folder: pathlib.Path) -> float:
    """Measures g2npan_tf.scoring.score on some pictures of noise.

    Args:
        model: An artefact, e.g. a `.tflite` file.
        folder: For the pictures; is made.

    Returns:
        As `peak_memory_mib`.
    """
    import cv2
    import numpy as np

    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(_NUM_PICTURES):
        pixels = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), pixels)
    return peak_memory_mib(
        ["-m", "g2npan_tf.scoring.score", f"--model={model}", str(folder)]
    )


def peak_memory_mib(command: Sequence[str]) -> float:
    """Runs a Python command and measures its memory.

    Args:
        command: Arguments for this Python, e.g. `["train.py", "--epochs=1"]`;
            paths are relative to the project.

    Returns:
        Highest resident memory in MiB, of the process or of one that it
        started, whichever had more.

    Raises:
        InputError: If the command fails; with its last line.
    """
    result = subprocess.run(
        [sys.executable, "-m", _MODULE, sys.executable, *command],
        cwd=pathlib.Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise InputError(f"{' '.join(command)} failed: {lines[-1]}")
    return float(result.stdout.splitlines()[-1])


def _run(command: Sequence[str]) -> int:
    """Runs a command, prints its peak memory, returns its exit code."""
    with subprocess.Popen(command) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    # ru_maxrss is in KiB on Linux.
    print(usage.ru_maxrss / 1024, flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
