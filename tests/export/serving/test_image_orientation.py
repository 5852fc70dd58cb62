import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from PIL import ImageOps

from export.serving.image_orientation import upright
from tests.image_files import noisy
from tests.image_files import with_orientation


@pytest.mark.parametrize("value", range(10))
def test_an_image_is_turned_as_pillow_turns_it(value):
    image = Image.fromarray(noisy((20, 30)))
    block = with_orientation(value).removeprefix(b"Exif\0\0")
    image.getexif()[0x0112] = value
    expected = np.asarray(ImageOps.exif_transpose(image))
    turned = upright(np.asarray(image), tf.constant(block + b"pixels"))
    np.testing.assert_array_equal(turned, expected)


def test_an_image_without_exif_stays():
    pixels = noisy((20, 30))
    np.testing.assert_array_equal(upright(pixels, tf.constant(b"")), pixels)


def test_exif_without_an_orientation_leaves_the_image():
    pixels = noisy((20, 30))
    exif = Image.Exif()
    exif[0x010E] = "a fused slice"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    np.testing.assert_array_equal(upright(pixels, tf.constant(block)), pixels)


@pytest.mark.parametrize("end", range(1, 22))
def test_a_cut_block_raises(end):
    block = with_orientation(6).removeprefix(b"Exif\0\0")[:end]
    with pytest.raises(tf.errors.InvalidArgumentError):
        upright(noisy((20, 30)), tf.constant(block))
