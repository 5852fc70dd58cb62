"""How far an image is from others: numbers, distance and percentile."""

import keras
import numpy as np
import pytest
from scipy import linalg
from scipy import ndimage
from scipy.spatial import distance as scipy_distance

from g2npan_tf.model import scope
from g2npan_tf.model.scene_statistics import MAPS
from g2npan_tf.model.scene_statistics import local_maps

NUM = 2 * len(MAPS) + 2
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pictures():
    """Smooth colours on black, uint8 `[4, 64, 64, 3]`."""
    noise = RNG.uniform(0, 1, (4, 64, 64, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 0)) * 0.9
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    disk = (x**2 + y**2 < 0.6)[..., None]
    return np.uint8(255 * smooth * disk)


def known(knots=(0.5, 0.6, 0.7, 0.8, 1, 1.2, 1.5, 1.6, 1.7, 1.8, 1.9, 2.5)):
    kernel = linalg.block_diag(RNG.normal(0, 0.3, (NUM - 1, NUM - 1)), 0.2)
    return scope.Scope(kernel, RNG.normal(0, 0.3, NUM), np.array(knots))


def test_numbers_are_means_and_deviations_over_tissue(pictures):
    scaled = pictures.astype(np.float32) / 255
    maps = keras.ops.convert_to_numpy(local_maps(scaled)).astype(np.float64)
    found = scope.build_summary(64).predict_on_batch(pictures)
    assert found.shape == (4, NUM)
    for image, values, numbers in zip(scaled, maps, found, strict=True):
        near = ndimage.uniform_filter(image.max(-1), 5, mode="constant")
        border = ndimage.uniform_filter(np.ones((64, 64)), 5, mode="constant")
        tissue = (near / border > 0.0401)[::2, ::2]
        assert 0.2 < tissue.mean() < 0.8
        inside = values[tissue]
        # Less by the thousandth that a black picture has.
        few = tissue.mean() / (tissue.mean() + 1e-3)
        mean = few * inside.mean(axis=0)
        square = few * ((inside - mean) ** 2).mean(axis=0)
        rows, columns = (np.var(x) / 32**2 for x in np.nonzero(tissue))
        wider = np.log((few * columns + 1e-4) / (few * rows + 1e-4))
        expected = [*mean, *np.sqrt(square), tissue.mean(), wider]
        np.testing.assert_allclose(numbers, expected, atol=2e-3)


def test_what_is_constant_has_no_deviation():
    """Colours of a grey picture, but for what rounding leaves."""
    grey = np.repeat(RNG.integers(90, 200, (2, 64, 64, 1)), 3, axis=-1)
    found = scope.build_summary(64).predict_on_batch(grey.astype(np.uint8))
    colours = [k for k, name in enumerate(MAPS) if name in ("blue", "red")]
    np.testing.assert_allclose(found[:, len(MAPS) :][:, colours], 0, atol=3e-4)


def test_a_black_picture_has_numbers():
    found = scope.build_summary(64).predict_on_batch(np.zeros((1, 64, 64, 3)))
    np.testing.assert_array_equal(found, np.zeros((1, NUM)))


def test_background_and_place_do_not_matter(pictures):
    wide = np.zeros((4, 128, 128, 3), np.uint8)
    wide[:, 10:74, 20:84] = pictures
    large, small = (
        scope.build_summary(side).predict_on_batch(x)
        for side, x in ((128, wide), (64, pictures))
    )
    share = small[:, -2]
    few = share / (share + 1e-3), share / (share + 4e-3)
    np.testing.assert_allclose(large[:, -2], share / 4, atol=1e-6)
    np.testing.assert_allclose(large[:, -1], small[:, -1], atol=2e-3)
    np.testing.assert_allclose(
        large[:, :15] / few[1][:, None],
        small[:, :15] / few[0][:, None],
        atol=0.02,
    )


def test_the_outline_is_the_logarithm_of_width_to_height():
    """Of rectangles and an ellipse: variances are as the sides squared."""
    shapes = np.zeros((4, 96, 96, 1), np.float32)
    shapes[0, 10:50, 40:60] = 1
    shapes[1, 60:80, 8:48] = 1
    shapes[2, 30:60, 30:60] = 1
    y, x = np.mgrid[:96, :96]
    ellipse = ((x - 50) / 36) ** 2 + ((y - 44) / 24) ** 2 < 1
    shapes[3, ..., 0] = ellipse
    found = keras.ops.convert_to_numpy(scope.outline(shapes))
    expected = 2 * np.log([20 / 40, 40 / 20, 1, 36 / 24])
    np.testing.assert_allclose(found[:, 0], expected, atol=0.05)
    turned = scope.outline(shapes.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(turned, -found, atol=1e-5)


@pytest.mark.parametrize(("size", "factor"), [(256, 2), (320, 2), (384, 3)])
def test_a_larger_picture_is_averaged(pictures, size, factor):
    image = RNG.integers(0, 256, (1, size, size, 3)).astype(np.uint8)
    side = size // factor
    blocks = image.reshape(1, side, factor, side, factor, 3) / 255
    small = scope.summary(blocks.mean((2, 4)).astype(np.float32))
    found = scope.build_summary(size).predict_on_batch(image)
    np.testing.assert_allclose(found, small, atol=1e-3)


def test_the_distance_is_mahalanobis():
    mixed = RNG.normal(size=(5, 5))
    covariance = mixed @ mixed.T + np.eye(5)
    mean, point = RNG.normal(size=(2, 5))
    inverse = np.linalg.inv(covariance)
    whitened = (point - mean) @ np.linalg.cholesky(inverse)
    expected = scipy_distance.mahalanobis(point, mean, inverse) / np.sqrt(5)
    found = scope.distance(whitened[np.newaxis])
    assert float(found[0]) == pytest.approx(expected, rel=1e-6)


def test_the_percentile_is_interpolated(pictures):
    some = known()
    numbers = scope.build_summary(64).predict_on_batch(pictures)
    far = np.sqrt(np.mean((numbers @ some.kernel + some.offset) ** 2, axis=1))
    # All knots, what lies between them, and what is beyond.
    for shift in (-2, -1, -0.3, 0, 0.05, 0.3, 1, 2, 4):
        knots = some.knots + far[0] - 1.2 + shift
        net = scope.build_scope(64, some._replace(knots=knots))
        expected = np.interp(far, knots, scope.PERCENTS)
        found = net.predict_on_batch(pictures)
        assert found.shape == (4,)
        np.testing.assert_allclose(found, expected, atol=0.01)


def test_a_scorer_keeps_its_outputs_and_any_scope_is_replaced(
    pictures, tmp_path
):
    image = keras.Input((64, 64, 3), dtype="uint8", name="image")
    quality = keras.layers.Rescaling(1 / 255)(image)
    outputs = {"quality": keras.ops.mean(quality, axis=(1, 2, 3))}
    scorer = keras.Model(image, outputs, name="scorer")
    path = tmp_path / "scorer.keras"
    scope.with_scope(scorer, known()).save(path)
    # As any client loads it.
    loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    other = known(np.linspace(0, 3, 12))
    again = scope.with_scope(loaded, other)
    found = again.predict_on_batch(pictures)
    assert sorted(found) == ["distance", "quality"]
    expected = scope.build_scope(64, other).predict_on_batch(pictures)
    np.testing.assert_allclose(found["distance"], expected, atol=1e-3)
    np.testing.assert_allclose(
        found["quality"], pictures.mean((1, 2, 3)) / 255, rtol=1e-5
    )
    assert [x.name for x in again.layers].count("scope") == 1
