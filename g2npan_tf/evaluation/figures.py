"""The figures of a scored split: agreement, intervals, trivial baselines."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.evaluation import significance
from g2npan_tf.evaluation import statistics

NUM_RESAMPLES = 1000
CONFIDENCE = 0.95
ALGORITHM_MEAN = "algorithm_modality_mean"
BASELINES = ("mean", "modality_mean", ALGORITHM_MEAN, "pair_mean")
# The mean of fewer images says too little of an algorithm or a modality.
MIN_IMAGES = 3


@dataclasses.dataclass(frozen=True)
class Split:
    """Scores of a part of a data set, one row an image.

    Attributes:
        pair_id: Group of each image. Text `[n]`.
        algorithm: What fused it. Text `[n]`.
        modality: Text `[n]`.
        mos: Readers' scores, real or simulated. Shape `[n]`, 1..5.
        case_id: Patient of each image, or None if the groups are all that is
            known or asked for. Text `[n]`.
    """

    pair_id: np.ndarray
    algorithm: np.ndarray
    modality: np.ndarray
    mos: np.ndarray
    case_id: np.ndarray | None = None

    @property
    def unit(self) -> np.ndarray:
        """What a resample draws whole. Text `[n]`.

        Choice: the cases of each modality, not the pairs: neighbouring slices
        of a patient are near-copies, and a network is wrong by whole patients.
        By modality, since a number that two of them share (brain and abdomen
        of the reader study) is no patient.
        """
        if self.case_id is None:
            return self.pair_id
        return np.char.add(np.char.add(self.modality, "/"), self.case_id)

    @property
    def cell(self) -> np.ndarray:
        """Modality and algorithm of each image. Text `[n]`."""
        return np.char.add(np.char.add(self.modality, "/"), self.algorithm)

    def at(self, rows: np.ndarray) -> "Split":
        """Some images of it.

        Args:
            rows: Their numbers, or a bool `[n]`.
        """
        case = self.case_id
        return Split(
            self.pair_id[rows],
            self.algorithm[rows],
            self.modality[rows],
            self.mos[rows],
            None if case is None else case[rows],
        )

    @property
    def drawn(self) -> str:
        """What `unit` is, in one word."""
        return "group" if self.case_id is None else "case"


def split_of(
    rows: Mapping[str, np.ndarray], group_by: str = "pair_id"
) -> Split:
    """Takes the columns of a part that the figures are made from.

    Args:
        rows: From `data.read`, or of its columns.
        group_by: The column whose values are the groups.

    Returns:
        The split; `pair_id` is the group. Resamples draw cases, or the groups
        where they are no pairs.
    """
    case = rows["case_id"] if group_by == "pair_id" else None
    return Split(
        rows[group_by], rows["algorithm"], rows["modality"], rows["mos"], case
    )


def trivial_baselines(train: Split, test: Split) -> dict[str, np.ndarray]:
    """Predictions that need no image.

    Args:
        train: Scores that the protocol lets a method know.
        test: The part to predict.

    Returns:
        Predicted MOS `[n]`, 1..5: `mean` (mean MOS of the training part);
        `ALGORITHM_MEAN` (from `algorithm_means`), or `modality_mean` where
        training has none of the test part's algorithms; and, where it has
        images of the test part's pairs, `pair_mean` (mean MOS of the image's
        pair there; the mean of all for one that is not there).
    """
    mean = np.full(len(test.mos), np.mean(train.mos))
    baselines = {"mean": mean}
    if np.isin(test.algorithm, train.algorithm).any():
        baselines[ALGORITHM_MEAN] = algorithm_means(train, test)
    else:
        baselines["modality_mean"] = _means_of(
            train.modality, train.mos, test.modality, mean, MIN_IMAGES
        )
    if np.isin(test.pair_id, train.pair_id).any():
        baselines["pair_mean"] = _means_of(
            train.pair_id, train.mos, test.pair_id, mean
        )
    return baselines


def algorithm_means(train: Split, test: Split) -> np.ndarray:
    """What an image's algorithm and modality alone say of its MOS.

    Args:
        train: Scores that are known.
        test: The part to predict.

    Returns:
        Predicted MOS `[n]`: the mean of the images of the same algorithm and
        modality, of the same algorithm where there are fewer than
        `MIN_IMAGES` of both, and of all where there are fewer of that.
    """
    mean = np.full(len(test.mos), np.mean(train.mos))
    rest = _means_of(
        train.algorithm, train.mos, test.algorithm, mean, MIN_IMAGES
    )
    return _means_of(train.cell, train.mos, test.cell, rest, MIN_IMAGES)


def _means_of(
    names: np.ndarray,
    scores: np.ndarray,
    wanted: np.ndarray,
    rest: np.ndarray,
    at_least: int = 1,
) -> np.ndarray:
    """Mean score of each wanted name; `rest` where it has too few."""
    means = {
        name: scores[names == name].mean()
        for name in np.unique(names)
        if np.sum(names == name) >= at_least
    }
    return np.array(
        [
            means.get(name, other)
            for name, other in zip(wanted, rest, strict=True)
        ]
    )


def assess(split: Split, predicted_mos: np.ndarray, seed: int = 0) -> dict:
    """All figures of one method on one split.

    Section: 4.1.2 ("try 1000 times and take the average").

    Choice: the 1,000 tries are bootstrap resamples of `Split.unit`, since
    images of one case are not independent.

    Args:
        split: The part that was scored.
        predicted_mos: Shape `[n]`, 1..5.
        seed: Seed of the resamples.

    Returns:
        `raw` and `mapped` (after the 4-parameter logistic): PLCC, SRCC, KRCC
        and RMSE on [0, 1]; `rounded_krcc` (predictions rounded to the MOS
        grid); `interval`: for each raw figure the mean and 95 % limits over
        the resamples; `within_group`.
    """
    quality = mos.to_quality(np.asarray(split.mos, np.float64))
    predicted = mos.to_quality(np.asarray(predicted_mos, np.float64))
    mapped = statistics.logistic_mapping(quality, predicted)
    return {
        "raw": statistics.figures(quality, predicted),
        "mapped": statistics.figures(quality, mapped),
        "rounded_krcc": statistics.krcc(split.mos, np.round(predicted_mos)),
        "interval": _intervals(quality, predicted, split.unit, seed),
        "within_group": within_group(split, predicted_mos),
    }


def compare(
    split: Split, predictions: dict[str, np.ndarray], name: str
) -> dict[str, Any]:
    """Figures of several methods, and how far one of them is above the rest.

    Args:
        split: The part that was scored.
        predictions: Predicted MOS `[n]` by method.
        name: The method that is compared with the others.

    Returns:
        `methods`: `assess` of each; `gains`: `difference` from each other
        method that ranks (`ranks`). Each difference has `p_holm` too,
        corrected for all differences of `gains` together. `units`: how many
        cases or groups a resample draws from, and `drawn`: which.
        `by_modality`, where there are several: of each, by method that ranks,
        `images` and the `raw` figures and `interval` of `assess`.
    """
    ranking = {
        key: values
        for key, values in predictions.items()
        if ranks(values, predictions.get("mean"))
    }
    gains = {
        key: difference(split, predictions[name], values)
        for key, values in ranking.items()
        if key != name
    }
    correct([gain for two in gains.values() for gain in two.values()])
    return {
        "methods": {
            key: assess(split, values)
            if key in ranking
            else _assess_constant(split, values)
            for key, values in predictions.items()
        },
        "gains": gains,
        "by_modality": _by_modality(split, ranking),
        "units": len(set(split.unit)),
        "drawn": split.drawn,
    }


def _by_modality(
    split: Split, predictions: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """Figures of each modality alone; none where there is one only."""
    names = np.unique(split.modality).tolist()
    found: dict[str, dict[str, Any]] = {}
    for modality in names[: len(names) * (len(names) > 1)]:
        rows = split.modality == modality
        found[modality] = {}
        for name, values in predictions.items():
            if not np.ptp(values[rows]):
                continue
            judged = assess(split.at(rows), values[rows])
            kept = {key: judged[key] for key in ("raw", "interval")}
            found[modality][name] = {"images": int(rows.sum()), **kept}
    return found


def ranks(values: np.ndarray, mean: np.ndarray | None) -> bool:
    """Whether predictions order images at all.

    The mean MOS of the training part does not, even where the means of
    several pooled folds differ; nor does a baseline that has nothing but that
    mean to offer, as that of the algorithm where algorithms are left out.

    Args:
        values: Predicted MOS `[n]`.
        mean: What `trivial_baselines` says as `mean`, if it is known.

    Returns:
        False for a constant and for `mean`.
    """
    is_mean = mean is not None and np.array_equal(values, mean)
    return bool(np.ptp(values) > 0) and not is_mean


def _assess_constant(split: Split, predicted_mos: np.ndarray) -> dict:
    """Figures of what does not rank: of one constant, but for the RMSE."""
    figures = assess(split, np.full(len(split.mos), np.mean(predicted_mos)))
    own = assess(split, predicted_mos)
    for kind in ("raw", "interval"):
        figures[kind]["rmse"] = own[kind]["rmse"]
    return figures


def correct(gains: list[dict[str, float]]) -> None:
    """Adds to each difference its p-value after Holm's correction.

    Args:
        gains: All differences of a table, with `p`; each gets `p_holm`.
    """
    corrected = significance.holm([gain["p"] for gain in gains])
    for gain, p_holm in zip(gains, corrected, strict=True):
        gain["p_holm"] = p_holm


def within_group(split: Split, predicted_mos: np.ndarray) -> dict[str, float]:
    """How well the versions of one pair are ranked, which fusion needs.

    Args:
        split: The part that was scored.
        predicted_mos: Shape `[n]`.

    Returns:
        `srcc`: mean over the pairs where it is defined; `top1`: share of
        pairs whose predicted best image has the best MOS (of several with
        the best MOS any is right, of several predicted best each counts its
        share); `pairwise`: share of ordered image pairs, equal MOS left out,
        in the right order (ties in the prediction count half).
    """
    ranks, hits = [], []
    right = count = 0.0
    for group in np.unique(split.pair_id):
        rows = split.pair_id == group
        true, predicted = split.mos[rows], np.asarray(predicted_mos)[rows]
        ranks.append(statistics.srcc(true, predicted))
        hits.append(np.mean((true == true.max())[predicted == predicted.max()]))
        order = np.sign(true[:, None] - true[None])
        guess = np.sign(predicted[:, None] - predicted[None])
        right += np.sum((order > 0) * (1 + guess) / 2)
        count += np.sum(order > 0)
    defined = [value for value in ranks if np.isfinite(value)]
    return {
        "srcc": float(np.mean(defined)) if defined else float("nan"),
        "top1": float(np.mean(hits)),
        "pairwise": right / count if count else float("nan"),
    }


def difference(
    split: Split, first: np.ndarray, second: np.ndarray, seed: int = 0
) -> dict[str, dict[str, float]]:
    """SRCC of one method minus another's, by paired bootstrap.

    Resamples draw `Split.unit`.

    Args:
        split: The part that both scored.
        first: Predicted MOS of the one, `[n]`.
        second: Predicted MOS of the other, `[n]`.
        seed: Seed of the resamples.

    Returns:
        Over all images (`all`) and as the mean of the pairs
        (`within_group`): `difference` on the split, and the 95 % limits
        `low` and `high`, and the two-sided `p`.
    """
    names, group, sizes = np.unique(
        split.pair_id, return_inverse=True, return_counts=True
    )
    inside = np.array(
        [
            _srcc_gain(split.mos, first, second, split.pair_id == name)
            for name in names
        ]
    )
    # Every pair counts once, however many images it has.
    share = np.where(np.isfinite(inside), 1 / sizes, 0.0)[group]
    part = np.nan_to_num(inside)[group] * share

    def gains(rows: np.ndarray) -> list[float]:
        drawn = share[rows].sum()
        return [
            _srcc_gain(split.mos, first, second, rows),
            part[rows].sum() / drawn if drawn else np.nan,
        ]

    values = resample(split.unit, gains, seed)
    units = len(set(split.unit))
    measured = gains(np.arange(len(split.mos)))
    result = {}
    for index, name in enumerate(("all", "within_group")):
        low, high = limits(values[:, index])
        result[name] = {
            "difference": float(measured[index]),
            "low": low,
            "high": high,
            "p": significance.bootstrap_p(values[:, index], units),
        }
    return result


def _srcc_gain(
    true: np.ndarray, first: np.ndarray, second: np.ndarray, rows: np.ndarray
) -> float:
    """SRCC of the first minus that of the second over some rows."""
    return statistics.srcc(true[rows], first[rows]) - statistics.srcc(
        true[rows], second[rows]
    )


def _intervals(
    true: np.ndarray, predicted: np.ndarray, groups: np.ndarray, seed: int
) -> dict[str, dict[str, float]]:
    """Mean and limits of each figure over the resamples."""
    values = resample(
        groups,
        lambda rows: list(
            statistics.figures(true[rows], predicted[rows]).values()
        ),
        seed,
    )
    intervals = {}
    for index, name in enumerate(statistics.METRICS):
        low, high = limits(values[:, index])
        mean = float(np.mean(values[:, index]))
        intervals[name] = {"mean": mean, "low": low, "high": high}
    return intervals


def resample(
    groups: np.ndarray, statistic: Callable[[np.ndarray], Any], seed: int
) -> np.ndarray:
    """The statistic of the rows of each bootstrap resample of the groups.

    Args:
        groups: Group of each row. Text `[n]`.
        statistic: Takes numbers of rows `[m]`, those of a group that is drawn
            twice twice; gives one figure or several.
        seed: Seed of the resamples.

    Returns:
        Shape `[NUM_RESAMPLES]` or `[NUM_RESAMPLES, figures]`; NaN where
        there is one group only.
    """
    rng = np.random.default_rng(seed)
    all_rows = np.arange(len(groups))
    names = np.unique(groups)
    if len(names) < 2:
        # Every resample of one group is that group, which tells nothing.
        return np.full((NUM_RESAMPLES, *np.shape(statistic(all_rows))), np.nan)
    rows = [np.flatnonzero(groups == name) for name in names]
    draws = rng.integers(len(names), size=(NUM_RESAMPLES, len(names)))
    return np.array(
        [statistic(np.concatenate([rows[i] for i in draw])) for draw in draws]
    )


def limits(values: np.ndarray) -> tuple[float, float]:
    """Percentile limits; NaN where the figure is not defined.

    Args:
        values: Of the resamples. Shape `[NUM_RESAMPLES]`.

    Returns:
        Low and high of the 95 % interval.
    """
    if not np.isfinite(values).all():
        return float("nan"), float("nan")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
