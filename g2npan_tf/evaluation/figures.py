"""The figures of predictions: agreement, intervals, trivial baselines."""

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import conformal
from g2npan_tf.evaluation import results
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import ALGORITHM_MEAN
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import Split
from g2npan_tf.evaluation.statistics import METRICS
from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.evaluation.statistics import Interval
from g2npan_tf.scoring.assessor import is_outside

# The mean of fewer images says too little of an algorithm or a modality.
MIN_IMAGES = 3
# Knows the scores of the data set that is scored; see `left_out_means`.
HERE = f"{ALGORITHM_MEAN}_here"
# A yardstick beside the methods, no upper limit.
ONE_READER = "one reader"
MEANINGS = {
    "mean": "mean MOS of the training part",
    "modality_mean": "mean MOS of the image's modality in the training part, "
    "which has none of these algorithms",
    ALGORITHM_MEAN: "mean MOS of the image's algorithm and modality "
    "in the training part (of the algorithm, or of all, where it has fewer "
    f"than {MIN_IMAGES} such images)",
    "pair_mean": "mean MOS of the image's pair in the training part",
    HERE: "the same in the other groups of this very data set "
    "(leave-one-group-out): knows scores that the model never saw",
}


def split_of(
    rows: Mapping[str, np.ndarray], group_by: str = results.PAIR
) -> Split:
    """The columns of rows from `data.base.read` that figures are made from."""
    return Split(
        rows["pair_id"],
        rows["algorithm"],
        rows["modality"],
        rows["mos"],
        rows["case_id"],
        group_by,
    )


def judge(
    split: Split,
    predictions: Mapping[str, np.ndarray],
    name: str,
    fold: np.ndarray | None = None,
    grades: np.ndarray | None = None,
) -> results.Judged:
    """Figures of several methods, and how far one of them is above the rest.

    Args:
        split: The part that was scored.
        predictions: Predicted MOS `[n]` by method, that of `name` first.
        name: The method that is compared with the others.
        fold: Of each image, where folds are pooled. `[n]`.
        grades: Of single readers, see `single_reader`.
    """
    mean = predictions.get("mean")
    ranking = {k: x for k, x in predictions.items() if _ranks(x, mean)}
    case = split.case_id
    return results.Judged(
        images=len(split.mos),
        pairs=len(set(split.pair_id)),
        cases=None if case is None else len(set(case)),
        methods={
            key: assess(split, values, ranks=key in ranking)
            for key, values in predictions.items()
        },
        gains=_gains(
            split,
            predictions[name],
            {key: x for key, x in ranking.items() if key != name},
        ),
        by_modality=_by_modality(split, ranking),
        units=len(set(split.unit)),
        drawn=split.drawn,
        mean_of_folds=None
        if fold is None
        else fold_means(split, fold, predictions),
        readers={} if grades is None else single_reader(split, grades),
    )


def assess(
    split: Split, predicted_mos: np.ndarray, *, ranks: bool = True
) -> Agreement:
    """All figures of one method on one split; the RMSE is on [0, 1].

    Section: 4.1.2

    Args:
        split: The part that was scored.
        predicted_mos: Shape `[n]`, 1..5.
        ranks: Whether they order images; else all figures but the RMSE are
            those of their mean.
    """
    quality, predicted = _qualities(split.mos, predicted_mos)
    if not ranks:
        predicted_mos = np.full(len(quality), np.mean(predicted_mos))
    ranked = mos.to_quality(np.asarray(predicted_mos, np.float64))

    def figures(rows: Sequence[np.ndarray]) -> Figures:
        true, given = quality[rows[0]], predicted[rows[0]]
        found = statistics.figures(true, ranked[rows[0]])
        return found._replace(rmse=statistics.rmse(true, given))

    drawn = statistics.bootstrap([split.unit], figures)
    return Agreement(
        raw=Figures(*drawn.measured.tolist()),
        interval={name: drawn.interval(k) for k, name in enumerate(METRICS)},
        mapped=statistics.figures(
            quality, statistics.logistic_mapping(quality, ranked)
        ),
        rounded_krcc=statistics.krcc(split.mos, np.round(predicted_mos)),
        within_group=within_group(split, predicted_mos),
    )


