import csv
import json
import sys
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from g2npan_tf.baselines import bmpri
from g2npan_tf.baselines import pseudo_references
from g2npan_tf.core.errors import InputError
from tests.tiny import REPOSITORY

ORACLE = REPOSITORY.parent / "shared" / "metrics" / "oracle"
# Families in the features' order, as the oracle names them.
JPEG, BLUR, NOISE = slice(0, 5), slice(10, 15), slice(15, 20)
VARIANCES = (0.3, 0.4, 0.5, 0.6, 0.7)


def textured(shape=(40, 52), seed=0):
    rng = np.random.default_rng(seed)
    sigma = (1.5, 1.5, 0)[: len(shape)]
    noise = ndimage.gaussian_filter(rng.normal(size=shape), sigma)
    levels = 128 + 40 * noise / noise.std()
    return np.rint(levels).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def oracle():
    """Image and values by metric of each case of the reference code."""
    if not ORACLE.is_dir():
        pytest.skip("no oracle beside the project")
    values = {
        case: {} for case in json.loads((ORACLE / "cases.json").read_text())
    }
    with (ORACLE / "values.csv").open() as file:
        for row in csv.DictReader(file):
            if row["metric"].startswith("bmpri"):
                values[row["case"]][row["metric"]] = float(row["value"])
    images = {
        case: np.asarray(Image.open(ORACLE / "images" / f"{case}_F.png"))
        for case in values
    }
    assert len(images) == 12
    return {case: (images[case], values[case]) for case in values}


def test_jpeg_and_blur_features_equal_the_reference_code(oracle):
    for case, (image, values) in oracle.items():
        features = bmpri.bmpri_features(image)
        jpeg = [values[f"bmpri.JPEG_q{q}"] for q in (0, 2, 4, 6, 8)]
        blur = [
            values[f"bmpri.GB_sigma{sigma}"]
            for sigma in (0.5, 1.0, 1.5, 2.0, 2.5)
        ]
        # The oracle's text has 15 digits.
        np.testing.assert_allclose(features[JPEG], jpeg, 0, 1e-15, err_msg=case)
        np.testing.assert_allclose(features[BLUR], blur, 0, 1e-15, err_msg=case)


def test_noise_features_lie_within_the_reference_codes_spread(oracle):
    for case, (image, values) in oracle.items():
        features = bmpri.bmpri_features(image)[NOISE]
        for feature, variance in zip(features, VARIANCES, strict=True):
            name = f"bmpri_mc.WN_var{variance}"
            mean, sd = values[f"{name}_mean40"], values[f"{name}_sd40"]
            assert abs(feature - mean) <= 4 * sd, (case, variance)


def test_features_are_shares_in_order_and_the_same_each_time():
    for shape in ((40, 52), (40, 52, 3)):
        features = bmpri.bmpri_features(textured(shape))
        assert features.shape == (20,)
        assert features.dtype == np.float64
        assert features.min() >= 0
        assert features.max() < 1
        pseudo_references._unit_noise.cache_clear()
        again = bmpri.bmpri_features(textured(shape))
        np.testing.assert_array_equal(features, again)


def test_a_worse_image_shows_in_its_own_family():
    # Fine texture, that each of the three destroys in its own way.
    image = pseudo_references.noisy(textured((128, 128)), 0.001)
    own = bmpri.bmpri_features(image)
    worse = (
        (JPEG, pseudo_references.as_jpeg(image, 5)),
        (BLUR, pseudo_references.blurred(image, 2.0)),
        (NOISE, pseudo_references.noisy(image, 0.3)),
    )
    for family, copy in worse:
        features = bmpri.bmpri_features(copy)
        assert features[family].mean() > own[family].mean()


@pytest.mark.parametrize("shape", [(20, 20), (20, 20, 3), (3, 3), (3, 9, 3)])
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


def test_pattern_turns_with_the_image():
    image = textured()
    counts = bmpri.neighbour_counts(image)
    np.testing.assert_array_equal(
        bmpri.neighbour_counts(np.rot90(image)), np.rot90(counts)
    )


def test_overlap_divides_by_one_more_than_the_copys_structure():
    # A copy without structure would otherwise be 0/0, and a copy with the
    # image's own structure 1.
    own = np.array([True, True, False, False])
    assert bmpri._overlap(own, np.zeros(4, bool)) == 0
    assert bmpri._overlap(own, own) == 2 / 3
    assert bmpri._overlap(own, np.array([True, False, True, True])) == 1 / 4


@pytest.mark.parametrize(
    "image",
    [
        textured().astype(np.float32),
        textured()[..., np.newaxis],
        textured()[:2],
        [[1, 2, 3]] * 3,
    ],
    ids=["float", "one channel", "two rows", "list"],
)
def test_other_images_are_refused(image):
    with pytest.raises(InputError, match=r"^image must be uint8 .* Received"):
        bmpri.bmpri_features(image)


def test_scaling_extrapolates_and_ignores_what_was_constant():
    low, high = np.zeros(20), np.full(20, 0.5)
    high[3] = 0.0
    rows = np.stack([low, low + 0.5, low + 0.75, low - 0.25])
    scaled = bmpri.scaled(rows, low, high)
    np.testing.assert_array_equal(scaled[:, 0], [-1, 1, 2, -2])
    np.testing.assert_array_equal(scaled[:, 3], 0)


def test_two_images_give_the_hand_worked_regression():
    pytest.importorskip("sklearn")
    predict = bmpri.fit_bmpri(
        np.stack([np.zeros(20), np.full(20, 0.4)]), [1, 3]
    )
    # Kernel exp(-.05 d^2) of images scaled to -1 and 1 in 20 features; the
    # tube of .1 around either score leaves a rise of 1.8.
    weight = 1.8 / (2 * (1 - np.exp(-0.05 * 80)))

    def expected(x):
        near = np.exp(-0.05 * 20 * (x - 1) ** 2)
        return 2 + weight * (near - np.exp(-0.05 * 20 * (x + 1) ** 2))

    x = np.array([-2.0, -1, 0, 0.5, 1, 3])
    rows = np.repeat((x[:, np.newaxis] + 1) * 0.2, 20, axis=1)
    np.testing.assert_allclose(predict(rows), expected(x), atol=2e-3)


def test_weight_of_one_image_is_bounded_by_the_penalty():
    pytest.importorskip("sklearn")
    ends = np.stack([np.zeros(20), np.full(20, 0.4)])
    # Scores so far apart that 1024, not the tube, ends the rise.
    rise = np.diff(bmpri.fit_bmpri(ends, [0, 5000])(ends))
    assert rise == pytest.approx(2 * 1024 * (1 - np.exp(-0.05 * 80)))


def test_regression_learns_the_direction_and_repeats():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    features = rng.random((60, 20))
    mos = 1 + 4 * features[:, 0]
    first = bmpri.fit_bmpri(features[:50], mos[:50])(features[50:])
    again = bmpri.fit_bmpri(features[:50], mos[:50])(features[50:])
    np.testing.assert_array_equal(first, again)
    assert np.corrcoef(first, mos[50:])[0, 1] > 0.8


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
