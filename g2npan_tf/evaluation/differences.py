"""What differs between the data a model learned from and those it is scored on.

Nothing is refused: a figure is measured, and these lines stand beside it.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from g2npan_tf.core.config import TILE_SIZE
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.scoring.model_facts import extra_words
from g2npan_tf.scoring.model_facts import whose

Rows = Mapping[str, np.ndarray]
_GROUPED = ("modality", "algorithm")
_NAMED = ("pair_id", "case_id")


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two data sets.

    Attributes:
        facts: From `data.base.facts`.
        rows: From `data.base.read_scores`: of the training part (with what
            chose the epoch), or what is scored; empty if the data set is not
            here.
        size: Side in pixels of what the model learned from, or is given.
    """

    facts: Facts
    rows: Rows
    size: int


def lines(trained: Side, scored: Side) -> list[str]:
    """Says what differs, a line each that begins with what it is about.

    The `size` of what the model was trained on is the scorer's.
    """
    extra = extra_words(trained.facts)
    found = [
        _data_sets(trained.facts, scored.facts),
        f"extra data: {extra}" if extra else "",
        _scores(trained.facts, scored.facts),
        sampling(trained.size, scored.size),
    ]
    if not trained.rows:
        found.append(
            f"unknown: {trained.facts['name']}"
            f"{' or its extra data' if extra else ''} is not here, so the "
            "modalities, algorithms, pairs and cases of training are not known"
        )
    else:
        found += [
            *(_unseen(trained.rows, scored.rows, name) for name in _GROUPED),
            _scale(trained.rows, scored.rows),
            *(_overlap(trained, scored, name) for name in _NAMED),
        ]
    return [line for line in found if line]


def sampling(scorer_size: int, image_size: int) -> str:
    """How images of another size come to the scorer; empty if equal.

    Choice: every image is brought to the side that the scorer has, whole, as
    `Assessor` does with any file; so a score here is the score that the same
    file gets anywhere. One of whole images sees a larger image shrunk; one
    of tiles (its side is a multiple of a tile's) a smaller one enlarged. Sizes
    are sides in pixels.
    """
    if scorer_size == image_size:
        return ""
    kind = "whole images"
    if scorer_size > TILE_SIZE:
        kind = "tiles of images"
    change = (
        "shrunk by averaging areas, so that noise and fine texture that "
        "readers saw are lost"
        if scorer_size < image_size
        else "enlarged linearly, so that texture is smoother than any that it "
        "learned from"
    )
    return (
        f"sampling: the model scores {kind} of side {scorer_size}; these have "
        f"side {image_size} and are {change}"
    )


def _data_sets(trained: Facts, scored: Facts) -> str:
    if trained["name"] == scored["name"]:
        counts = [
            (one.get("images"), one.get("bytes")) for one in (trained, scored)
        ]
        if None in counts[0] or counts[0] == counts[1]:
            return ""
        return (
            f"data set: both are {trained['name']}, of other images: trained "
            f"on one of {counts[0][0]}, this one has {counts[1][0]}"
        )
    (one, _, version), (two, _, other) = (
        facts["name"].rpartition("/") for facts in (trained, scored)
    )
    if one == two:
        return f"version: trained on {version} of {one}, scored on {other}"
    return f"data set: trained on {trained['name']}, scored on {scored['name']}"


def _scores(trained: Facts, scored: Facts) -> str:
    names = ("scores", "num_readers", "panel_version")
    if all(trained.get(name) == scored.get(name) for name in names):
        return ""
    return f"scores: trained on {_who(trained)}, judged against {_who(scored)}"


def _who(facts: Facts) -> str:
    """Who judged the images of a data set."""
    more = [f"{facts['num_readers']} readers"] if "num_readers" in facts else []
    if "panel_version" in facts:
        more.append(f"panel {facts['panel_version']}")
    note = f" ({', '.join(more)})" if more else ""
    return f"{whose(facts)}{note}"


def shortened(names: np.ndarray, most: int = 12) -> str:
    """The different names, the first of many."""
    different = np.unique(names).tolist()
    more = f" and {len(different) - most} more" if different[most:] else ""
    return ", ".join(different[:most]) + more


def _unseen(trained: Rows, scored: Rows, of: str) -> str:
    """What of the data set training never had."""
    names, counts = np.unique(scored[of], return_counts=True)
    new = ~np.isin(names, trained[of])
    if not new.any():
        return ""
    return (
        f"{of}: {counts[new].sum()} of {counts.sum()} images are of "
        f"{shortened(names[new])}, which training never had (it had "
        f"{shortened(trained[of])})"
    )


def _scale(trained: Rows, scored: Rows) -> str:
    """How the scores spread; RMSE and raw figures have the shift in them."""
    one, two = (
        f"mean {rows['mos'].mean():.2f}, sd {rows['mos'].std():.2f}, "
        f"{rows['mos'].min():.2f} to {rows['mos'].max():.2f}"
        for rows in (trained, scored)
    )
    if one == two:
        return ""
    return (
        f"score scale: MOS in training {one}; here {two} (both on 1..5; the "
        "RMSE includes the shift, the mapped figures do not)"
    )


def _overlap(trained: Side, scored: Side, name: str) -> str:
    """How many names of pairs or cases the training part has too."""
    here = np.unique(scored.rows[name])
    shared = np.isin(here, trained.rows[name]).sum()
    if not shared:
        return ""
    images = np.isin(scored.rows[name], trained.rows[name]).sum()
    kind = name.removesuffix("_id")
    same = trained.facts["name"] == scored.facts["name"]
    doubt = (
        ""
        if same
        else "; if they are the same, these figures are optimistically biased"
    )
    return (
        f"overlap: {shared} of {len(here)} {kind}s ({images} images) have "
        f"names that the training part has too{doubt}"
    )
