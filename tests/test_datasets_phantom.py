import numpy as np
import pytest

from datasets.phantom import phantom_pairs
from g2npan_tf.errors import InputError


@pytest.fixture(scope="module")
def pairs():
    return list(phantom_pairs(12))


def test_same_seed_gives_same_bytes(pairs):
    again = list(phantom_pairs(3))
    for first, second in zip(pairs, again, strict=False):
        assert np.array_equal(first.source_a, second.source_a)
        assert np.array_equal(first.source_b, second.source_b)


def test_images_are_uint8_rgb_of_the_size(pairs):
    for pair in pairs:
        for image in (pair.source_a, pair.source_b):
            assert image.shape == (128, 128, 3)
            assert image.dtype == np.uint8


def test_bad_arguments_raise():
    with pytest.raises(InputError, match="num_cases"):
        phantom_pairs(0)
