"""What scoring costs a workstation that has no TensorFlow.

    python -m benchmarks.workstation --model=exported/g2npan.tflite

makes an environment, installs `.[workstation]` into it, scores with it in
fresh processes and prints a Markdown table. --python=PROGRAM takes an
environment that is there already.
"""

import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from absl import flags

from g2npan_tf.core import command as cli
from g2npan_tf.core.errors import InputError

IMPORT_GOAL = 0.5
MEMORY_GOAL = 200.0
ABSENT = ("tensorflow", "keras", "scipy", "matplotlib")
# Fresh processes; the first of them fills the disk cache and is not counted.
PROCESSES = 6
_ROOT = pathlib.Path(__file__).parent.parent
# VmHWM and not ru_maxrss: Linux hands the latter on to a started process.
_PROGRAM = """
import json, re, sys, time
start, start_processor = time.perf_counter(), time.process_time()
import g2npan_tf.scoring.score
from g2npan_tf import Assessor
import ai_edge_litert.interpreter
imported = time.perf_counter() - start
imported_processor = time.process_time() - start_processor
import numpy
assessor = Assessor.load(sys.argv[1])
pixels = numpy.random.default_rng(0).integers(0, 256, (32, 256, 256, 3), "u1")
assessor.score(pixels)
assessor.explain(pixels[:1])
status = open("/proc/self/status").read()
print(json.dumps({
    "import_seconds": imported,
    "import_processor_seconds": imported_processor,
    "memory_mb": int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) * 1024 / 1e6,
    "modules": sorted(
        name for name in sys.modules if name in sys.argv[2].split(",")
    ),
}))
"""


@dataclasses.dataclass(frozen=True)
class Cost:
    """What fresh processes needed.

    Attributes:
        import_seconds: Median wall time until all is imported.
        import_processor_seconds: The same of processor time, which tells more
            where other programs run.
        memory_mb: Highest resident memory of any, 10^6 bytes.
        modules: Those of `ABSENT` that were loaded; there should be none.
    """

    import_seconds: float
    import_processor_seconds: float
    memory_mb: float
    modules: list[str]


def install(folder: pathlib.Path) -> pathlib.Path:
    """Makes an environment with the workstation's packages only.

    Args:
        folder: Made by this function.

    Returns:
        Its Python.

    Raises:
        InputError: If an installation fails, e.g. without a network.
    """
    python = folder / "bin" / "python"
    source = folder / "source"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        # A copy of the source: setuptools leaves its build folder in it.
        ["git", "clone", "--quiet", str(_ROOT), str(source)],
        [str(python), *"-m pip install -q".split(), f"{source}[workstation]"],
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise InputError(f"{' '.join(command)} failed: {lines[-1]}")
    return python


def measure(python: pathlib.Path, model: pathlib.Path) -> Cost:
    """Scores images of noise in fresh processes.

    Args:
        python: Of the environment.
        model: A `.tflite` file.

    Returns:
        What it cost.

    Raises:
        InputError: If a process fails; with its last line.
    """
    found = [_run(python, model) for _ in range(PROCESSES)][1:]
    return Cost(
        statistics.median(one["import_seconds"] for one in found),
        statistics.median(one["import_processor_seconds"] for one in found),
        max(one["memory_mb"] for one in found),
        sorted({name for one in found for name in one["modules"]}),
    )


def table(cost: Cost) -> str:
    """The cost beside its goals, in Markdown."""
    modules = ", ".join(cost.modules) or "none"
    return "\n".join(
        [
            "| What | Measured | Goal |",
            "| --- | ---: | ---: |",
            f"| Import time, s (median of {PROCESSES - 1}) | "
            f"{cost.import_seconds:.2f} | < {IMPORT_GOAL} |",
            "| The same, processor time, s | "
            f"{cost.import_processor_seconds:.2f} | |",
            f"| Resident memory while scoring, MB | {cost.memory_mb:.0f} | "
            f"< {MEMORY_GOAL:.0f} |",
            f"| {', '.join(ABSENT)} loaded | {modules} | none |",
        ]
    )


def _run(python: pathlib.Path, model: pathlib.Path) -> dict:
    """One process, started in an empty folder: nothing of the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(python), "-c", _PROGRAM, str(model), ",".join(ABSENT)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise InputError(f"{model}: not scored ({lines[-1]})")
    return json.loads(done.stdout)


def main(argv: list[str]) -> int:
    """Measures; the exit code is 1 if a goal is missed."""
    values = flags.FLAGS
    model = pathlib.Path(values.model or "-").absolute()
    if len(argv) > 1 or not model.is_file():
        raise InputError("expected --model=FILE.tflite and nothing else")
    with tempfile.TemporaryDirectory(prefix="g2npan-workstation-") as folder:
        python = (
            pathlib.Path(values.python).absolute()
            if values.python
            else install(pathlib.Path(folder, "environment"))
        )
        cost = measure(python, model)
    print(table(cost))
    reached = (
        cost.import_seconds < IMPORT_GOAL
        and cost.memory_mb < MEMORY_GOAL
        and not cost.modules
    )
    return 0 if reached else 1


if __name__ == "__main__":
    flags.DEFINE_string("model", "", "The .tflite file to score with.")
    flags.DEFINE_string("python", "", "Python of an environment to measure.")
    cli.run(main)
