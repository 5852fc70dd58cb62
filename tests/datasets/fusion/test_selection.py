"""Rules of selection."""

import numpy as np
from scipy import ndimage

from datasets.fusion import selection

VALUES = np.random.default_rng(0).random((9, 11), dtype=np.float32)


def test_larger_magnitudes_win_ties_and_the_last_level_are_means():
    a = np.array([1.0, -2.0, 3.0], np.float32)
    b = np.array([4.0, 1.0, -3.0], np.float32)
    details, base = selection.fuse_levels([a, a], [b, b])
    np.testing.assert_array_equal(details, [4.0, -2.0, 0.0])
    np.testing.assert_array_equal(base, [2.5, -0.5, 0.0])


def test_one_activity_map_serves_many_bands():
    a, b = np.ones((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    activity = np.arange(12.0).reshape(3, 4)
    fused = selection.choose_larger(a, b, activity, np.full((3, 4), 5.0))
    expected = np.sign(activity - 5.0) / 2 + 0.5
    np.testing.assert_array_equal(fused, [expected, expected])


def test_windows_equal_scipys():
    np.testing.assert_array_equal(
        selection.window_maximum(VALUES, 3),
        ndimage.maximum_filter(VALUES, 3, mode="nearest"),
    )
    np.testing.assert_allclose(
        selection.window_mean(VALUES, 5),
        ndimage.uniform_filter(VALUES, 5, mode="reflect"),
        rtol=1e-5,
    )
