"""What a figure of speed was measured on, and who else was busy there."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess

_PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy")
_VECTOR_FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile")
_ROOT = pathlib.Path(__file__).parent.parent


def describe() -> dict[str, str]:
    """Describes processor, software and source code; names no host.

    Returns:
        Facts by name, in words.
    """
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


def _kernels() -> str:
    """Which kernels TensorFlow took when it was loaded."""
    from tensorflow.python.framework import test_util

    return "oneDNN" if test_util.IsMklEnabled() else "Eigen, oneDNN off"


def processor_seconds() -> tuple[float, float]:
    """Reads the processor time that all programs together have used.

    Returns:
        Seconds in use and seconds in all, over all cores since the start of
        the machine; NaN where the system does not tell.
    """
    fields = _read("/proc/stat").split("\n", 1)[0].split()[1:9]
    if len(fields) < 8:
        return float("nan"), float("nan")
    seconds = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
    # user, nice, system, idle, iowait, ...
    return sum(seconds) - seconds[3] - seconds[4], sum(seconds)


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
