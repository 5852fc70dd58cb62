"""Figures against scipy, numpy and hand-made cases."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.evaluation import statistics

RNG = np.random.default_rng(0)
TRUE = RNG.random(60)
NOISY = TRUE + 0.3 * RNG.random(60)
TIED = np.round(TRUE * 4)


def tau_b_by_counting(x, y):
    pairs = list(itertools.combinations(range(len(x)), 2))
    signs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in pairs]
    total = sum(a * b for a, b in signs)
    n_x = sum(a != 0 for a, _ in signs)
    n_y = sum(b != 0 for _, b in signs)
    return total / math.sqrt(n_x * n_y)


@pytest.mark.parametrize("true", [TRUE, TIED])
def test_plcc_is_numpy_s(true):
    expected = np.corrcoef(true, NOISY)[0, 1]
    assert statistics.plcc(true, NOISY) == pytest.approx(expected)


@pytest.mark.parametrize("true", [TRUE, TIED])
def test_srcc_is_the_plcc_of_mean_ranks(true):
    ranks = [stats.rankdata(x) for x in (true, NOISY)]
    expected = np.corrcoef(*ranks)[0, 1]
    assert statistics.srcc(true, NOISY) == pytest.approx(expected)


@pytest.mark.parametrize("true", [TRUE, TIED])
def test_krcc_is_tau_b_with_ties(true):
    expected = tau_b_by_counting(true, NOISY)
    assert statistics.krcc(true, NOISY) == pytest.approx(expected)


def test_rmse_by_hand():
    assert statistics.rmse([0.0, 0.0], [0.3, 0.4]) == pytest.approx(
        math.sqrt(0.125)
    )


def test_rmse_of_equal_scores_is_exactly_zero():
    assert statistics.rmse(TRUE, TRUE) == 0.0


def test_two_points_are_perfectly_ranked_or_reversed():
    assert statistics.srcc([1.0, 2.0], [5.0, 9.0]) == pytest.approx(1)
    assert statistics.krcc([1.0, 2.0], [9.0, 5.0]) == pytest.approx(-1)


@pytest.mark.parametrize("name", ["plcc", "srcc", "krcc"])
@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]),
        ([1.0, 2.0], [3.0, 3.0]),
        ([1.0], [1.0]),
    ],
)
def test_correlation_with_a_constant_is_not_defined(name, true, predicted):
    assert math.isnan(getattr(statistics, name)(true, predicted))


def test_ranks_ignore_monotone_maps_and_plcc_does_not():
    assert statistics.srcc(TRUE, np.exp(5 * TRUE)) == pytest.approx(1)
    assert statistics.plcc(TRUE, np.exp(5 * TRUE)) < 0.95


@pytest.mark.parametrize(
    ("true", "predicted"),
    [([1.0, 2.0], [1.0]), ([[1.0]], [[1.0]]), ([1.0, np.nan], [1.0, 2.0])],
)
def test_bad_scores_are_refused(true, predicted):
    with pytest.raises(ValueError, match="Received"):
        statistics.figures(np.array(true), np.array(predicted))


def test_logistic_mapping_recovers_a_logistic():
    x = np.linspace(-3, 3, 40)
    y = 0.8 / (1 + np.exp(-(x - 0.4) / 0.5)) + 0.1
    np.testing.assert_allclose(statistics.logistic_mapping(y, x), y, atol=1e-4)


def test_logistic_mapping_is_never_worse_than_a_line():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.random(20), rng.random(20)
        line = np.polyval(np.polyfit(x, y, 1), x)
        mapped = statistics.logistic_mapping(y, x)
        assert statistics.rmse(y, mapped) <= statistics.rmse(y, line) + 1e-9


def test_logistic_mapping_leaves_constants_alone():
    x = np.full(8, 0.5)
    np.testing.assert_array_equal(
        statistics.logistic_mapping(np.arange(8.0), x), x
    )


def test_fitted_logistic_is_the_mapping_on_other_predictions():
    x = np.linspace(-3, 3, 40)
    y = 4 / (1 + np.exp(-(x - 0.4) / 0.5)) + 1
    mapping = statistics.fit_logistic(y[::2], x[::2])
    np.testing.assert_allclose(mapping(x[1::2]), y[1::2], atol=1e-3)
    noisy = y + np.random.default_rng(0).normal(0, 0.5, 40)
    np.testing.assert_array_equal(
        statistics.fit_logistic(noisy, x)(x),
        statistics.logistic_mapping(noisy, x),
    )


def test_fitted_logistic_falls_where_the_scores_do():
    x = np.linspace(-3, 3, 40)
    mapped = statistics.fit_logistic(-np.tanh(x), x)(np.array([-1.0, 1.0]))
    assert mapped[0] > 0.5
    assert mapped[1] < -0.5


def test_fitted_logistic_of_little_is_a_line_or_the_mean():
    line = statistics.fit_logistic(np.array([1.0, 3.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(line(np.array([2.0])), [5.0])
    mean = statistics.fit_logistic(np.arange(5.0), np.full(5, 0.3))
    np.testing.assert_array_equal(mean(np.array([0.1, 9.0])), [2.0, 2.0])


def test_constant_scores_are_mapped_to_themselves():
    fit = statistics.fit_logistic(np.full(6, 2.0), np.arange(6.0))
    assert fit(np.array([0.0, 9.0])).tolist() == [2.0, 2.0]
