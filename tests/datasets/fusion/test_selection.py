import numpy as np
from scipy import ndimage

from datasets.fusion import selection


def test_the_more_active_source_wins_and_a_tie_is_the_mean():
    a = np.array([1.0, -2.0, 3.0], np.float32)
    b = np.array([4.0, 1.0, -3.0], np.float32)
    fused = selection.choose_larger(a, b, np.abs(a), np.abs(b))
    np.testing.assert_array_equal(fused, [4.0, -2.0, 0.0])


def test_one_activity_map_serves_many_bands():
    a, b = np.ones((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    activity = np.arange(12.0).reshape(3, 4)
    fused = selection.choose_larger(a, b, activity, np.full((3, 4), 5.0))
    expected = np.sign(activity - 5.0) / 2 + 0.5
    np.testing.assert_array_equal(fused, [expected, expected])


def test_window_maximum_equals_scipys():
    values = np.random.default_rng(0).random((9, 11), dtype=np.float32)
    np.testing.assert_array_equal(
        selection.window_maximum(values, 3),
        ndimage.maximum_filter(values, 3, mode="nearest"),
    )


def test_window_mean_equals_scipys():
    values = np.random.default_rng(1).random((9, 11), dtype=np.float32)
    np.testing.assert_allclose(
        selection.window_mean(values, 5),
        ndimage.uniform_filter(values, 5, mode="reflect"),
        rtol=1e-5,
    )
