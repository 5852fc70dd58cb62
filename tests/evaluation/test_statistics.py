"""Figures and their certainty against scipy, numpy and hand-made cases."""

import doctest
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
def test_correlations_are_those_of_their_definitions(true):
    expected = np.corrcoef(true, NOISY)[0, 1]
    assert statistics.plcc(true, NOISY) == pytest.approx(expected)
    # That of mean ranks, and tau-b with ties.
    expected = np.corrcoef(*map(stats.rankdata, (true, NOISY)))[0, 1]
    assert statistics.srcc(true, NOISY) == pytest.approx(expected)
    expected = tau_b_by_counting(true, NOISY)
    assert statistics.krcc(true, NOISY) == pytest.approx(expected)


def test_rmse_by_hand():
    found = statistics.rmse([0.0, 0.0], [0.3, 0.4])
    assert found == pytest.approx(math.sqrt(0.125))


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


X = np.linspace(-3, 3, 40)


def test_logistic_mapping_recovers_a_logistic():
    y = 0.8 / (1 + np.exp(-(X - 0.4) / 0.5)) + 0.1
    np.testing.assert_allclose(statistics.logistic_mapping(y, X), y, atol=1e-4)


def test_logistic_mapping_is_never_worse_than_a_line():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.random(20), rng.random(20)
        line = np.polyval(np.polyfit(x, y, 1), x)
        mapped = statistics.logistic_mapping(y, x)
        assert statistics.rmse(y, mapped) <= statistics.rmse(y, line) + 1e-9


def test_logistic_mapping_leaves_constants_alone():
    mapped = statistics.logistic_mapping(np.arange(8.0), np.full(8, 0.5))
    assert mapped.tolist() == [0.5] * 8


def test_fitted_logistic_is_the_mapping_on_other_predictions():
    y = 4 / (1 + np.exp(-(X - 0.4) / 0.5)) + 1
    mapping = statistics.fit_logistic(y[::2], X[::2])
    np.testing.assert_allclose(mapping(X[1::2]), y[1::2], atol=1e-3)
    noisy = y + np.random.default_rng(0).normal(0, 0.5, 40)
    mapped = statistics.logistic_mapping(noisy, X)
    fitted = statistics.fit_logistic(noisy, X)(X)
    np.testing.assert_array_equal(fitted, mapped)


def test_fitted_logistic_falls_where_the_scores_do():
    mapped = statistics.fit_logistic(-np.tanh(X), X)(np.array([-1.0, 1.0]))
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


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("values", "units", "p"),
    [
        # One of nine is not above 0: 2 (1 + 1) / (1 + 9).
        ([0.3, 0.1, -0.1, 0.2, 0.4, 0.2, 0.1, 0.5, 0.3], 20, 0.4),
        # A resample without difference speaks for neither side.
        ([0.0] * 99, 20, 1.0),
        ([0.0] + [1.0] * 98, 20, 0.04),
        # The floor, and that of few units, which cannot be surprising.
        ([1.0] * 1000, 20, 2 / 1001),
        ([1.0] * 1000, 3, 0.25),
        ([1.0] * 1000, 2, 0.5),
    ],
)
def test_p_by_hand(values, units, p, sign):
    found = statistics.bootstrap_p(sign * np.array(values), units)
    assert found == pytest.approx(p)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("count", "p_is_below", "excludes_zero"),
    [
        (0, True, True),
        (24, True, True),
        (25, False, True),
        (26, False, False),
        (500, False, False),
    ],
)
def test_p_and_interval_part_at_25_resamples_only(
    count, p_is_below, excludes_zero, sign
):
    values = sign * np.repeat([-1.0, 1.0], [count, 1000 - count])
    low, high = statistics.limits(values)
    p = statistics.bootstrap_p(values, 20)
    assert (p < 0.05) == p_is_below
    assert (low > 0 or high < 0) == excludes_zero


def test_at_25_resamples_the_interval_may_still_hold_zero():
    values = np.repeat([-100.0, 1.0], [25, 975])
    assert statistics.limits(values)[0] < 0
    assert statistics.bootstrap_p(values, 20) == pytest.approx(52 / 1001)


def test_an_undefined_resample_makes_p_undefined():
    assert math.isnan(statistics.bootstrap_p(np.array([0.1, np.nan]), 20))


def test_holm_stops_at_one_and_keeps_ties_equal():
    corrected = statistics.holm([0.5, 0.9, 0.2, 0.2])
    np.testing.assert_allclose(corrected, [1.0, 1.0, 0.8, 0.8])
    assert statistics.holm([]) == []


def closed_test(p_values):
    """Holm by its definition: closed testing with Bonferroni's global test.

    A hypothesis is rejected at a level if every set of hypotheses that holds
    it is rejected, so its p-value is the largest of those sets.
    """
    everything = range(len(p_values))
    sets = [
        members
        for size in range(1, len(p_values) + 1)
        for members in itertools.combinations(everything, size)
    ]
    return [
        max(
            min(1.0, len(members) * min(p_values[j] for j in members))
            for members in sets
            if i in members
        )
        for i in everything
    ]


@pytest.mark.parametrize("seed", range(20))
def test_holm_is_the_closed_test_of_bonferroni(seed):
    rng = np.random.default_rng(seed)
    p_values = np.round(rng.uniform(0, 0.4, rng.integers(1, 8)), 2).tolist()
    np.testing.assert_allclose(
        statistics.holm(p_values), closed_test(p_values), rtol=1e-12
    )


def test_an_undefined_comparison_counts_and_stays_undefined():
    corrected = statistics.holm([0.01, float("nan"), 0.02])
    assert corrected[0] == pytest.approx(0.03)
    assert math.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.04)


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(statistics).failed == 0


def test_resamples_are_of_whole_units_in_all_parts_and_seeded():
    parts = [np.array(["x", "x", "y"]), np.array(["y", "y", "x"])]
    drawn, again = (
        statistics.bootstrap(parts, lambda rows: [len(r) for r in rows])
        for _ in range(2)
    )
    assert drawn.measured.tolist() == [3, 3]
    assert drawn.units == 2
    # x twice, each once, or y twice.
    assert set(map(tuple, drawn.resampled)) == {(4, 2), (3, 3), (2, 4)}
    np.testing.assert_array_equal(drawn.resampled, again.resampled)


def test_rows_are_numbered_within_their_part():
    parts = [np.array(["x", "y"]), np.array(["y", "x", "z"])]
    values = [np.array([1.0, 2.0]), np.array([20.0, 10.0, 30.0])]
    drawn = statistics.bootstrap(
        parts,
        lambda rows: [v[r].sum() for v, r in zip(values, rows, strict=True)],
    )
    assert drawn.measured.tolist() == [3.0, 60.0]
    # Of each unit both parts hold: z is in the second only.
    assert all((b - 10 * a) % 30 == 0 for a, b in drawn.resampled)


def test_one_unit_has_no_interval_and_no_p():
    drawn = statistics.bootstrap([np.array(["x"] * 4)], lambda rows: [0.5])
    assert np.isnan(drawn.limits(0)).all()
    assert math.isnan(drawn.interval(0).mean)
    difference = drawn.difference(0)
    assert difference.difference == 0.5
    assert math.isnan(difference.p)


def test_differences_of_a_table_are_corrected_together():
    three = [
        statistics.Difference(0.1, 0.0, 0.2, p) for p in (0.01, 0.04, None)
    ]
    corrected = [one.p_holm for one in statistics.corrected(three)]
    np.testing.assert_allclose(corrected, [0.03, 0.08, np.nan])
