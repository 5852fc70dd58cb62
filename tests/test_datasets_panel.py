"""The simulated panel: grades that mean something and never change."""

import numpy as np
import pytest

from datasets import panel
from g2npan_tf.errors import InputError


def synthetic_pair(seed=0):
    rng = np.random.default_rng(seed)
    mr = rng.integers(0, 256, (64, 64, 1), np.uint8).repeat(3, axis=-1)
    functional = np.zeros((64, 64, 3), np.uint8)
    functional[16:48, 16:48] = (220, 120, 20)
    return functional, mr


def test_grades_are_integers_from_1_to_5_for_every_reader():
    a, b = synthetic_pair()
    grades = panel.grade(a, b, a // 2 + b // 2, "pair/average")
    assert grades.dtype == np.int32
    assert grades.shape == (panel.NUM_READERS,)
    assert grades.min() >= 1
    assert grades.max() <= 5


def test_same_key_gives_same_grades():
    a, b = synthetic_pair()
    first = panel.grade(a, b, b, "x/y")
    np.testing.assert_array_equal(first, panel.grade(a, b, b, "x/y"))


@pytest.mark.parametrize("level", [0, 255])
def test_constant_images_are_graded(level):
    flat = np.full((32, 32, 3), level, np.uint8)
    assert 1 <= panel.mos(panel.grade(flat, flat, flat, "flat")) <= 5


def test_wrong_shape_is_refused():
    a, b = synthetic_pair()
    with pytest.raises(InputError, match="source_b"):
        panel.grade(a, b[:-1], a, "x/y")
