import base64
import io

import cv2
import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from g2npan_tf.report import pictures


def decoded(address):
    """Kind and pixels of a data URI, by another library."""
    head, data = address.split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    return image.format, np.asarray(image)


def noise(height, width):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_small_pictures_keep_every_pixel():
    pixels = noise(50, 40)
    kind, shown = decoded(pictures.data_uri(pixels))
    assert kind == "PNG"
    np.testing.assert_array_equal(shown, pixels)


def test_large_pictures_are_bounded_in_bytes():
    # The worst case: noise of the largest size.
    address = pictures.data_uri(noise(512, 512))
    kind, shown = decoded(address)
    assert kind == "JPEG"
    assert shown.shape == (512, 512, 3)
    assert len(address) < 700_000


@pytest.mark.parametrize(
    ("colours", "name"),
    [(pictures.VIRIDIS, "viridis"), (pictures.MAGMA, "magma")],
)
@pytest.mark.parametrize("high", [1, 0.5])
def test_colours_are_those_of_matplotlib(colours, name, high):
    values = np.linspace(0, 1, 1000).reshape(20, 50)
    expected = np.rint(colormaps[name](values)[..., :3] * 255)
    shown = pictures.coloured(high * values, colours, high)
    np.testing.assert_array_equal(shown, expected)


def test_values_beyond_the_scale_are_those_of_its_ends():
    values = np.array([[-0.5, 0, 0.5, 1, 1.5]])
    low, first, _, last, high = pictures.coloured(values, pictures.MAGMA)[0]
    assert low.tolist() == first.tolist()
    assert high.tolist() == last.tolist()
    assert pictures.to_uint8(values).tolist() == [[0, 0, 128, 255, 255]]


@pytest.mark.parametrize(("largest", "high"), [(0.3, 0.3), (0.01, 0.05)])
def test_a_weak_nuance_is_not_stretched_over_all_colours(largest, high):
    nuance = np.zeros((4, 6, 3), np.float32)
    # The mean over the channels is what is shown.
    nuance[1, 2] = largest * np.array([0, 1, 2])
    shown, end = pictures.nuance_colours(nuance)
    assert end == pytest.approx(high)
    expected = np.array(colormaps["magma"](largest / high)[:3]) * 255
    np.testing.assert_allclose(shown[1, 2], expected, atol=2)
    np.testing.assert_allclose(shown[0, 0], (0, 0, 4), atol=1)


@pytest.mark.parametrize("quality", [0.0, 0.3, 1.0])
def test_overlay_of_a_black_image_shows_the_colour_of_the_quality(quality):
    cam = np.full((8, 8), quality, np.float32)
    drawn = pictures.overlay(cam, np.zeros((40, 30, 3), np.uint8))
    colour = np.array(colormaps["viridis"](quality)[:3])
    assert drawn.shape == (40, 30, 3)
    np.testing.assert_allclose(
        drawn / 255, np.broadcast_to(0.7 * colour, (40, 30, 3)), atol=1 / 255
    )


def test_overlay_is_smooth_and_in_place():
    cam = np.zeros((8, 8), np.float32)
    cam[1, 6] = 1
    # Green rises with viridis; the peak lies in the middle of its cell.
    drawn = pictures.overlay(cam, np.zeros((160, 160, 3), np.uint8))
    green = drawn[..., 1] / 255
    row, column = np.unravel_index(green.argmax(), green.shape)
    assert abs(row - 30) <= 2
    assert abs(column - 130) <= 2
    assert np.abs(np.diff(green, axis=0)).max() < 0.1


def test_overlay_keeps_the_anatomy_of_a_dark_image():
    dark = np.zeros((32, 32, 3), np.uint8)
    dark[:, 16:] = 40
    drawn = pictures.overlay(np.full((8, 8), 0.5, np.float32), dark)
    rise = drawn[:, 16:] / 255 - drawn[:, :16] / 255
    np.testing.assert_allclose(rise, 0.3, atol=1 / 255)


def test_shrinking_limits_the_longer_side_and_keeps_the_shape():
    pixels = noise(100, 140)
    large = cv2.resize(pixels, (1400, 1000), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(pictures.shrunk(large, 140), pixels)
    assert pictures.shrunk(pixels, 140) is pixels
    assert pictures.shrunk(np.zeros((4000, 2, 3), np.uint8), 100).shape == (
        100,
        1,
        3,
    )
