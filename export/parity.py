"""Compares an exported scorer with the Keras one; a difference is an error."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

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
    """Runs a scorer over some images.

    Args:
        function: Maps some of the images to named outputs.
        images: uint8 `[n, height, width, 3]`, RGB, or n whole files, n at
            least 1.
        batch_size: Images per call; the last call may have fewer.

    Returns:
        The named outputs, each with n rows.
    """
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
    """Measures how far an artefact's outputs are from the scorer's.

    Args:
        expected: Outputs of the Keras scorer.
        actual: Outputs of the artefact on the same images.
        tolerances: Allowed absolute difference of every output.

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
            # The largest mean may belong to another run than the largest
            # maximum; NaN, which no run may give, must win.
            joined[name] = {
                key: float(np.maximum(before[key], found[key])) for key in found
            }
    return joined


def check(differences: Differences, statistic: str = "max") -> None:
    """Refuses an artefact that is further off than allowed.

    Args:
        differences: From `compare` or `worst`.
        statistic: What the tolerances limit, `max` or `mean`.

    Raises:
        ParityError: If it exceeds its tolerance or is not finite.
    """
    wrong = [
        f"{name} by {found[statistic]:.3g} (at most {found['tolerance']:.3g})"
        for name, found in differences.items()
        # Not the same as value > tolerance: NaN must fail.
        if not found[statistic] <= found["tolerance"]
    ]
    if wrong:
        raise ParityError(
            f"the artefact differs from scorer.keras: {', '.join(wrong)}; "
            "nothing was written"
        )


def report(
    differences: Differences,
    images: str,
    num_images: int,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """What `parity.json` says.

    Args:
        differences: Of every output, within the tolerances.
        images: Which images were compared, in words.
        num_images: How many they were.
        data: Facts about the data set that the scorer was trained on.

    Returns:
        JSON-ready content.
    """
    return {
        "compared_with": "scorer.keras",
        "images": images,
        "num_images": num_images,
        "outputs": differences,
        "data": dict(data),
    }
