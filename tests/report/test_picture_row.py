import io

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.report.picture_row import Bar
from g2npan_tf.report.picture_row import View
from g2npan_tf.report.picture_row import draw_row
from g2npan_tf.report.picture_row import encode_png
from g2npan_tf.report.pictures import MAGMA
from g2npan_tf.report.pictures import VIRIDIS
from g2npan_tf.report.pictures import coloured


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def drawn(bar=None, shape=(128, 128)):
    grey = np.full((64, 64, 3), 127, np.uint8)
    return decode(draw_row([View("a", "A", grey, bar)], shape, "T", "name"))


def is_ink(picture):
    return (picture == 0x1A).all(axis=-1)


def test_png_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    np.testing.assert_array_equal(decode(encode_png(pixels)), pixels)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_the_mark_points_at_the_value(value):
    bar = Bar(VIRIDIS, 1.0, "label", value)
    difference = is_ink(drawn(bar)) & ~is_ink(drawn(Bar(VIRIDIS, 1.0, "label")))
    rows, columns = np.nonzero(difference)
    tip = columns[rows == rows.max()].mean()
    assert tip == pytest.approx(30 + 383 * value, abs=1)


def test_the_bar_runs_from_the_first_colour_to_the_last():
    picture = drawn(Bar(MAGMA, 0.3, "label"))
    middle = picture[120 + 384 + 26 + 8, 30 : 30 + 384]
    ends = coloured(np.array([[0.003, 0.997]]), MAGMA)[0]
    np.testing.assert_allclose(middle[[1, -2]], ends, atol=3)


@pytest.mark.parametrize("high", [0.05, 0.0731, 0.3, 1.0, 3.0])
def test_every_scale_is_drawn_with_its_numbers(high):
    with_bar, without = drawn(Bar(MAGMA, high, "")), drawn()
    numbers = slice(120 + 384 + 26 + 20, None)
    assert is_ink(with_bar[numbers]).any()
    assert not is_ink(without[numbers]).any()


def test_accents_are_left_out_of_names_and_other_scripts_are_question_marks():
    def named(name):
        grey = np.zeros((64, 64, 3), np.uint8)
        return draw_row([View("a", "A", grey)], (64, 64), "T", name)

    assert named("Hôpital\n漢") == named("Hopital??")
    assert named("a") != named("b")


@pytest.mark.parametrize("shape", [(128, 128), (60, 128), (128, 60)])
def test_pictures_have_the_shape_of_the_image(shape):
    grey = (drawn(shape=shape)[120:] == 127).all(axis=-1)
    rows, columns = np.nonzero(grey)
    ratio = np.ptp(rows) / np.ptp(columns)
    assert ratio == pytest.approx(shape[0] / shape[1], rel=0.02)
