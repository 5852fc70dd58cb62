"""Screening of readers, mean opinions, intraclass correlation."""

import numpy as np
import pytest
from scipy import stats

from datasets.custom import agreement

NAN = float("nan")


def panel_of(num_readers, num_images=200, seed=0):
    """Grades of readers who see the same with an error of their own."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 5, (num_images, 1))
    noise = rng.normal(0, 0.4, (num_images, num_readers))
    return np.clip(np.rint(truth + noise), 1, 5)


def test_consistent_readers_are_kept():
    assert not agreement.rejected_readers(panel_of(15)).any()


def test_reader_who_grades_at_random_is_rejected():
    grades = panel_of(15)
    rng = np.random.default_rng(1)
    grades[:, 4] = rng.integers(1, 6, len(grades))
    rejected = agreement.rejected_readers(grades)
    assert np.flatnonzero(rejected).tolist() == [4]


def test_strict_reader_is_kept():
    grades = panel_of(15)
    grades[:, 4] -= 2
    assert not agreement.rejected_readers(grades).any()


def test_few_readers_cannot_be_rejected():
    grades = panel_of(5)
    rng = np.random.default_rng(1)
    grades[:, 4] = rng.integers(1, 6, len(grades))
    assert not agreement.rejected_readers(grades).any()


@pytest.mark.parametrize(
    ("above", "below", "images", "rejected"),
    [
        (1, 1, 20, True),  # 10 % outliers, to both sides alike
        (1, 1, 40, False),  # 5 % is not more than 5 %
        (2, 0, 20, False),  # strict or lenient, not at random
        (2, 1, 20, False),  # |2 - 1| / 3 is not below 0.3
    ],
)
def test_screening_is_that_of_a_hand_worked_example(
    above, below, images, rejected
):
    # The first reader is 2.02 standard deviations up; kurtosis 3.1.
    up = [5, 1, 2, 3, 1, 2, 3, 2]
    agreed = [2, 3, 2, 3, 2, 3, 2, 3]
    down = [6 - grade for grade in up]
    rows = above * [up] + below * [down]
    rows += (images - len(rows)) * [agreed]
    found = agreement.rejected_readers(np.array(rows, np.float64))
    assert found.tolist() == [rejected] + 7 * [False]


def test_heavy_tails_need_a_larger_deviation():
    # 2.5 standard deviations, but the kurtosis is 6.1: no outlier.
    up, down = [4] + 7 * [1], [1] + 7 * [4]
    rows = np.array([up, down] + 8 * [[2, 3] * 4], np.float64)
    assert not agreement.rejected_readers(rows).any()


def test_images_on_which_all_agree_are_no_outliers():
    assert not agreement.rejected_readers(np.full((20, 8), 3.0)).any()


def test_mean_and_interval_are_those_of_students_t():
    grades = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, NAN]])
    mean, std, half = agreement.mean_opinions(grades)
    for i, row in enumerate(([1.0, 2.0, 4.0], [3.0, 5.0])):
        low, high = stats.t.interval(
            0.95, len(row) - 1, np.mean(row), stats.sem(row)
        )
        assert mean[i] == pytest.approx(np.mean(row))
        assert std[i] == pytest.approx(np.std(row, ddof=1))
        assert half[i] == pytest.approx((high - low) / 2)


def test_single_grade_has_a_mean_but_no_interval():
    mean, std, half = agreement.mean_opinions(np.array([[4.0, NAN]]))
    assert mean[0] == 4.0
    assert np.isnan(std[0])
    assert np.isnan(half[0])


def test_icc_is_that_of_the_published_example():
    # Shrout and Fleiss 1979, table 2: ICC(2,1) = .29, ICC(2,k) = .62.
    grades = np.array(
        [
            [9, 2, 5, 8],
            [6, 1, 3, 2],
            [8, 4, 6, 8],
            [7, 1, 2, 6],
            [10, 5, 6, 9],
            [6, 2, 4, 7],
        ],
        np.float64,
    )
    single, mean = agreement.intraclass_correlation(grades)
    assert single == pytest.approx(0.29, abs=0.005)
    assert mean == pytest.approx(0.62, abs=0.005)
    incomplete = np.vstack([grades, [1, NAN, 2, 3]])
    assert agreement.intraclass_correlation(incomplete) == (single, mean)


@pytest.mark.parametrize(
    "grades", [np.ones((4, 1)), np.ones((1, 4)), np.ones((4, 4))]
)
def test_icc_without_variation_is_not_a_number(grades):
    assert np.isnan(agreement.intraclass_correlation(grades)).all()


def test_agreement_is_the_rank_correlation_with_the_mean_of_the_others():
    grades = panel_of(4)
    found = agreement.agreement_with_others(grades)
    expected = stats.spearmanr(grades[:, 2], grades[:, [0, 1, 3]].mean(axis=1))
    assert found[2] == pytest.approx(expected.statistic)


def test_agreement_of_a_reader_alone_is_not_a_number():
    found = agreement.agreement_with_others(np.ones((5, 1)))
    assert np.isnan(found).all()
