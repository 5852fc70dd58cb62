"""p-values and Holm's correction against cases worked by hand."""

import doctest
import itertools
import math

import numpy as np
import pytest

from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import significance


def test_p_counts_the_resamples_on_the_other_side_of_zero():
    values = np.array([0.3, 0.1, -0.1, 0.2, 0.4, 0.2, 0.1, 0.5, 0.3])
    # One of nine is not above 0: 2 (1 + 1) / (1 + 9).
    assert significance.bootstrap_p(values, 20) == pytest.approx(0.4)
    assert significance.bootstrap_p(-values, 20) == pytest.approx(0.4)


def test_a_resample_without_difference_speaks_for_neither_side():
    assert significance.bootstrap_p(np.zeros(99), 20) == 1.0
    values = np.array([0.0] + [1.0] * 98)
    assert significance.bootstrap_p(values, 20) == pytest.approx(0.04)


def test_p_has_its_floor_and_is_never_zero():
    assert significance.bootstrap_p(np.ones(1000), 20) == pytest.approx(
        2 / 1001
    )


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
    low, high = figures.limits(values)
    p = significance.bootstrap_p(values, 20)
    assert (p < 0.05) == p_is_below
    assert (low > 0 or high < 0) == excludes_zero


def test_at_25_resamples_the_interval_may_still_hold_zero():
    values = np.repeat([-100.0, 1.0], [25, 975])
    assert figures.limits(values)[0] < 0
    assert significance.bootstrap_p(values, 20) == pytest.approx(52 / 1001)


def test_p_below_five_percent_means_an_interval_without_zero():
    rng = np.random.default_rng(0)
    verdicts = []
    for centre in np.linspace(1.5, 2.5, 41):
        values = rng.normal(centre, 1, 1000)
        excludes_zero = figures.limits(values)[0] > 0
        is_below = significance.bootstrap_p(values, 20) < 0.05
        at_edge = np.sum(values <= 0) == 25
        assert is_below <= excludes_zero
        assert is_below == excludes_zero or at_edge
        verdicts.append(is_below)
    assert set(verdicts) == {True, False}


def test_an_undefined_resample_makes_p_undefined():
    assert math.isnan(significance.bootstrap_p(np.array([0.1, np.nan]), 20))


def test_holm_by_hand():
    # Sorted: .005 * 4, .01 * 3, .03 * 2, and .04 * 1 < .06 keeps .06.
    corrected = significance.holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(corrected, [0.03, 0.06, 0.06, 0.02])


def test_holm_stops_at_one_and_keeps_ties_equal():
    corrected = significance.holm([0.5, 0.9, 0.2, 0.2])
    np.testing.assert_allclose(corrected, [1.0, 1.0, 0.8, 0.8])
    assert significance.holm([]) == []


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
        significance.holm(p_values), closed_test(p_values), rtol=1e-12
    )


def test_an_undefined_comparison_counts_and_stays_undefined():
    corrected = significance.holm([0.01, float("nan"), 0.02])
    assert corrected[0] == pytest.approx(0.03)
    assert math.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.04)


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(significance).failed == 0


@pytest.mark.parametrize(("units", "smallest"), [(2, 0.5), (3, 0.25)])
def test_few_units_cannot_be_surprising(units, smallest):
    assert significance.bootstrap_p(np.ones(1000), units) == smallest
    assert significance.bootstrap_p(-np.ones(1000), units) == smallest
