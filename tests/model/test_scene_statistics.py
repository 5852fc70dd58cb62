"""Scene statistics against NumPy and SciPy, cell by cell."""

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.model import scene_statistics
from g2npan_tf.model.scene_statistics import MAPS

SIZE = 48


@pytest.fixture(scope="module")
def image():
    """Smooth colours with texture; the left cells are black."""
    rng = np.random.default_rng(0)
    noise = rng.random((SIZE, SIZE, 3))
    made = ndimage.gaussian_filter(noise, (2, 2, 0)) + 0.1 * noise
    made = (made - made.min()) / np.ptp(made)
    made[:, :20] = 0
    return made.astype(np.float32)


def expected_maps(image):
    """The maps in their own units, float64 `[15, height, width]`."""
    red, green, blue = np.moveaxis(image.astype(float), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    blue, red = blue - luma, red - luma
    chroma = np.hypot(blue, red)

    def mean(x, side):
        # Zeros round the picture, and round a picture of ones.
        kernel = {"size": side, "mode": "constant"}
        whole = ndimage.uniform_filter(np.ones_like(x), **kernel)
        return ndimage.uniform_filter(x, **kernel) / whole

    def level(x):
        return np.log(np.hypot(x, 2e-3))

    def deviation(x, side):
        variance = mean(x**2, side) - mean(x, side) ** 2
        return level(np.sqrt(np.maximum(variance, 0)))

    def gradient(x):
        return [ndimage.sobel(x, axis, mode="nearest") / 8 for axis in (0, 1)]

    def shared(x, y):
        product = sum(a * b for a, b in zip(x, y, strict=True))
        return np.sign(product) * np.sqrt(np.abs(product))

    edges = [gradient(x) for x in (luma, blue, red)]
    return np.stack(
        [
            luma,
            blue,
            red,
            chroma,
            *(deviation(luma, side) for side in (3, 7, 15)),
            deviation(chroma, 7),
            level(np.abs(luma - mean(luma, 3))),
            level(np.abs(mean(luma, 3) - mean(luma, 7))),
            *(level(np.hypot(*x)) for x in edges),
            *(shared(edges[0], x) for x in edges[1:]),
        ]
    )


def test_maps_are_every_second_pixel_of_what_they_are_called(image):
    found = np.asarray(scene_statistics.local_maps(image[None])[0], float)
    expected = expected_maps(image)[:, ::2, ::2]
    for index, (name, (mean, unit)) in enumerate(MAPS.items()):
        np.testing.assert_allclose(
            found[..., index] * unit + mean,
            expected[index],
            atol=2e-3,
            err_msg=name,
        )


def test_statistics_are_shares_and_sums_over_the_tissue_of_a_cell(image):
    maps = np.asarray(scene_statistics.local_maps(image[None])[0], float)
    near = ndimage.uniform_filter(image.max(-1), 5, mode="constant")
    inside = ndimage.uniform_filter(np.ones((SIZE, SIZE)), 5, mode="constant")
    tissue = (near / inside > 0.0401)[::2, ::2]
    found, share = scene_statistics.cell_statistics(image[None])
    assert found.shape == (1, 3, 3, scene_statistics.NUM_STATISTICS)
    assert found.shape[-1] == 480
    thresholds = np.linspace(-2.5, 2.5, 16)
    levels = [-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]
    for row, column in np.ndindex(3, 3):
        cell = np.s_[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        seen, shown = maps[cell].reshape(64, 15), tissue[cell].ravel()
        weight = shown.mean() + 1e-4
        np.testing.assert_allclose(share[0, row, column], weight, rtol=1e-5)
        above = [
            np.interp(seen, [at - 1 / 6, at + 1 / 6], [0, 1])
            for at in thresholds
        ]
        for place in (0, 3):
            near = np.stack(
                [
                    np.interp(
                        seen[:, place], [at - 0.5, at, at + 0.5], [0, 1, 0]
                    )
                    for at in levels
                ]
            )
            above += list(near[:, :, None] * seen)
        counted = (np.array(above) * shown[:, None]).mean(axis=1) / weight
        np.testing.assert_allclose(
            found[0, row, column], counted.ravel(), rtol=1e-3, atol=1e-4
        )


def test_a_black_image_has_statistics_and_next_to_no_weight():
    found, share = scene_statistics.cell_statistics(
        np.zeros((1, 32, 32, 3), np.float32)
    )
    assert np.isfinite(found).all()
    np.testing.assert_allclose(share, 1e-4)


def test_a_transposed_image_has_the_transposed_statistics(image):
    straight, _ = scene_statistics.cell_statistics(image[None])
    swapped, _ = scene_statistics.cell_statistics(image.swapaxes(0, 1)[None])
    np.testing.assert_allclose(
        np.swapaxes(swapped, 1, 2), straight, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("pixels", [9, 12, 15, 16, 20, 25])
def test_no_mean_of_grey_levels_is_at_the_level_of_tissue(pixels):
    # Exported graphs sum in another order; windows are cut at the border.
    means = np.arange(255 * pixels + 1) / (255 * pixels)
    level = scene_statistics._TISSUE_LEVEL
    assert np.abs(means - level).min() > 1e-5
    assert np.abs(level - 0.04) < 2e-4
