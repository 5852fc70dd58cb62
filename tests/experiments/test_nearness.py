"""Figures of a generator that is known, against those by hand."""

import keras
import numpy as np
import pytest
import skimage.metrics

from g2npan_tf.experiments.nearness import MEASURES
from g2npan_tf.experiments.nearness import nearness
from g2npan_tf.model import spectrum
from tests.model.test_spectrum import log_powers

COUNT, SIZE = 6, 32
CASES = ["a", "a", "b", "b", "c", "c"]


def scorer_of(function):
    """A scorer whose generator is a function of the image on [0, 1]."""
    image = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    made = function(keras.ops.cast(image, "float32") / 255)
    return keras.Model(image, {"reference": made})


@pytest.fixture
def pixels():
    """Images, half as bright as their references."""
    rng = np.random.default_rng(0)
    images = rng.integers(20, 120, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)
    return images, 2 * images


def test_a_perfect_generator_is_at_the_reference(pixels):
    found = nearness(scorer_of(lambda x: 2 * x), *pixels, CASES, 3)
    assert found.keys() == MEASURES.keys()
    for name, best in {"mse": 0, "ssim": 1, "spectrum": 0, "change": 0}.items():
        assert found[name].generated == pytest.approx(best, abs=1e-5)
        gain = found[name].difference
        assert gain.difference == pytest.approx(
            found[name].generated - found[name].image
        )
        assert gain.low <= gain.difference <= gain.high
        assert gain.low * gain.high > 0


def test_a_generator_that_changes_nothing_is_as_far_as_the_image(pixels):
    images, references = pixels
    found = nearness(scorer_of(lambda x: 1 * x), *pixels, CASES, 3)
    for measure in found.values():
        assert measure.generated == pytest.approx(measure.image)
        assert measure.difference.high == pytest.approx(0, abs=1e-6)
    image, reference = images / 255, references / 255
    assert found["mse"].image == pytest.approx(
        ((image - reference) ** 2).mean()
    )
    # But for what a wave between two frames is, a quarter of the power.
    assert found["spectrum"].image == pytest.approx(np.log(4), rel=0.01)
    powers = [
        log_powers((y - x).mean(-1))
        for x, y in zip(image, reference, strict=True)
    ]
    still = np.log(spectrum.POWER_FLOOR)
    assert found["change"].image == pytest.approx(
        np.mean(np.abs(np.array(powers) - still)), rel=1e-4
    )
    inner = np.mean(
        [
            skimage.metrics.structural_similarity(
                x,
                y,
                data_range=1,
                channel_axis=-1,
                gaussian_weights=True,
                use_sample_covariance=False,
            )
            for x, y in zip(image, reference, strict=True)
        ]
    )
    # That of scikit-image is without the frame.
    assert found["ssim"].image == pytest.approx(inner, abs=0.02)


def test_intervals_are_by_case():
    rng = np.random.default_rng(0)
    images = rng.integers(100, 150, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)
    references = images.copy()
    # Only the images of one case are to be made brighter.
    references[:2] += 25
    brighter = scorer_of(lambda x: x + 25 / 255)
    one_case = nearness(brighter, images, references, CASES, 3)["mse"]
    none = nearness(brighter, images, references, ["a"] * COUNT, 3)["mse"]
    change = (25 / 255) ** 2
    assert one_case.difference.difference == pytest.approx(change / 3)
    assert one_case.difference.low == pytest.approx(-change)
    assert one_case.difference.high == pytest.approx(change)
    assert np.isnan(none.difference.low)
