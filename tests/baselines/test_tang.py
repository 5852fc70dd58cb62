import sys

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.baselines import pcnn
from g2npan_tf.baselines.tang import component_score
from g2npan_tf.baselines.tang import tang
from g2npan_tf.core.errors import InputError

# The package's attribute of that name is the function.
module = sys.modules[tang.__module__]


def textured(shape=(48, 64), deviation=40, seed=0):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.0)
    levels = 128 + deviation * noise / noise.std()
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def blurred(image, sigma):
    smooth = ndimage.gaussian_filter(image.astype(float), sigma)
    return np.rint(smooth).astype(np.uint8)


def test_blur_and_lost_contrast_lower_the_value():
    image = textured()
    blurs = [tang(image), *(tang(blurred(image, s)) for s in (1.0, 2.0))]
    contrasts = [tang(textured(deviation=d)) for d in (40, 20, 10)]
    for values in (blurs, contrasts):
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 3


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (1, 1), (1, 9, 3)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_image_is_worth_nothing(shape, level):
    assert tang(np.full(shape, level, np.uint8)) == 0


def test_value_is_finite_bounded_and_the_same_each_time():
    for image in (textured(), textured((33, 47)), 255 * (textured() > 128)):
        image = image.astype(np.uint8)
        value = tang(image)
        assert isinstance(value, float)
        assert 0 < value < 200
        assert tang(image) == value


def test_grey_stored_as_colour_has_the_same_value():
    image = textured()
    assert tang(np.stack([image] * 3, axis=-1)) == tang(image)


def test_value_moves_little_with_the_image():
    image = blurred(textured((120, 120)), 0.7)
    assert tang(image[:-5, :-3]) == pytest.approx(tang(image[5:, 3:]), rel=0.01)


def test_value_is_the_geometric_mean_of_both_components(monkeypatch):
    monkeypatch.setattr(
        module, "decompose", lambda grey: np.array([1.0, 2.0, 6.0, 12.0])
    )
    monkeypatch.setattr(module, "component_score", float)
    # Detail (1 + 2 + 6) / 3, the smooth part last.
    assert tang(textured()) == 6.0


def test_component_score_is_the_mean_of_the_times_above_the_mean(monkeypatch):
    times = np.array([[0, 0, 0, 2], [9, 5, 4, 4]], np.float32)
    monkeypatch.setattr(module, "firing_times", lambda stimulus: times)
    assert component_score(np.ones((2, 4), np.float32)) == 22 / 4


def test_component_score_of_equal_times_is_that_time(monkeypatch):
    monkeypatch.setattr(module, "firing_times", lambda s: np.full_like(s, 7))
    assert component_score(np.ones((2, 4), np.float32)) == 7


def test_sign_does_not_matter_and_rounding_does_not_fire():
    band = np.zeros((9, 9), np.float32)
    band[4, 4] = 0.3
    assert component_score(band) == component_score(-band) > 0
    assert component_score(band / 200) == 0
    assert pcnn.firing_times(band / 200).max() > 0


def test_input_stays_as_it_is():
    image = textured()
    before = image.copy()
    tang(image)
    np.testing.assert_array_equal(image, before)
    band = np.full((3, 3), 1e-4, np.float32)
    component_score(band)
    assert (band == np.float32(1e-4)).all()


@pytest.mark.parametrize(
    "image", [textured().astype(np.float32), textured()[None, None], [[1]]]
)
def test_other_images_are_refused(image):
    with pytest.raises(InputError, match=r"^image must be uint8 .* Received"):
        tang(image)
