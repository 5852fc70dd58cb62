"""Samples from the worst to the best."""

import numpy as np
import pytest

from datasets import samples


@pytest.mark.parametrize(
    ("mos", "count", "chosen"),
    [([3, 1, 5, 2, 4], 3, [1, 0, 2]), ([2, 1], 6, [1, 0])],
)
def test_worst_and_best_and_even_ranks_are_taken_once(mos, count, chosen):
    assert samples.spread(np.array(mos), count).tolist() == chosen
