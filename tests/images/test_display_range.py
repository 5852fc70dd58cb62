import numpy as np
import pytest

from g2npan_tf.images.display_range import fraction_of_range
from g2npan_tf.images.display_range import shown_range
from g2npan_tf.images.display_range import to_grey
from g2npan_tf.images.display_range import white_of_table


def test_a_ramp_is_shown_without_half_a_percent_at_each_end():
    low, high = shown_range(np.arange(1001.0).reshape(7, 143))
    assert low == pytest.approx(5)
    assert high == pytest.approx(995)


def test_single_pixels_and_nan_do_not_move_the_range():
    values = np.tile(np.arange(100.0), 100)
    expected = shown_range(values)
    values[:3] = (1e30, np.nan, -np.inf)
    assert shown_range(values) == pytest.approx(expected, abs=1)


def test_nothing_finite_has_an_empty_range():
    assert shown_range(np.full((4, 4), np.nan)) == (0, 0)
    assert shown_range(np.zeros(0)) == (0, 0)


def test_of_very_many_values_the_same_ones_are_drawn():
    values = np.random.default_rng(0).normal(size=3 * 2**20)
    low, high = shown_range(values)
    assert (low, high) == shown_range(values)
    # Quantiles of the normal distribution at 0.5 % and 99.5 %.
    assert low == pytest.approx(-2.576, abs=0.03)
    assert high == pytest.approx(2.576, abs=0.03)


def test_values_outside_of_the_range_are_cut_off():
    values = np.array([-np.inf, -1, 10, 15, 20, 99, np.inf, np.nan])
    fraction = fraction_of_range(values, 10, 20)
    np.testing.assert_allclose(fraction, [0, 0, 0, 0.5, 1, 1, 1, 0])
    assert fraction.dtype == np.float32


@pytest.mark.parametrize("ends", [(5, 5), (6, 5), (np.nan, 1)])
def test_an_empty_range_is_black(ends):
    assert not fraction_of_range(np.arange(9.0), *ends).any()


def test_a_range_as_wide_as_the_type_does_not_overflow():
    top = np.finfo(np.float64).max
    fraction = fraction_of_range(np.array([-top, 0, top]), -top, top)
    np.testing.assert_allclose(fraction, [0, 0.5, 1])


def test_grey_is_rounded_to_the_nearest_in_three_equal_channels():
    pixels = to_grey(np.array([[0, 0.4 / 255, 0.6 / 255, 1]]))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(
        pixels[0], [[0] * 3, [0] * 3, [1] * 3, [255] * 3]
    )


@pytest.mark.parametrize(
    ("highest", "bits", "white"),
    [
        (255, 8, 255),
        (9, 8, 255),
        (65535, 16, 65535),
        (65280, 16, 65535),
        (20000, 16, 65535),
        (4095, 16, 4095),
        (255, 16, 255),
        (5000, 12, 5000),
        (0, 16, 1),
    ],
)
def test_a_table_ends_at_white(highest, bits, white):
    assert white_of_table(highest, bits) == white
