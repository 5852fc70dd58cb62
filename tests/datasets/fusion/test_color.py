"""Luminance out of colours and back."""

import cv2
import numpy as np

from datasets.fusion import color


def random_rgb(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (33, 47, 3), dtype=np.uint8)


def test_luminance_is_the_standards_and_opencvs():
    primaries = np.eye(3, dtype=np.uint8)[np.newaxis] * 255
    found = color.luminance(primaries)
    np.testing.assert_allclose(found, [[0.299, 0.587, 0.114]], rtol=1e-6)
    expected = cv2.cvtColor(random_rgb(0), cv2.COLOR_RGB2GRAY)
    found = color.luminance(random_rgb(0)) * 255
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_luminance_of_grey_is_the_grey_level():
    levels = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    found = color.luminance(np.dstack([levels] * 3))
    np.testing.assert_allclose(found, levels / 255, atol=1e-7)
    assert found.max() <= 1.0


def test_new_luminance_keeps_chroma_and_is_the_luminance():
    image = 100 + random_rgb(2) // 8
    old = color.luminance(image)
    new = old + np.float32(20 / 255)
    changed = color.replace_luminance(image, old, new)
    np.testing.assert_array_equal(changed, image + 20)
    found = color.luminance(changed)
    np.testing.assert_allclose(found, new, atol=1e-6)


def test_out_of_gamut_values_are_clipped_not_wrapped():
    image = np.array([[[250, 128, 3]]], np.uint8)
    old = color.luminance(image)
    brighter, darker = (
        color.replace_luminance(image, old, old + np.float32(step))
        for step in (0.1, -0.1)
    )
    assert brighter[0, 0, 0] == 255
    assert darker[0, 0, 2] == 0


def test_one_coloured_pixel_makes_an_image_coloured():
    image = np.full((4, 4, 3), 7, np.uint8)
    assert color.is_grey(image)
    image[3, 3, 2] = 8
    assert not color.is_grey(image)
