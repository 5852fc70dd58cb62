"""Exceptions that a command prints as a line instead of a traceback."""

# The extra of setup.cfg that brings a package, by the name to import. What
# is not listed is no part of a normal installation of any extra.
EXTRAS = {
    "ai_edge_litert": "workstation",
    "apache_beam": "beam",
    "grpc": "serving",
    "keras": "train",
    "nibabel": "nifti",
    "pydicom": "dicom",
    "pywt": "train",
    "requests": "serving",
    "safetensors": "train",
    "scipy": "train",
    "skimage": "baselines",
    "sklearn": "baselines",
    "tensorflow": "train",
    "tensorflow_datasets": "train",
    "tensorflow_serving": "serving",
    "yaml": "train",
}


class InputError(ValueError):
    """Bad input from outside: a flag, a file or a score.

    The message is one line that says what is wrong, where, and what was
    expected there. Commands print it and exit with code 2; library callers
    may catch it as the `ValueError` that it is.
    """


class WorkerLostError(RuntimeError):
    """Another process of the same training run does not answer any more."""


def missing_package(error: ModuleNotFoundError) -> str | None:
    """What to install, in one line; None if no extra helps: a defect."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    return (
        f"{package} is not installed; "
        f"needs pip install 'g2npan-tf[{EXTRAS[package]}]'"
    )
