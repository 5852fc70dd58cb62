import io
import types
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from g2npan_tf.baselines import pseudo_references


def textured(shape=(40, 52), seed=0):
    rng = np.random.default_rng(seed)
    sigma = (1.5, 1.5, 0)[: len(shape)]
    noise = ndimage.gaussian_filter(rng.normal(size=shape), sigma)
    levels = 128 + 40 * noise / noise.std()
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def test_grey_copy_is_the_rounded_weighted_sum():
    image = np.array([[[10, 200, 30], [255, 255, 255], [0, 0, 0]]], np.uint8)
    # .2989 * 10 + .587 * 200 + .114 * 30 = 123.809.
    np.testing.assert_array_equal(
        pseudo_references.to_grey(image), [[124, 255, 0]]
    )
    grey = np.arange(256, dtype=np.uint8)[np.newaxis]
    np.testing.assert_array_equal(
        pseudo_references.to_grey(np.stack([grey] * 3, axis=-1)), grey
    )
    assert pseudo_references.to_grey(grey) is grey


def test_jpeg_of_quality_zero_is_that_of_one_and_colour_is_halved():
    for shape in ((40, 52), (40, 52, 3)):
        image = textured(shape)
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=1, subsampling=2)
        expected = np.asarray(Image.open(file))
        np.testing.assert_array_equal(
            pseudo_references.as_jpeg(image, 0), expected
        )
        assert (pseudo_references.as_jpeg(image, 2) != expected).any()


def test_jpeg2000_ratios_are_five_copies_only_where_bytes_suffice():
    ratios = (150, 175, 200, 225, 250)

    def copies(shape):
        image = textured(shape)
        return len(
            {pseudo_references.as_jpeg2000(image, r).tobytes() for r in ratios}
        )

    assert copies((128, 128)) == 1
    assert copies((128, 128, 3)) == 5
    assert copies((256, 256)) == 5


def test_jpeg2000_is_about_as_small_as_wanted():
    file = io.BytesIO()
    one_file = types.SimpleNamespace(BytesIO=lambda: file)
    with mock.patch.object(pseudo_references, "io", one_file):
        pseudo_references.as_jpeg2000(textured((256, 256, 3)), 200)
    size = len(file.getvalue())
    assert size == pytest.approx(256 * 256 * 3 / 200, rel=0.1)


@pytest.mark.parametrize("sigma", [0.5, 2.5])
def test_blur_is_three_by_three_with_black_outside(sigma):
    image = np.full((6, 7), 200, np.uint8)
    image[2, 3] = 10
    # truncate keeps scipy's window at 3 x 3 too.
    expected = ndimage.gaussian_filter(
        image.astype(float), sigma, mode="constant", radius=1
    )
    blurred = pseudo_references.blurred(image, sigma)
    np.testing.assert_array_equal(blurred, np.floor(expected + 0.5))
    assert blurred[0, 0] < blurred[0, 1] < 200


def test_noise_has_the_given_variance_and_one_pattern():
    image = np.full((200, 200), 128, np.uint8)
    little = (pseudo_references.noisy(image, 0.0025) - 128.0) / 255
    assert np.var(little) == pytest.approx(0.0025, rel=0.05)
    more = (pseudo_references.noisy(image, 0.01) - 128.0) / 255
    # Twice the deviation, the same pattern, but for rounding and clipping.
    np.testing.assert_allclose(more, 2 * little, atol=3 / 255)


def test_colour_channels_have_noise_of_their_own():
    noisy = pseudo_references.noisy(np.full((60, 60, 3), 128, np.uint8), 0.01)
    red, green, _ = noisy.reshape(-1, 3).T.astype(float)
    assert abs(np.corrcoef(red, green)[0, 1]) < 0.1
