"""Compares an exported scorer with the Keras one; a difference is an error."""

import json
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

if TYPE_CHECKING:
    from export.finished_run import FinishedRun
    from export.finished_run import Probe

Outputs = dict[str, np.ndarray]
# Maximum and mean absolute difference and what is allowed, by output.
Differences = dict[str, dict[str, float]]

BATCH_SIZE = 16


class ParityError(Exception):
    """An artefact does not compute what the Keras scorer computes.

    Not an `InputError`: the caller did nothing wrong. Commands print the line
    and exit with code 1.
    """


def run_in_batches(
    function: Callable[[Any], Mapping[str, np.ndarray]],
    images: np.ndarray | Sequence[bytes],
    batch_size: int = BATCH_SIZE,
) -> Outputs:
    """Runs a scorer over n images, or n whole files; n is at least 1."""
    parts = [
        function(images[start : start + batch_size])
        for start in range(0, len(images), batch_size)
    ]
    return {
        name: np.concatenate([np.asarray(part[name]) for part in parts])
        for name in parts[0]
    }


def compare(
    expected: Outputs, actual: Outputs, tolerances: Mapping[str, float]
) -> Differences:
    """Measures how far an artefact's outputs are from the Keras scorer's.

    Returns:
        For every output `max` and `mean` of the absolute difference, in the
        unit of the output, and its `tolerance`.

    Raises:
        ParityError: If names or shapes of the outputs differ.
    """
    if set(expected) != set(actual):
        raise ParityError(
            f"the artefact gives {sorted(actual)}, scorer.keras "
            f"{sorted(expected)}"
        )
    differences = {}
    for name, values in expected.items():
        if values.shape != actual[name].shape:
            raise ParityError(
                f"the artefact gives {name} of shape "
                f"{list(actual[name].shape)}, scorer.keras "
                f"{list(values.shape)}"
            )
        error = np.abs(actual[name].astype(np.float64) - values)
        differences[name] = {
            "max": float(error.max()),
            "mean": float(error.mean()),
            "tolerance": tolerances[name],
        }
    return differences


def worst(measured: Iterable[Differences]) -> Differences:
    """Joins several comparisons: the largest difference of every output."""
    joined: Differences = {}
    for differences in measured:
        for name, found in differences.items():
            before = joined.setdefault(name, found)
            # The largest mean and the largest maximum may come from different
            # runs. NaN must win: no run may give it.
            joined[name] = {
                key: float(np.maximum(before[key], found[key])) for key in found
            }
    return joined


def check(
    differences: Differences,
    statistic: str = "max",
    name: str = "the artefact",
) -> None:
    """Refuses an artefact whose difference exceeds a tolerance.

    Args:
        differences: From `compare` or `worst`.
        statistic: What the tolerances limit, `max` or `mean`.
        name: Of the artefact, in the message.

    Raises:
        ParityError: If it exceeds its tolerance or is not finite.
    """
    wrong = [
        f"{output} by {found[statistic]:.3g} (at most {found['tolerance']:.3g})"
        for output, found in differences.items()
        # Unlike value > tolerance this fails for NaN, too.
        if not found[statistic] <= found["tolerance"]
    ]
    if wrong:
        raise ParityError(
            f"{name} differs from scorer.keras: {', '.join(wrong)}; "
            "it was not written"
        )


def write(
    path: pathlib.Path,
    differences: Differences,
    run: "FinishedRun",
    probe: "Probe",
    **more: str,
) -> None:
    """Writes how exact an artefact is, and on which images that was seen."""
    content = {
        "compared_with": "scorer.keras",
        "images": probe.source,
        "num_images": len(probe.images),
        "outputs": differences,
        "data": run.facts,
        "protocol": run.protocol,
        "models": run.members,
        **more,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
