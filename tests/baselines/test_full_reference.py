"""Yardsticks that look at the true reference."""

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.baselines import full_reference
from g2npan_tf.baselines.full_reference import fit_reference
from g2npan_tf.baselines.full_reference import reference_features
from g2npan_tf.baselines.full_reference import reference_rmse
from g2npan_tf.core.errors import InputError
from tests.fused_triple import textured

REFERENCE = textured(0)
NOISY = np.clip(
    REFERENCE + np.random.default_rng(0).normal(0, 12, REFERENCE.shape), 0, 255
).astype(np.uint8)
SMOOTH = ndimage.gaussian_filter(REFERENCE, 1.5)


def test_the_reference_itself_has_no_error():
    assert reference_rmse(REFERENCE, REFERENCE) == 0
    features = reference_features(REFERENCE, REFERENCE)
    assert features.shape == (full_reference.NUM_FEATURES,)
    np.testing.assert_allclose(features, [0, 0, 1, 0, 1, 0, 0, 0], atol=1e-12)


def test_rmse_by_hand():
    darker = np.full((4, 4), 49, np.uint8)
    assert reference_rmse(darker, darker + 51) == pytest.approx(0.2)
    grey = np.repeat(darker[..., None], 3, axis=2)
    assert reference_rmse(grey, darker + 51) == pytest.approx(0.2)


def test_noise_and_smoothing_are_told_apart():
    noisy, smooth = (reference_features(x, REFERENCE) for x in (NOISY, SMOOTH))
    # Power of the finest band, over that of the reference.
    assert noisy[5] > 0 > smooth[5]
    # Noise averages out where both are smoothed.
    assert noisy[1] < noisy[0] / 2
    assert max(noisy[2], smooth[2]) < 1


def test_brightness_is_a_difference_of_means_alone():
    image = REFERENCE // 2
    brighter = reference_features(image + 51, image)
    assert brighter[3] == pytest.approx(0.2)
    np.testing.assert_allclose(brighter[4:], [1, 0, 0, 0], atol=1e-9)


def test_regression_learns_what_a_feature_tells():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (60, 8)) * 10.0 ** np.arange(-4, 4)
    features[:, 3] = 0
    mos = 3 + np.tanh(features[:, 0] / 1e-4)
    predicted = fit_reference(features[:40], mos[:40])(features[40:])
    assert np.corrcoef(predicted, mos[40:])[0, 1] > 0.8


def test_other_sizes_are_one_line():
    with pytest.raises(InputError, match="must have the size of the image"):
        reference_rmse(REFERENCE, REFERENCE[1:])
