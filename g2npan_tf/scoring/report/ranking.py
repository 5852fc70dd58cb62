"""Figures of a group of scores: what stands out, which algorithm leads."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

# Iglewicz and Hoaglin (1993), "How to detect and handle outliers", sec. 3.3.
OUTLIER_LIMIT = 3.5
# Below this many scores a spread means nothing.
MIN_SCORES = 5
NUM_DRAWS = 2000
_MAD_TO_SIGMA = 0.6745
_MEAN_DEVIATION_TO_SIGMA = 1.253314


@dataclasses.dataclass(frozen=True)
class Rank:
    """How one algorithm does on `count` images.

    Attributes:
        mean: Mean MOS.
        low: Lower end of the 95 % interval of the mean; None below 2 images.
        high: Upper end.
        mean_place: Among the algorithms of a source pair, 1 is best; None
            where no pair has images of all algorithms.
    """

    algorithm: str
    count: int
    mean: float
    low: float | None
    high: float | None
    mean_place: float | None


def deviations(
    scores: Sequence[float], algorithms: Sequence[str]
) -> list[float | None]:
    """How far each score lies from those of its like.

    The modified z-score of Iglewicz and Hoaglin: 0.6745 (x - median) / MAD.
    If more than half of the scores are equal, the mean absolute deviation
    stands in for the MAD, as they propose.

    Choice: an image is compared with those of the same algorithm if there are
        at least five, else with all: an algorithm that is bad throughout
        stands in the ranking and would hide its single failures.

    Algorithms that are not known are all the same; where fewer than five are
    compared it is None.
    """
    values = np.asarray(scores, float)
    members = defaultdict(list)
    for index, algorithm in enumerate(algorithms):
        members[algorithm].append(index)
    result: list[float | None] = [None] * len(values)
    if len(values) < MIN_SCORES:
        return result
    for indices in members.values():
        enough = len(indices) >= MIN_SCORES
        like = values[indices] if enough else values
        centre, spread = _centre_and_spread(like)
        for index in indices:
            away = float(values[index]) - centre
            result[index] = away / spread if spread else 0.0
    return result


def is_outlier(deviation: float | None) -> bool:
    """Whether a deviation is beyond the limit, upwards or downwards."""
    return deviation is not None and abs(deviation) > OUTLIER_LIMIT


def ranking(
    scores: Mapping[str, Mapping[str, Sequence[float]]],
) -> list[Rank]:
    """Ranks algorithms by the mean MOS of their images, the best first.

    The interval is the percentile bootstrap over an algorithm's images
    (2,000 draws): how the mean would vary with other images. It does not hold
    the error of the model. Several images of one algorithm and source pair
    are possible: frames, or unknown pairs under one name.
    """
    places = mean_places(scores)
    ranks = []
    for algorithm, pairs in scores.items():
        values = np.concatenate([np.asarray(v, float) for v in pairs.values()])
        mean, place = float(values.mean()), places.get(algorithm)
        low, high = _interval(values, np.random.default_rng(0))
        ranks.append(Rank(algorithm, len(values), mean, low, high, place))
    return sorted(ranks, key=lambda rank: (-rank.mean, rank.algorithm))


def _centre_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Median, and what stands for the standard deviation around it."""
    centre = float(np.median(values))
    away = np.abs(values - centre)
    spread = float(np.median(away)) / _MAD_TO_SIGMA
    return centre, spread or _MEAN_DEVIATION_TO_SIGMA * float(away.mean())


def _interval(
    values: np.ndarray, generator: np.random.Generator
) -> tuple[float | None, float | None]:
    """95 % interval of a mean."""
    if len(values) < 2:
        return None, None
    # One draw at a time: thousands of images times thousands of draws do not
    # fit into memory.
    means = [
        generator.choice(values, len(values)).mean() for _ in range(NUM_DRAWS)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def mean_places(
    scores: Mapping[str, Mapping[str, Sequence[float]]],
) -> dict[str, float]:
    """Mean place of each algorithm in the pairs that all of them fused."""
    shared = set.intersection(*(set(pairs) for pairs in scores.values()))
    if not shared or len(scores) < 2:
        return {}
    order = sorted(shared)
    rows = [[np.mean(pairs[x]) for x in order] for pairs in scores.values()]
    table = np.array(rows)
    # Those that are better count whole, equal ones half, oneself not.
    better = (table[None] > table[:, None]).sum(1)
    equal = (table[None] == table[:, None]).sum(1) - 1
    places = (1 + better + equal / 2).mean(-1)
    return dict(zip(scores, map(float, places), strict=True))
