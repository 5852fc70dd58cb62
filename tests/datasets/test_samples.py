"""Samples from the worst to the best."""

import numpy as np

from datasets import samples


def test_spread_takes_the_worst_the_best_and_even_ranks_between():
    mos = np.array([3.0, 1.0, 5.0, 2.0, 4.0])
    assert samples.spread(mos, 3).tolist() == [1, 0, 2]


def test_spread_takes_all_of_a_small_part_once():
    assert samples.spread(np.array([2.0, 1.0]), 6).tolist() == [1, 0]
