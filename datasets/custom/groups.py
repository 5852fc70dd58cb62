"""The user's scored images as groups, in folds."""

import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from datasets.custom.checks import FOLDS
from datasets.custom.checks import case_of
from datasets.custom.scores import CustomScores
from datasets.custom.scores import opinions_of
from datasets.folds import split_by_case
from datasets.scored_groups import ScoredGroup
from datasets.scored_groups import ScoredImage
from g2npan_tf.core.table import Row
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.read import load_image
from g2npan_tf.images.read import resize

_NO_MODALITY = "unspecified"


def make_groups(scores: CustomScores, size: int) -> list[ScoredGroup]:
    """Makes a group of the images of each pair.

    Args:
        scores: Without problems.
        size: Side of the images in the data set, in pixels.

    Returns:
        The groups in the order of the table.
    """
    limits = Limits(grey_bits=scores.grey_bits)
    read = functools.partial(read_resized, size=size, limits=limits)
    members: dict[str, list[int]] = {}
    for i, row in enumerate(scores.rows):
        members.setdefault(row.cells["pair_id"], []).append(i)
    return [
        ScoredGroup(
            pair_id=pair_id,
            case_id=case_of(scores.rows[indices[0]]),
            modality=scores.rows[indices[0]].cells.get("modality")
            or _NO_MODALITY,
            images=tuple(_scored_image(scores, i) for i in indices),
            reference="",
            read=read,
            sources=_sources(scores.root, scores.rows[indices[0]]),
        )
        for pair_id, indices in members.items()
    ]


def split_groups(
    scores: CustomScores, groups: Sequence[ScoredGroup]
) -> list[list[ScoredGroup]]:
    """Splits groups into folds: as the table says, else by case.

    Args:
        scores: Without problems.
        groups: From `make_groups`.

    Returns:
        The groups of each fold.

    Raises:
        InputError: If there are fewer cases than folds.
    """
    folds = {r.cells["pair_id"]: r.cells.get("split") for r in scores.rows}
    if not any(folds.values()):
        return split_by_case(groups)
    return [[g for g in groups if folds[g.pair_id] == f] for f in FOLDS]


def read_resized(
    path: pathlib.Path, size: int, limits: Limits = DEFAULT_LIMITS
) -> np.ndarray:
    """Reads an image of any size and brings it to uint8 `[size, size, 3]`."""
    return resize(load_image(path, limits).pixels, size)


def _scored_image(scores: CustomScores, index: int) -> ScoredImage:
    """One row as an image with its features."""
    cells, opinions = scores.rows[index].cells, opinions_of(scores)
    return ScoredImage(
        name=cells["path"],
        path=scores.root / cells["path"],
        algorithm=cells["algorithm"],
        mos=float(opinions.mos[index]),
        features={
            "mos_std": float(opinions.std[index]),
            "mos_interval": float(opinions.interval[index]),
            "grades": opinions.grades[index].astype(np.float32),
        },
    )


def _sources(root: pathlib.Path, row: Row) -> tuple[pathlib.Path, ...]:
    """Files of the source images; none where the table names none."""
    cells = (row.cells.get(name) for name in ("source_a", "source_b"))
    return tuple(root / cell for cell in cells if cell)
