import io
import sys
import types
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from g2npan_tf.baselines import bmpri
from g2npan_tf.core.errors import InputError
from tests.fused_triple import textured

# Families in the features' order, as the oracle names them.
JPEG, BLUR, NOISE = slice(0, 5), slice(10, 15), slice(15, 20)


def test_features_equal_the_reference_code(oracle):
    for case, texts in oracle.values.items():
        known = {
            name: float(text)
            for name, text in texts.items()
            if name.startswith("bmpri")
        }
        image = oracle.image(case, "F")
        features = bmpri.bmpri_features(image)
        # The oracle's text has 15 digits.
        jpeg = [known[f"bmpri.JPEG_q{q}"] for q in (0, 2, 4, 6, 8)]
        np.testing.assert_allclose(features[JPEG], jpeg, 0, 1e-15, err_msg=case)
        blur = [known[f"bmpri.GB_sigma{s / 2}"] for s in range(1, 6)]
        np.testing.assert_allclose(features[BLUR], blur, 0, 1e-15, err_msg=case)
        # Of noise the reference code has another pattern.
        for feature, tenths in zip(features[NOISE], range(3, 8), strict=True):
            name = f"bmpri_mc.WN_var0.{tenths}"
            mean, sd = known[f"{name}_mean40"], known[f"{name}_sd40"]
            assert abs(feature - mean) <= 4 * sd, (case, tenths)


def test_features_are_shares_in_order_and_the_same_each_time():
    for shape in ((40, 52), (40, 52, 3)):
        features = bmpri.bmpri_features(textured(0, shape))
        assert features.shape == (20,)
        assert features.dtype == np.float64
        assert features.min() >= 0
        assert features.max() < 1
        bmpri._unit_noise.cache_clear()
        again = bmpri.bmpri_features(textured(0, shape))
        np.testing.assert_array_equal(features, again)


def test_a_worse_image_shows_in_its_own_family():
    # Fine texture, that each of the three destroys in its own way.
    image = bmpri.noisy(textured(0, (128, 128)), 0.001)
    own = bmpri.bmpri_features(image)
    worse = (
        (JPEG, bmpri.as_jpeg(image, 5)),
        (BLUR, bmpri.blurred(image, 2.0)),
        (NOISE, bmpri.noisy(image, 0.3)),
    )
    for family, copy in worse:
        features = bmpri.bmpri_features(copy)
        assert features[family].mean() > own[family].mean()


@pytest.mark.parametrize("shape", [(20, 20, 3), (3, 3), (3, 9, 3)])
@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_constant_image_has_no_structure(shape, level):
    features = bmpri.bmpri_features(np.full(shape, level, np.uint8))
    np.testing.assert_array_equal(features, np.zeros(20))


def test_neighbours_that_are_equal_or_brighter_count():
    grey = np.array(
        [[9, 5, 0, 7], [4, 5, 6, 6], [9, 3, 9, 1], [0, 0, 0, 0]], np.uint8
    )
    # Diagonal neighbours and the frame's own patterns are left out.
    np.testing.assert_array_equal(
        bmpri.neighbour_counts(grey), [[2, 2], [3, 0]]
    )
    assert bmpri.neighbour_counts(grey[:3, :4]).shape == (1, 2)
    with pytest.raises(InputError, match="at least 3 x 3"):
        bmpri.bmpri_features(grey[:2])


def test_overlap_divides_by_one_more_than_the_copys_structure():
    # A copy without structure would otherwise be 0/0, and a copy with the
    # image's own structure 1.
    own = np.array([True, True, False, False])
    assert bmpri._overlap(own, np.zeros(4, bool)) == 0
    assert bmpri._overlap(own, own) == 2 / 3
    assert bmpri._overlap(own, np.array([True, False, True, True])) == 1 / 4


def test_grey_copy_is_the_rounded_weighted_sum():
    image = np.array([[[10, 200, 30], [255, 255, 255], [0, 0, 0]]], np.uint8)
    # .2989 * 10 + .587 * 200 + .114 * 30 = 123.809.
    np.testing.assert_array_equal(bmpri.to_grey(image), [[124, 255, 0]])
    grey = np.arange(256, dtype=np.uint8)[np.newaxis]
    colour = np.stack([grey] * 3, axis=-1)
    np.testing.assert_array_equal(bmpri.to_grey(colour), grey)
    assert bmpri.to_grey(grey) is grey


