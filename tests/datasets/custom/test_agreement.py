"""Screening of readers, mean opinions, intraclass correlation."""

import numpy as np
import pytest
from scipy import stats

from datasets.custom import agreement

NAN = float("nan")


def panel_of(num_readers, num_images=200):
    """Grades of readers who see the same with an error of their own."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 5, (num_images, 1))
    noise = rng.normal(0, 0.4, (num_images, num_readers))
    return np.clip(np.rint(truth + noise), 1, 5)


def with_reader(grades, kind):
    """The fifth reader as all others, grading at random, or strict."""
    rng = np.random.default_rng(1)
    if kind == "random":
        grades[:, 4] = rng.integers(1, 6, len(grades))
    elif kind == "strict":
        grades[:, 4] -= 2
    return grades


@pytest.mark.parametrize(
    ("readers", "kind", "rejected"),
    [
        (15, "consistent", []),
        (15, "random", [4]),
        (15, "strict", []),
        # Of five nobody can deviate by two standard deviations.
        (5, "random", []),
    ],
)
def test_only_one_who_grades_at_random_is_rejected(readers, kind, rejected):
    found = agreement.rejected_readers(with_reader(panel_of(readers), kind))
    assert np.flatnonzero(found).tolist() == rejected


@pytest.mark.parametrize(
    ("above", "below", "images", "rejected"),
    [
        (1, 1, 20, True),  # 10 % outliers, to both sides alike
        (1, 1, 40, False),  # 5 % is not more than 5 %
        (2, 0, 20, False),  # strict or lenient, not at random
        (2, 1, 20, False),  # |2 - 1| / 3 is not below 0.3
    ],
)
def test_screening_is_as_worked_by_hand(above, below, images, rejected):
    # The first reader is 2.02 standard deviations up; kurtosis 3.1.
    up = [5, 1, 2, 3, 1, 2, 3, 2]
    agreed = [2, 3, 2, 3, 2, 3, 2, 3]
    down = [6 - grade for grade in up]
    rows = above * [up] + below * [down]
    rows += (images - len(rows)) * [agreed]
    found = agreement.rejected_readers(np.array(rows, np.float64))
    assert found.tolist() == [rejected] + 7 * [False]


def test_heavy_tails_and_agreement_are_no_outliers():
    # 2.5 standard deviations, but the kurtosis is 6.1: no outlier.
    heavy = np.float64([[4] + 7 * [1], [1] + 7 * [4]] + 8 * [[2, 3] * 4])
    for grades in (heavy, np.full((20, 8), 3.0)):
        assert not agreement.rejected_readers(grades).any()


def test_mean_and_interval_are_those_of_students_t():
    rows = ([1.0, 2.0, 4.0], [3.0, 5.0])
    found = agreement.mean_opinions(np.array([rows[0], [*rows[1], NAN]]))
    for mean, std, half, row in zip(*found, rows, strict=True):
        low, high = stats.t.interval(
            0.95, len(row) - 1, np.mean(row), stats.sem(row)
        )
        expected = (np.mean(row), np.std(row, ddof=1), (high - low) / 2)
        assert (mean, std, half) == pytest.approx(expected)


def test_single_grade_has_a_mean_but_no_interval():
    found = agreement.mean_opinions(np.array([[4.0, NAN]]))
    np.testing.assert_array_equal(np.ravel(found), [4.0, NAN, NAN])


def test_icc_is_that_of_the_published_example():
    # Shrout and Fleiss 1979, table 2: ICC(2,1) = .29, ICC(2,k) = .62.
    columns = [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2]]
    columns += [[5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]]
    grades = np.array(columns, np.float64).T
    found = agreement.intraclass_correlation(grades)
    assert found == pytest.approx((0.29, 0.62), abs=0.005)
    incomplete = np.vstack([grades, [1, NAN, 2, 3]])
    assert agreement.intraclass_correlation(incomplete) == found


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (4, 4)])
def test_icc_without_variation_is_not_a_number(shape):
    assert np.isnan(agreement.intraclass_correlation(np.ones(shape))).all()


def test_agreement_is_the_rank_correlation_with_the_mean_of_the_others():
    grades = panel_of(4)
    found = agreement.agreement_with_others(grades)
    expected = stats.spearmanr(grades[:, 2], grades[:, [0, 1, 3]].mean(axis=1))
    assert found[2] == pytest.approx(expected.statistic)
    assert np.isnan(agreement.agreement_with_others(grades[:, :1])).all()
