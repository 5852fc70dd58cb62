"""What needs no image on a base that a model was not trained on."""

from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np

from g2npan_tf.evaluation import figures

# Knows the scores of the base that is scored; see `left_out_means`.
HERE = f"{figures.ALGORITHM_MEAN}_here"
_MEANINGS = {
    "mean": "mean MOS of the training part",
    "modality_mean": "mean MOS of the image's modality in the training part, "
    "which has none of these algorithms",
    figures.ALGORITHM_MEAN: "mean MOS of the image's algorithm and modality "
    "in the training part (of the algorithm, or of all, where it has fewer "
    f"than {figures.MIN_IMAGES} such images)",
    "pair_mean": "mean MOS of the image's pair in the training part",
    HERE: "the same in the other groups of this very base "
    "(leave-one-group-out): knows scores that the model never saw",
}


def baselines(
    known: Mapping[str, np.ndarray] | None,
    rows: Mapping[str, np.ndarray],
    is_test: bool,
    group_by: str,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Trivial predictions for a part of any base.

    Choice: the training part of the model's own base says what it knows,
    where the scored base has one of its algorithms at least. Beside it stands
    what the scores of the scored base say of each other, since a weak figure
    there means that the base is hard and not that the model is bad.

    Args:
        known: From `data.read_scores`, the training part (with what chose
            the epoch); None if it is not here.
        rows: From `data.read`, what is scored.
        is_test: Whether that is the test part of the run's own protocol,
            which has the baselines of `evaluation.trivial_baselines` only.
        group_by: What is a group, a column of `rows`.

    Returns:
        Predicted MOS `[n]` by name, and lines on what was left out.
    """
    values: dict[str, np.ndarray] = {}
    notes: list[str] = []
    if known is not None:
        values = figures.trivial_baselines(
            figures.split_of(known), figures.split_of(rows)
        )
    if is_test:
        return values, notes
    if known is None:
        notes.append("baselines: none of training, whose base is not here")
    elif figures.ALGORITHM_MEAN not in values:
        notes.append(
            f"baselines: no {figures.ALGORITHM_MEAN}, since training had "
            "none of these algorithms"
        )
    groups = figures.split_of(rows, group_by)
    if len(np.unique(groups.pair_id)) > 1:
        values[HERE] = left_out_means(groups)
    else:
        notes.append(
            f"groups: one {group_by} only, so that there are no intervals, no "
            f"p-values and no {HERE}"
        )
    return values, notes


def left_out_means(split: figures.Split) -> np.ndarray:
    """`algorithm_means` of each group in the other groups of its base.

    Args:
        split: Of two groups at least.

    Returns:
        `[n]`, 1..5. No image of its own group counts.
    """
    means = np.zeros(len(split.mos))
    for group in np.unique(split.pair_id):
        inside = split.pair_id == group
        means[inside] = figures.algorithm_means(
            split.at(~inside), split.at(inside)
        )
    return means


def meanings(names: Iterable[str]) -> dict[str, str]:
    """What each trivial baseline predicts.

    Args:
        names: Of methods; those that are no trivial baseline are left out.
    """
    return {name: _MEANINGS[name] for name in names if name in _MEANINGS}
