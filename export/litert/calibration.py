"""The training images from which full int8 takes its ranges."""

import dataclasses
from typing import Any

import numpy as np

from export.finished_run import FinishedRun
from g2npan_tf.data import base
from g2npan_tf.data import protocols

# Of 128 x 128 pixels; more changes the ranges little and takes longer.
NUM_IMAGES = 200
# Of images that are scored by tiles: each is 4 tiles or more.
NUM_TILED_IMAGES = 32


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Images and what the card says of them.

    Attributes:
        images: uint8 `[n, size, size, 3]`, RGB: what the scorer itself takes,
            so that they pass its scaling and its division into tiles.
        facts: JSON-ready: `images`, `part`, `data`, `kinds`.
    """

    images: np.ndarray
    facts: dict[str, Any]


def from_base(run: FinishedRun) -> Calibration:
    """Takes images of the training part, as many of each kind as of another.

    A kind is an algorithm and a modality. Images of one kind are spread over
    the training part; nothing is drawn, so that two exports are equal.

    Args:
        run: A finished run.

    Returns:
        `NUM_IMAGES` images, or `NUM_TILED_IMAGES` where tiles are scored, or
        all if there are fewer.

    Raises:
        InputError: If the data set of the run is not there any more.
    """
    builder = base.reopen(run.config, run.facts)
    places = np.sort(base.divide(builder, run.config).train)
    scores = base.read_scores(builder, places)
    kinds = np.char.add(
        np.char.add(scores["algorithm"], " "), scores["modality"]
    )
    tiled = base.tiles_per_side(builder) > 1
    count = NUM_TILED_IMAGES if tiled else NUM_IMAGES
    chosen = spread(kinds, count)
    return Calibration(
        base.read(builder, places[chosen])["image"],
        {
            "images": len(chosen),
            "part": f"training part, {protocols.describe(run.config)}",
            "data": run.facts["name"],
            "kinds": len(np.unique(kinds)),
        },
    )


def spread(kinds: np.ndarray, count: int) -> np.ndarray:
    """Chooses rows, kind by kind in turn, evenly within each kind.

    Args:
        kinds: Text `[n]`.
        count: How many rows to choose, if there are so many.

    Returns:
        Their places, int64 `[min(count, n)]`, ascending. No kind has more
        than one row above another that has rows left.
    """
    members = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    quotas = [0] * len(members)
    left = min(count, len(kinds))
    while left:
        for index, rows in enumerate(members):
            if left and quotas[index] < len(rows):
                quotas[index] += 1
                left -= 1
    chosen = [
        rows[np.linspace(0, len(rows) - 1, quota).round().astype(int)]
        for rows, quota in zip(members, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
