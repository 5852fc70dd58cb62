"""Figures of the simulated panel: agreement, shares, intervals, damage."""

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.distortions import ALGORITHM
from benchmarks.distortions import DISTORTIONS
from datasets.fusion import ALGORITHMS
from datasets.fusion import fuse
from datasets.groups import SourcePair
from datasets.panel import readers
from g2npan_tf.evaluation.statistics import srcc


def grade_all(pairs: Sequence[SourcePair]) -> tuple[np.ndarray, float]:
    """Fuses and grades all pairs.

    Args:
        pairs: The sources.

    Returns:
        Grades, int32 `[pairs, algorithms, readers]`, range 1..5; grading
        alone, images per second of processor time.
    """
    seconds, grades = 0.0, []
    for pair in pairs:
        for name in ALGORITHMS:
            fused = fuse(pair.source_a, pair.source_b, name)
            start = time.process_time()
            key = f"{pair.pair_id}/{name}"
            grades.append(
                readers.grade(pair.source_a, pair.source_b, fused, key)
            )
            seconds += time.process_time() - start
    shape = (len(pairs), len(ALGORITHMS), readers.NUM_READERS)
    return np.array(grades).reshape(shape), len(grades) / seconds


def reader_agreement(grades: np.ndarray) -> np.ndarray:
    """SRCC of each reader with each other.

    Args:
        grades: int `[images, readers]`, range 1..5.

    Returns:
        Symmetric, ones on the diagonal. float64 `[readers, readers]`.
    """
    columns = grades.T
    return np.array(
        [[srcc(one, other) for other in columns] for one in columns]
    )


def variance_shares(mos: np.ndarray) -> tuple[float, float]:
    """Shares of the MOS variance that algorithm and pair explain.

    Args:
        mos: `[pairs, algorithms]`.

    Returns:
        Share of the algorithms' and of the pairs' means, each 0..1; the rest
        to 1 is what an algorithm does to this pair in particular.
    """
    total = mos.var()
    return (
        float(mos.mean(axis=0).var() / total),
        float(mos.mean(axis=1).var() / total),
    )


def mean_intervals(mos: np.ndarray, cases: Sequence[str]) -> np.ndarray:
    """95 % interval of each algorithm's mean MOS by bootstrap over cases.

    Args:
        mos: `[pairs, algorithms]`.
        cases: Case of each pair; slices of a case are no independent draws.

    Returns:
        Lower and upper ends. float64 `[2, algorithms]`.
    """
    names, index = np.unique(cases, return_inverse=True)
    sums = np.array([mos[index == i].sum(axis=0) for i in range(len(names))])
    counts = np.bincount(index)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(names), (1000, len(names)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)[:, np.newaxis]
    return np.percentile(means, [2.5, 97.5], axis=0)


def judge_distortion(name: str, pairs: Sequence[SourcePair]) -> np.ndarray:
    """Mean graded MOS and mean noise-free score for each level of damage.

    Args:
        name: One of `DISTORTIONS`.
        pairs: The sources.

    Returns:
        float64 `[levels, 2]`, range 1..5.
    """
    damage, levels = DISTORTIONS[name]
    rows = []
    for level in levels:
        judged = []
        for pair in pairs:
            sources = (pair.source_a, pair.source_b)
            images = (*sources, damage(*sources, level))
            grades = readers.grade(*images, f"{pair.pair_id}/{name}/{level}")
            judged.append((readers.mos(grades), readers.score(*images)))
        rows.append(np.mean(judged, axis=0))
    return np.array(rows)


def judge_sources(pairs: Sequence[SourcePair]) -> np.ndarray:
    """Mean noise-free scores of a good fusion and of either source alone.

    Args:
        pairs: The sources.

    Returns:
        Laplacian fusion, `source_a`, `source_b`. float64 `[3]`, range 1..5.
    """
    scores = []
    for pair in pairs:
        sources = (pair.source_a, pair.source_b)
        images = (fuse(*sources, ALGORITHM), *sources)
        scores.append([readers.score(*sources, image) for image in images])
    return np.mean(scores, axis=0)
