"""Local power spectra against SciPy's DCT, window by window."""

import numpy as np
import scipy.fft

from g2npan_tf.model import spectrum


def log_powers(grey):
    """The same by windows of the mirrored image."""
    size, step = spectrum.WINDOW, spectrum.STRIDE
    mirrored = np.pad(grey, (size - step) // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, (size, size))
    powers = (
        scipy.fft.dctn(windows[::step, ::step], axes=(2, 3), norm="ortho") ** 2
    )
    rows, columns = (side // 2 for side in powers.shape[:2])
    cells = powers.reshape(rows, 2, columns, 2, size, size).mean(axis=(1, 3))
    levels = np.log(cells + 1e-7)
    both = (levels + levels.swapaxes(2, 3)) / 2
    return np.stack(
        [both[..., u, v] for u, v in spectrum.frequencies()], axis=-1
    )


def test_it_is_the_mean_power_of_the_windows_of_a_cell():
    image = np.random.default_rng(0).random((2, 32, 48, 3), np.float32)
    found = np.array(spectrum.log_power(image))
    assert found.shape == (2, 2, 3, spectrum.NUM_BANDS)
    for one, levels in zip(image, found, strict=True):
        np.testing.assert_allclose(
            levels, log_powers(one.mean(axis=-1)), rtol=1e-3, atol=1e-3
        )


def test_bands_are_all_pairs_of_frequencies_from_coarse_to_fine():
    pairs = spectrum.frequencies()
    assert len(set(pairs)) == len(pairs) == spectrum.NUM_BANDS == 135
    assert pairs[0] == (0, 1)
    assert pairs[-1] == (15, 15)


def test_an_even_image_has_no_power():
    level = np.array(spectrum.log_power(np.full((1, 16, 16, 3), 0.7, "f")))
    np.testing.assert_allclose(level, np.log(spectrum.POWER_FLOOR), atol=1e-3)


def test_transposing_the_image_transposes_the_map():
    image = np.random.default_rng(1).random((1, 32, 48, 1), np.float32)
    swapped = np.array(spectrum.log_power(np.swapaxes(image, 1, 2)))
    straight = np.array(spectrum.log_power(image))
    np.testing.assert_allclose(np.swapaxes(swapped, 1, 2), straight, atol=1e-3)


def test_any_bright_channel_makes_foreground():
    image = np.zeros((1, 2, 2, 3), np.float32)
    image[0, 0, 0, 2] = 0.5
    image[0, 1, 1] = 0.04
    marked = np.asarray(spectrum.foreground(image))
    assert marked.shape == (1, 2, 2, 1)
    np.testing.assert_array_equal(marked[0, ..., 0], [[1, 0], [0, 0]])


def test_cells_count_that_are_flat_and_wholly_inside_the_body():
    rng = np.random.default_rng(0)
    image = np.full((1, 64, 64, 3), 0.5, np.float32)
    image[0, :, 32:] += rng.normal(0, 0.1, (64, 32, 1)).astype("f")
    image[0, 48:] = 0.0
    weights = np.array(spectrum.cell_weights(image, spectrum.log_power(image)))[
        0
    ]
    assert weights.shape == (4, 4)
    np.testing.assert_allclose(weights[:2, 0], 1, atol=0.01)
    np.testing.assert_allclose(weights[:2, 3], 0, atol=0.01)
    np.testing.assert_allclose(weights[3], spectrum.LEAST_WEIGHT, rtol=1e-4)


def test_a_black_image_has_equal_weights():
    black = np.zeros((1, 32, 32, 3), np.float32)
    weights = spectrum.cell_weights(black, spectrum.log_power(black))
    np.testing.assert_allclose(weights, spectrum.LEAST_WEIGHT)


def test_the_neighbourhood_s_mean_is_weighted():
    rng = np.random.default_rng(0)
    values = rng.random((1, 9, 9, 2), np.float32)
    weights = rng.random((1, 9, 9), np.float32)
    found = np.array(spectrum.neighbourhood_mean(values, weights))[0]
    for row, column in ((4, 4), (0, 0), (8, 5)):
        part = np.s_[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]
        mean = np.average(
            values[0][part].reshape(-1, 2),
            axis=0,
            weights=weights[0][part].ravel(),
        )
        np.testing.assert_allclose(found[row, column], mean, rtol=1e-4)
