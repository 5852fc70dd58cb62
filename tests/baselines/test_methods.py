"""Methods on rows of a data set."""

import sys
from unittest import mock

import numpy as np
import pytest

from g2npan_tf import baselines
from g2npan_tf.baselines import methods
from g2npan_tf.baselines.methods import METHODS
from g2npan_tf.baselines.methods import fit_logistic
from g2npan_tf.core.errors import InputError
from tests.fused_triple import average
from tests.fused_triple import textured

GREY = [textured(seed) for seed in (0, 1)]
FUSED = [average(*GREY), np.maximum(*GREY)]


def colour(images):
    return [np.stack([image] * 3, axis=-1) for image in images]


ROWS = {
    "image": colour(FUSED),
    "source_a": colour([GREY[0]] * 2),
    "source_b": colour([GREY[1]] * 2),
}


@pytest.mark.parametrize("name", ["hossny", "oefp", "tsallis", "rsfe"])
def test_measure_of_colour_is_that_of_its_luminance(name):
    measure = getattr(baselines, name)
    if name == "rsfe":
        # Closest to 0 is best.
        measure = lambda *images: -abs(baselines.rsfe(*images))  # noqa: E731
    expected = [measure(*GREY, fused) for fused in FUSED]
    assert METHODS[name].measure(ROWS).tolist() == expected
    assert METHODS[name].needs_sources
    rows = {column: [image[0].copy()] for column, image in ROWS.items()}
    # 0.299 * 150 = 45 more, whatever the other channels are.
    rows["image"][0][...] = (150, 0, 0)
    expected = measure(*GREY, np.full_like(GREY[0], 45))
    assert METHODS[name].measure(rows).tolist() == [expected]


def test_blind_methods_see_every_image_alone_and_in_colour(monkeypatch):
    monkeypatch.setattr(methods, "import_regression", lambda: None)
    images = {"image": np.array(ROWS["image"])}
    features = METHODS["bmpri"].measure(images)
    expected = [baselines.bmpri_features(image) for image in ROWS["image"]]
    np.testing.assert_array_equal(features, expected)
    expected = [baselines.tang(fused) for fused in FUSED]
    assert METHODS["tang"].measure(images).tolist() == expected


def test_bmpri_asks_for_scikit_learn_before_it_measures():
    absent = {"sklearn": None, "sklearn.svm": None}
    with (
        mock.patch.dict(sys.modules, absent),
        pytest.raises(InputError, match="scikit-learn"),
    ):
        METHODS["bmpri"].measure({})


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_fitted_logistic_does_not_depend_on_the_measures_unit(scale):
    values = np.linspace(-3, 3, 40)
    mos = 1 + 4 / (1 + np.exp(-values))
    predict = fit_logistic(scale * values + 7 * scale, mos)
    between = scale * np.array([-0.5, 2.0]) + 7 * scale
    expected = 1 + 4 / (1 + np.exp([0.5, -2.0]))
    np.testing.assert_allclose(predict(between), expected, atol=1e-3)


def test_fitted_logistic_of_a_constant_measure_is_the_mean():
    predict = fit_logistic(np.full(6, 0.97), np.arange(6.0))
    assert predict(np.array([0.97, 0.5])).tolist() == [2.5, 2.5]
