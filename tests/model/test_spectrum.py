"""Local power spectra against SciPy's DCT, window by window."""

import numpy as np
import scipy.fft

from g2npan_tf.model import spectrum


def expected(grey):
    """The same by windows of the mirrored image."""
    margin = (spectrum.WINDOW - spectrum.STRIDE) // 2
    mirrored = np.pad(grey, margin, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(
        mirrored, (spectrum.WINDOW, spectrum.WINDOW)
    )[:: spectrum.STRIDE, :: spectrum.STRIDE]
    power = scipy.fft.dctn(windows, axes=(2, 3), norm="ortho") ** 2
    rows, columns = (side // 4 for side in power.shape[:2])
    cells = power.reshape(rows, 4, columns, 4, 64).mean(axis=(1, 3))
    levels = np.log(cells + 1e-6)
    both = [
        (levels[..., u * 8 + v] + levels[..., v * 8 + u]) / 2
        for u in range(8)
        for v in range(u, 8)
    ]
    return np.stack(both[1:], axis=-1)


def test_it_is_the_mean_power_of_the_windows_of_a_cell():
    image = np.random.default_rng(0).random((2, 32, 48, 3), np.float32)
    found = np.array(spectrum.log_power(image))
    assert found.shape == (2, 2, 3, spectrum.NUM_BANDS)
    for one, levels in zip(image, found, strict=True):
        np.testing.assert_allclose(
            levels, expected(one.mean(axis=-1)), rtol=1e-4, atol=1e-4
        )


def test_an_even_image_has_no_power():
    level = np.array(spectrum.log_power(np.full((1, 16, 16, 3), 0.7, "f")))
    np.testing.assert_allclose(level, np.log(spectrum.POWER_FLOOR), atol=1e-3)


def test_transposing_the_image_transposes_the_map():
    image = np.random.default_rng(1).random((1, 32, 48, 1), np.float32)
    swapped = np.array(spectrum.log_power(np.swapaxes(image, 1, 2)))
    straight = np.array(spectrum.log_power(image))
    np.testing.assert_allclose(np.swapaxes(swapped, 1, 2), straight, atol=1e-4)


def test_any_bright_channel_makes_foreground():
    image = np.zeros((1, 2, 2, 3), np.float32)
    image[0, 0, 0, 2] = 0.5
    image[0, 1, 1] = 0.04
    marked = np.asarray(spectrum.foreground(image))
    assert marked.shape == (1, 2, 2, 1)
    np.testing.assert_array_equal(marked[0, ..., 0], [[1, 0], [0, 0]])


def test_cells_count_where_the_body_fills_them():
    image = np.zeros((1, 32, 32, 3), np.float32)
    image[0, :16] = 0.5
    image[0, 16:24, :16] = 0.5
    weights = np.array(spectrum.cell_weights(image))[0]
    np.testing.assert_allclose(
        weights, [[1.001, 1.001], [0.5**8 + 0.001, 0.001]], rtol=1e-4
    )