def _qualities(
    true: np.ndarray, predicted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return (
        mos.to_quality(np.asarray(true, np.float64)),
        mos.to_quality(np.asarray(predicted, np.float64)),
    )


def _ranks(values: np.ndarray, mean: np.ndarray | None) -> bool:
    """Whether predictions order images at all.

    The mean MOS of the training part does not, even where the means of
    several pooled folds differ; nor does a baseline that has nothing but that
    mean to offer, as that of the algorithm where algorithms are left out.
    """
    is_mean = mean is not None and np.array_equal(values, mean)
    return bool(np.ptp(values) > 0) and not is_mean


def _by_modality(
    split: Split, predictions: Mapping[str, np.ndarray]
) -> dict[str, dict[str, results.OfImages]]:
    found: dict[str, dict[str, results.OfImages]] = {}
    for modality, rows in _modalities(split):
        found[modality] = {}
        for name, values in predictions.items():
            if np.ptp(values[rows]):
                judged = assess(split.at(rows), values[rows])
                found[modality][name] = results.OfImages(
                    judged.raw, judged.interval, int(rows.sum())
                )
    return found


def inside(rows: results.Predictions) -> dict[str, results.Inside]:
    """How many MOS are inside the model's intervals; empty if there are none.

    Of `all` images, and of each modality where there are several. The limits
    are by the bootstrap that all figures have. Pooled folds whose models give
    no interval have that which the other folds' test parts give.
    """
    split = rows.split
    is_own = rows.low is not None
    if rows.low is not None and rows.high is not None:
        low, high = rows.low, rows.high
    elif rows.fold is not None and len(np.unique(rows.fold)) > 1:
        residuals = rows.predicted - split.mos
        widths = conformal.of_other_folds(residuals, split.unit, rows.fold)
        low, high = conformal.limits(rows.predicted, widths)
    else:
        return {}
    is_held = (low <= split.mos) & (split.mos <= high)
    return {
        name: results.Inside(
            **vars(_share(is_held[chosen], split.at(chosen))),
            width=float(np.mean((high - low)[chosen])),
            is_own=is_own,
        )
        for name, chosen in _all_and_modalities(split)
    }


def outside(rows: results.Predictions) -> dict[str, results.Share]:
    """How many images are outside (`assessor.is_outside`), as `inside` does.

    Empty if the model gives no distances.
    """
    if rows.distance is None:
        return {}
    is_out = is_outside(rows.distance)
    return {
        name: _share(is_out[chosen], rows.split.at(chosen))
        for name, chosen in _all_and_modalities(rows.split)
    }


def _share(chosen: np.ndarray, split: Split) -> results.Share:
    """How many of the images of a split are chosen, bool `[n]`."""
    values = chosen.astype(np.float64)
    drawn = statistics.bootstrap(
        [split.unit], lambda parts: [values[parts[0]].mean()]
    )
    return results.Share(
        float(drawn.measured[0]), Interval(*drawn.limits(0)), len(values)
    )


def _all_and_modalities(split: Split) -> list[tuple[str, np.ndarray]]:
    return [("all", np.ones(len(split.mos), bool)), *_modalities(split)]


def _modalities(split: Split) -> list[tuple[str, np.ndarray]]:
    """Rows of each modality; none where there is one only."""
    names = np.unique(split.modality).tolist()
    if len(names) < 2:
        return []
    return [(name, split.modality == name) for name in names]


def within_group(
    split: Split, predicted_mos: np.ndarray
) -> results.WithinGroup:
    """How well the versions of one pair are ranked, which fusion needs.

    Returns:
        `srcc`: mean over the groups where it is defined; `top1`: share of
        groups whose predicted best image has the best MOS (of several with
        the best MOS any is right, of several predicted best each counts its
        share); `pairwise`: share of ordered image pairs, equal MOS left out,
        in the right order (ties in the prediction count half).
    """
    ranks, hits = [], []
    right = count = 0.0
    for group in np.unique(split.group):
        rows = split.group == group
        true, predicted = split.mos[rows], np.asarray(predicted_mos)[rows]
        ranks.append(statistics.srcc(true, predicted))
        hits.append(np.mean((true == true.max())[predicted == predicted.max()]))
        order = np.sign(true[:, None] - true[None])
        guess = np.sign(predicted[:, None] - predicted[None])
        right += np.sum((order > 0) * (1 + guess) / 2)
        count += np.sum(order > 0)
    return results.WithinGroup(
        srcc=_mean_of_defined(ranks),
        top1=float(np.mean(hits)),
        pairwise=right / count if count else math.nan,
    )


def _mean_of_defined(values: Sequence[float]) -> float:
    defined = [value for value in values if math.isfinite(value)]
    return float(np.mean(defined)) if defined else math.nan


def _gains(
    split: Split, own: np.ndarray, others: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Difference]]:
    """Differences from each other method, corrected for their number."""
    found = {
        key: difference(split, own, values) for key, values in others.items()
    }
    corrected = iter(
        statistics.corrected(
            [gain for scopes in found.values() for gain in scopes.values()]
        )
    )
    return {
        key: {scope: next(corrected) for scope in scopes}
        for key, scopes in found.items()
    }


