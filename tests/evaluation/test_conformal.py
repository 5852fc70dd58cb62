"""Half-widths are those of split conformal prediction, cases counting alike."""

import math

import numpy as np
import pytest

from g2npan_tf.evaluation import conformal

RNG = np.random.default_rng(3)


def test_the_half_width_is_the_residual_of_the_rank_of_split_conformal():
    residuals = RNG.normal(size=57)
    cases = np.arange(57).astype(str)
    for coverage in (0.5, 0.8, 0.9, 0.95):
        rank = math.ceil((57 + 1) * coverage)
        expected = sorted(np.abs(residuals))[rank - 1]
        assert conformal.half_width(residuals, cases, coverage) == expected
    # Nine residuals give their largest, eight nothing.
    largest = max(abs(residuals[:9]))
    assert conformal.half_width(residuals[:9], cases[:9]) == largest
    assert conformal.half_width(residuals[:8], cases[:8]) == math.inf


def test_cases_count_alike_whatever_the_number_of_their_images():
    # By hand: each image of the first case is worth 20 / 2 / 4 = 2.5 of the
    # 20, one of the other 20 / 2 / 16 = .625, so that the sums of the largest
    # five are 10, 12.5, 15, 17.5 and 20.
    residuals = np.r_[[4.0, 3.0, 2.0, 1.0], np.linspace(0.1, 0.9, 16)]
    cases = np.repeat(["a", "b"], [4, 16])
    shuffled = RNG.permutation(20)
    residuals, cases = -residuals[shuffled], cases[shuffled]
    # Ranks of 21: 19, 17, 11.
    for coverage, expected in ((0.9, 4.0), (0.8, 3.0), (0.5, 1.0)):
        found = conformal.half_width(residuals, cases, coverage)
        assert found == expected


@pytest.mark.parametrize("images", [1, 5])
def test_of_exchangeable_residuals_nine_in_ten_are_inside(images):
    rng = np.random.default_rng(0)
    cases = np.repeat(np.arange(40), images).astype(str)
    inside = []
    for _ in range(400):
        scale = rng.uniform(0.2, 2, size=(41, 1))
        drawn = rng.normal(size=(41, images)) * scale
        width = conformal.half_width(drawn[:40].ravel(), cases)
        inside.append(np.mean(np.abs(drawn[40]) <= width))
    assert 0.85 <= np.mean(inside) <= 0.95


def test_too_few_residuals_leave_the_whole_scale():
    few = conformal.interval(np.linspace(1, 5, 5), np.full(5, "a"))
    assert (few.half_width, few.images, few.cases) == (4.0, 5, 1)


def test_a_fold_has_the_width_of_the_others():
    residuals = RNG.normal(size=60)
    cases = np.arange(60).astype(str)
    folds = RNG.permutation(np.repeat(["0", "1", "2"], 20))
    found = conformal.of_other_folds(residuals, cases, folds)
    for fold in "012":
        # ceil(41 * .9) = 37 of the other 40.
        expected = np.sort(np.abs(residuals[folds != fold]))[36]
        np.testing.assert_array_equal(found[folds == fold], expected)