@pytest.mark.parametrize("shape", [(40, 52), (40, 52, 3)])
def test_jpeg_of_quality_zero_is_that_of_one_and_colour_is_halved(shape):
    image = textured(0, shape)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=1, subsampling=2)
    expected = np.asarray(Image.open(file))
    np.testing.assert_array_equal(bmpri.as_jpeg(image, 0), expected)
    assert (bmpri.as_jpeg(image, 2) != expected).any()


@pytest.mark.parametrize(
    ("shape", "count"), [((128, 128), 1), ((128, 128, 3), 5), ((256, 256), 5)]
)
def test_jpeg2000_ratios_are_five_copies_only_where_bytes_suffice(shape, count):
    image = textured(0, shape)
    ratios = (150, 175, 200, 225, 250)
    copies = {bmpri.as_jpeg2000(image, ratio).tobytes() for ratio in ratios}
    assert len(copies) == count


def test_jpeg2000_is_about_as_small_as_wanted():
    file = io.BytesIO()
    one_file = types.SimpleNamespace(BytesIO=lambda: file)
    with mock.patch.object(bmpri, "io", one_file):
        bmpri.as_jpeg2000(textured(0, (256, 256, 3)), 200)
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
    blurred = bmpri.blurred(image, sigma)
    np.testing.assert_array_equal(blurred, np.floor(expected + 0.5))


def test_noise_has_the_given_variance_and_one_pattern():
    image = np.full((200, 200), 128, np.uint8)
    little = (bmpri.noisy(image, 0.0025) - 128.0) / 255
    assert np.var(little) == pytest.approx(0.0025, rel=0.05)
    more = (bmpri.noisy(image, 0.01) - 128.0) / 255
    # Twice the deviation, the same pattern, but for rounding and clipping.
    np.testing.assert_allclose(more, 2 * little, atol=3 / 255)


def test_colour_channels_have_noise_of_their_own():
    noisy = bmpri.noisy(np.full((60, 60, 3), 128, np.uint8), 0.01)
    red, green, _ = noisy.reshape(-1, 3).T.astype(float)
    assert abs(np.corrcoef(red, green)[0, 1]) < 0.1


def test_scaling_extrapolates_and_ignores_what_was_constant():
    low, high = np.zeros(20), np.full(20, 0.5)
    high[3] = 0.0
    rows = np.stack([low, low + 0.5, low + 0.75, low - 0.25])
    scaled = bmpri.scaled(rows, low, high)
    np.testing.assert_array_equal(scaled[:, 0], [-1, 1, 2, -2])
    np.testing.assert_array_equal(scaled[:, 3], 0)


def test_two_images_give_the_hand_worked_regression():
    pytest.importorskip("sklearn")
    ends = np.stack([np.zeros(20), np.full(20, 0.4)])
    # Kernel exp(-.05 d^2) of images scaled to -1 and 1 in 20 features; the
    # tube of .1 around either score leaves a rise of 1.8.
    weight = 1.8 / (2 * (1 - np.exp(-0.05 * 80)))

    def expected(x):
        near = np.exp(-0.05 * 20 * (x - 1) ** 2)
        return 2 + weight * (near - np.exp(-0.05 * 20 * (x + 1) ** 2))

    x = np.array([-2.0, -1, 0, 0.5, 1, 3])
    rows = np.repeat((x[:, np.newaxis] + 1) * 0.2, 20, axis=1)
    predicted = bmpri.fit_bmpri(ends, [1, 3])(rows)
    np.testing.assert_allclose(predicted, expected(x), atol=2e-3)
    # Scores so far apart that 1024, not the tube, ends the rise.
    rise = np.diff(bmpri.fit_bmpri(ends, [0, 5000])(ends))
    assert rise == pytest.approx(2 * 1024 * (1 - np.exp(-0.05 * 80)))


def test_regression_refuses_other_shapes():
    rows = np.zeros((4, 20))
    for features, mos in ((rows[:, :19], [1] * 4), (rows, [1] * 3)):
        with pytest.raises(InputError, match="features"):
            bmpri.fit_bmpri(features, np.array(mos))
    with pytest.raises(InputError, match="at least one"):
        bmpri.fit_bmpri(rows[:0], np.array([]))


def test_missing_scikit_learn_is_one_line_with_the_remedy():
    with (
        mock.patch.dict(sys.modules, {"sklearn": None, "sklearn.svm": None}),
        pytest.raises(InputError) as error,
    ):
        bmpri.fit_bmpri(np.zeros((2, 20)), np.array([1, 2]))
    assert "pip install '.[baselines]'" in str(error.value)
    assert "\n" not in str(error.value)