def difference(
    split: Split, first: np.ndarray, second: np.ndarray
) -> dict[str, Difference]:
    """SRCC of one method's predictions `[n]` minus another's, paired.

    Returns:
        Over all images (`all`) and as the mean of the groups
        (`within_group`).
    """
    names, group, sizes = np.unique(
        split.group, return_inverse=True, return_counts=True
    )
    inside = np.array(
        [
            _srcc_gain(split.mos, first, second, split.group == name)
            for name in names
        ]
    )
    # Every group counts once, however many images it has.
    share = np.where(np.isfinite(inside), 1 / sizes, 0.0)[group]
    part = np.nan_to_num(inside)[group] * share

    def gains(parts: Sequence[np.ndarray]) -> list[float]:
        (rows,) = parts
        drawn = share[rows].sum()
        return [
            _srcc_gain(split.mos, first, second, rows),
            part[rows].sum() / drawn if drawn else math.nan,
        ]

    drawn = statistics.bootstrap([split.unit], gains)
    return {"all": drawn.difference(0), "within_group": drawn.difference(1)}


def _srcc_gain(
    true: np.ndarray, first: np.ndarray, second: np.ndarray, rows: np.ndarray
) -> float:
    return statistics.srcc(true[rows], first[rows]) - statistics.srcc(
        true[rows], second[rows]
    )


def fold_means(
    split: Split, fold: np.ndarray, predictions: Mapping[str, np.ndarray]
) -> results.FoldMeans:
    """SRCC within each fold, averaged, and how far the first method is above.

    Pooled, images of one fold are ranked against those of another, which was
    predicted by another fit: where algorithms or modalities are left out, the
    means of the training parts are high where the test part's scores are low,
    so that even a constant gets a pooled SRCC below 0.

    Args:
        split: The pooled folds.
        fold: Of each image. Text or numbers `[n]`.
        predictions: Predicted MOS `[n]` by method, the network's first.
    """
    methods, gains = _fold_means(split, fold, predictions)
    corrected = statistics.corrected(list(gains.values()))
    by_modality = {}
    for modality, rows in _modalities(split):
        its = {key: values[rows] for key, values in predictions.items()}
        by_modality[modality], _ = _fold_means(split.at(rows), fold[rows], its)
    return results.FoldMeans(
        methods, dict(zip(gains, corrected, strict=True)), by_modality
    )


def _fold_means(
    split: Split, fold: np.ndarray, predictions: Mapping[str, np.ndarray]
) -> tuple[dict[str, results.FoldMean], dict[str, Difference]]:
    parts = [np.flatnonzero(fold == name) for name in np.unique(fold)]
    names = [
        name
        for name, values in predictions.items()
        if any(np.ptp(values[part]) > 0 for part in parts)
    ]

    def means(rows: Sequence[np.ndarray]) -> list[float]:
        drawn = [part[r] for part, r in zip(parts, rows, strict=True)]
        srcc = [
            # A draw may miss a fold.
            _mean_of_defined(
                [
                    statistics.srcc(split.mos[r], predictions[name][r])
                    for r in drawn
                ]
            )
            for name in names
        ]
        return [*srcc, *(srcc[0] - other for other in srcc[1:])]

    drawn = statistics.bootstrap([split.unit[part] for part in parts], means)
    methods = {
        name: results.FoldMean(float(drawn.measured[k]), *drawn.limits(k))
        for k, name in enumerate(names)
    }
    if names[:1] != [next(iter(predictions))]:
        return methods, {}
    return methods, {
        name: drawn.difference(len(names) + k)
        for k, name in enumerate(names[1:])
    }


