"""Strategies: what is refused, what is built."""

import pytest

from g2npan_tf import distribution
from g2npan_tf.config import Config
from g2npan_tf.errors import InputError


def test_mirrored_needs_a_divisible_batch():
    odd = Config(distribute="mirrored", batch_size=9)
    with pytest.raises(InputError, match="number of replicas, 2"):
        distribution.strategy(odd)
