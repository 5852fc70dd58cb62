import numpy as np
import pytest
from scipy import stats

from g2npan_tf.scoring.report import ranking


def test_deviations_are_the_modified_z_scores_of_scipy():
    scores = np.random.default_rng(0).normal(3, 1, 40)
    expected = (scores - np.median(scores)) / stats.median_abs_deviation(
        scores, scale="normal"
    )
    actual = ranking.deviations(scores, [""] * 40)
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


def test_an_image_is_compared_with_its_like():
    scores = [4.0, 4.1, 4.2, 4.1, 2.0, 2.0, 2.1, 2.0, 1.9, 2.0]
    away = ranking.deviations(scores, ["good"] * 5 + ["bad"] * 5)
    outliers = [ranking.is_outlier(x) for x in away]
    assert outliers == [False] * 4 + [True] + [False] * 5
    assert away[4] < 0


def test_a_rare_algorithm_is_compared_with_all():
    scores = [3.0, 3.1, 3.2, 2.9, 3.0, 5.0]
    away = ranking.deviations(scores, ["a"] * 5 + ["b"])
    assert ranking.is_outlier(away[5])


def test_few_scores_have_no_deviation():
    assert ranking.deviations([1, 2, 5, 3], [""] * 4) == [None] * 4


def test_equal_scores_do_not_deviate_and_one_among_them_does():
    assert ranking.deviations([3.0] * 6, [""] * 6) == [0.0] * 6
    away = ranking.deviations([3.0] * 19 + [5.0], [""] * 20)
    # Mean absolute deviation: 2 / 20.
    assert away[-1] == pytest.approx(2 / (1.253314 * 0.1))


def test_the_ranking_is_that_of_the_means_with_their_intervals():
    scores = {
        "b": {"1": [2.0], "2": [3.0], "3": [4.0]},
        "a": {"1": [3.0], "2": [4.0], "3": [3.5]},
    }
    first, second = ranking.ranking(scores)
    assert (first.algorithm, first.mean, first.count) == ("a", 3.5, 3)
    assert second.mean == 3.0
    assert second.low < 3.0 < second.high
    # Of 27 equally likely resamples of three values.
    assert second.low == pytest.approx(2.0)
    assert second.high == pytest.approx(4.0)


def test_the_interval_is_that_of_scipys_bootstrap():
    values = np.random.default_rng(1).normal(3, 0.5, 60)
    (rank,) = ranking.ranking({"a": {"": list(values)}})
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=5000, rng=0
    ).confidence_interval
    assert rank.low == pytest.approx(expected.low, abs=0.02)
    assert rank.high == pytest.approx(expected.high, abs=0.02)


def test_places_are_scipys_ranks_within_the_pairs_of_all():
    table = np.array([[1.0, 5.0, 2.0], [3.0, 5.0, 1.0], [2.0, 4.0, 3.0]])
    scores = {
        name: {str(pair): [value] for pair, value in enumerate(row)}
        for name, row in zip("abc", table, strict=True)
    }
    scores["a"]["only a"] = [5.0]
    expected = stats.rankdata(-table, axis=0).mean(axis=1)
    ranks = {r.algorithm: r.mean_place for r in ranking.ranking(scores)}
    np.testing.assert_allclose([ranks[x] for x in "abc"], expected)


def test_one_image_has_no_interval_and_no_common_pair_no_place():
    ranks = ranking.ranking({"a": {"1": [2.0]}, "b": {"2": [3.0]}})
    assert [(r.low, r.high, r.mean_place) for r in ranks] == [(None,) * 3] * 2