@dataclasses.dataclass(frozen=True)
class Part:
    """Predictions that are judged together: the pooled folds of one seed.

    Attributes:
        seed: Of the training; empty where nothing is drawn.
        draw: Of the cases, where draws have images in common and are not
            pooled; else empty.
        images: Split, predictions and trivial baselines.
    """

    seed: str
    draw: str
    images: results.Predictions


@dataclasses.dataclass(frozen=True)
class OfParts(results.OfImages):
    """Mean figures of parts; the images, pairs and units are of all."""

    pairs: int
    units: int
    rounded_krcc: float


def judge_parts(parts: Sequence[Part]) -> OfParts:
    """The figures of one row of a table.

    Choice: with several seeds or draws, a part each, a figure is the mean of
    theirs, and an interval is of that mean, over resamples of the units.
    """
    scores = [_qualities(p.images.split.mos, p.images.predicted) for p in parts]

    def means(rows: Sequence[np.ndarray]) -> list[float]:
        each = [
            statistics.figures(true[r], predicted[r])
            for (true, predicted), r in zip(scores, rows, strict=True)
        ]
        return np.mean(each, axis=0).tolist()

    splits = [part.images.split for part in parts]
    drawn = statistics.bootstrap([split.unit for split in splits], means)
    rounded = [
        statistics.krcc(p.images.split.mos, np.round(p.images.predicted))
        for p in parts
    ]
    return OfParts(
        raw=Figures(*drawn.measured.tolist()),
        interval={
            name: Interval(*drawn.limits(k)) for k, name in enumerate(METRICS)
        },
        images=_count([part.images.image for part in parts]),
        pairs=_count([split.pair_id for split in splits]),
        units=drawn.units,
        rounded_krcc=float(np.mean(rounded)),
    )


def gain(first: Sequence[Part], second: Sequence[Part]) -> Difference:
    """SRCC of one row minus another's, by paired bootstrap of the units.

    Parts of the same draw and seed are compared, on the images that both
    scored. A row without seeds is compared with each seed.

    Raises:
        InputError: If the two have no image in common, or not the same
            scores of one.
    """
    common = [
        _common(a.images, b.images)
        for a in first
        for b in second
        if a.draw == b.draw and (a.seed == b.seed or "" in (a.seed, b.seed))
    ]
    if not common:
        raise InputError("two rows have no seed or draw in common")

    def mean(rows: Sequence[np.ndarray]) -> list[float]:
        gains = [
            _srcc_gain(a.split.mos, a.predicted, b.predicted, r)
            for (a, b), r in zip(common, rows, strict=True)
        ]
        return [float(np.mean(gains))]

    drawn = statistics.bootstrap([a.split.unit for a, _ in common], mean)
    return drawn.difference(0, _count([a.image for a, _ in common]))


def trivial_parts(parts: Sequence[Part], name: str) -> list[Part]:
    """The same parts as a trivial baseline predicts them, which has no seed."""
    draws = {part.draw: part.images for part in reversed(parts)}
    return [
        Part("", draw, dataclasses.replace(rows, predicted=rows.trivial[name]))
        for draw, rows in reversed(draws.items())
    ]


def _common(
    first: results.Predictions, second: results.Predictions
) -> tuple[results.Predictions, results.Predictions]:
    """Both with the images that both have, in one order."""
    names, *rows = np.intersect1d(
        first.image, second.image, return_indices=True
    )
    one, two = first.at(rows[0]), second.at(rows[1])
    if not len(names) or not np.array_equal(one.split.mos, two.split.mos):
        raise InputError(
            "two rows of the table were measured on other images or scores; "
            "expected one data set"
        )
    return one, two


def _count(names: Sequence[np.ndarray]) -> int:
    return len(set(np.concatenate(names)))


