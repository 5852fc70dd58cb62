"""Figures of the panel against published or hand-worked values."""

import numpy as np
import pytest
from scipy import stats

from benchmarks import panel_figures
from datasets.fusion import ALGORITHMS
from datasets.panel import readers
from datasets.phantom import phantom_pair


def test_reader_agreement_is_the_rank_correlation_of_scipy():
    grades = np.random.default_rng(0).integers(1, 6, (50, 4))
    np.testing.assert_allclose(
        panel_figures.reader_agreement(grades),
        stats.spearmanr(grades).statistic,
        atol=1e-12,
    )


def test_variance_shares_of_additive_effects():
    pairs, algorithms = np.array([[0.0], [2.0]]), np.array([[0.0, 4.0]])
    shares = panel_figures.variance_shares(pairs + algorithms)
    assert shares == pytest.approx((0.8, 0.2))


def test_intervals_hold_the_mean_and_widen_with_the_cases_spread():
    rng = np.random.default_rng(0)
    mos = rng.normal(3, 0.5, (60, 2))
    cases = np.repeat(np.arange(12), 5)
    low, high = panel_figures.mean_intervals(mos, cases)
    assert (low < mos.mean(axis=0)).all()
    assert (mos.mean(axis=0) < high).all()
    spread = mos + 2 * np.sin(cases)[:, np.newaxis]
    low_spread, high_spread = panel_figures.mean_intervals(spread, cases)
    assert (high_spread - low_spread > 2 * (high - low)).all()


def test_grades_are_those_that_the_data_base_stores():
    pair = phantom_pair(0, size=64)
    grades, speed = panel_figures.grade_all([pair])
    assert grades.shape == (1, len(ALGORITHMS), readers.NUM_READERS)
    assert speed > 0
    fused = panel_figures.fuse(pair.source_a, pair.source_b, "pca")
    np.testing.assert_array_equal(
        grades[0, list(ALGORITHMS).index("pca")],
        readers.grade(
            pair.source_a, pair.source_b, fused, f"{pair.pair_id}/pca"
        ),
    )


def test_damage_and_sources_lower_the_scores_of_a_phantom():
    pairs = [phantom_pair(case) for case in range(3)]
    curve = panel_figures.judge_distortion("blur", pairs)
    assert (np.diff(curve[:, 1]) < 0).all()
    fusion, source_a, source_b = panel_figures.judge_sources(pairs)
    assert fusion > max(source_a, source_b)