def single_reader(split: Split, grades: np.ndarray) -> dict[str, Agreement]:
    """Figures of a single reader, the mean over all readers.

    Choice: the mean of the others takes the place of the MOS, which holds the
    reader's own grade; on the very images that the network scored.

    Args:
        split: The part that was scored; its MOS is not used.
        grades: Readers' grades, MOS scale 1..5. Shape `[n, readers]`, NaN
            where not graded.

    Returns:
        By `ONE_READER`, with the interval of the SRCC only and NaN for what
        makes no sense of a reader. Empty where fewer than two readers have
        three images in common with others.
    """
    readers = [
        found
        for reader in range(grades.shape[1])
        if len((found := statistics.with_others(grades, reader))[0])
        >= MIN_IMAGES
    ]
    if len(readers) < 2 or any(np.ptp(own) == 0 for _, _, own in readers):
        return {}

    def mean_srcc(rows: Sequence[np.ndarray]) -> list[float]:
        values = [
            statistics.srcc(others[r], own[r])
            for (_, others, own), r in zip(readers, rows[1:], strict=True)
        ]
        return [float(np.mean(values))]

    raw = [
        statistics.figures(*_qualities(others, own))
        for _, others, own in readers
    ]
    inside = [
        within_group(dataclasses.replace(split.at(places), mos=others), own)
        for places, others, own in readers
    ]
    # The draws are the network's, so also of units that no reader graded.
    drawn = statistics.bootstrap(
        [split.unit, *(split.unit[places] for places, _, _ in readers)],
        mean_srcc,
    )
    means = np.mean([dataclasses.astuple(one) for one in inside], axis=0)
    within = results.WithinGroup(*means.tolist())
    if not np.isfinite(grades).all():
        # Among fewer images of a group the best is found more easily.
        within = dataclasses.replace(within, top1=math.nan)
    return {
        ONE_READER: Agreement(
            raw=Figures(*np.mean(raw, axis=0).tolist()),
            interval={"srcc": drawn.interval(0)},
            mapped=Figures(*[math.nan] * len(METRICS)),
            rounded_krcc=math.nan,
            within_group=within,
            readers=len(readers),
        )
    }


def trivial_baselines(train: Split, test: Split) -> dict[str, np.ndarray]:
    """Predicted MOS `[n]` of the test part that need no image.

    Returns:
        `mean`; `ALGORITHM_MEAN` (from `algorithm_means`), or `modality_mean`
        where training has none of the test part's algorithms; and, where it
        has images of the test part's pairs, `pair_mean` (the mean of all for
        a pair that is not there). See `MEANINGS`.
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
    pairs = zip(wanted, rest, strict=True)
    return np.array([means.get(name, other) for name, other in pairs])


def external_baselines(
    known: Split | None, scored: Split, is_test: bool
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Trivial predictions for a part of any data set.

    Choice: the training part of the model's own data set says what it knows,
    where the scored one has one of its algorithms at least. Beside it stands
    what the scores of the scored one say of each other, since a weak figure
    there means that it is hard and not that the model is bad.

    Args:
        known: The training part (with what chose the epoch); None if it is
            not here.
        scored: What is scored.
        is_test: Whether that is the test part of the run's own protocol,
            which has `trivial_baselines` only.

    Returns:
        Predicted MOS `[n]` by name, and lines on what was left out.
    """
    values = {} if known is None else trivial_baselines(known, scored)
    notes: list[str] = []
    if is_test:
        return values, notes
    if known is None:
        notes.append("baselines: none of training, whose data set is not here")
    elif ALGORITHM_MEAN not in values:
        notes.append(
            f"baselines: no {ALGORITHM_MEAN}, since training had "
            "none of these algorithms"
        )
    if len(np.unique(scored.group)) > 1:
        values[HERE] = left_out_means(scored)
    else:
        notes.append(
            f"groups: one {scored.group_by} only, so that there are no "
            f"intervals, no p-values and no {HERE}"
        )
    return values, notes


def left_out_means(split: Split) -> np.ndarray:
    """`algorithm_means` of each group in the other groups, two at least.

    Returns:
        `[n]`, 1..5. No image of its own group counts.
    """
    means = np.zeros(len(split.mos))
    for group in np.unique(split.group):
        inside = split.group == group
        means[inside] = algorithm_means(split.at(~inside), split.at(inside))
    return means
