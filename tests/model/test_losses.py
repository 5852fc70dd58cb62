"""Each loss against a value worked by hand, its bounds and its direction."""

import doctest
import math

import keras
import numpy as np
import pytest
import skimage.metrics
import tensorflow as tf
from scipy import stats

from g2npan_tf.model import losses
from tests.model.test_spectrum import log_powers

EXTREME = np.array([-30000.0, 30000.0], np.float16)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def one(*values):
    """Tensors of a batch of one."""
    return [np.float32([value]) for value in values]


def gradient(loss, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(loss(x))
    return tape.gradient(y, x).numpy()


def test_doctests():
    results = doctest.testmod(losses, optionflags=doctest.ELLIPSIS)
    assert results.attempted
    assert not results.failed


def test_reduce_mean_sums_to_the_mean_over_replicas():
    values = np.array([1.0, 2.0, 6.0, 7.0], np.float32)
    parts = [losses.reduce_mean(values[i : i + 2], 4) for i in (0, 2)]
    assert float(parts[0]) + float(parts[1]) == values.mean()


def test_reconstruction_loss_by_hand():
    reference = np.zeros((2, 1, 2, 1), np.float32)
    generated = np.array([[[[0.5], [0.1]]], [[[0.0], [0.0]]]], np.float32)
    loss = losses.reconstruction_loss(reference, generated)
    np.testing.assert_allclose(loss, [(0.25 + 0.01) / 2, 0.0], rtol=1e-6)


def test_spectral_loss_is_between_the_spectra_of_what_is_changed():
    rng = np.random.default_rng(0)
    image, reference, made = rng.random((3, 2, 32, 32, 3))
    loss = losses.spectral_loss(
        *(np.float32(x) for x in (image, reference, made))
    )
    expected = [
        np.abs(
            log_powers((m - i).mean(axis=-1))
            - log_powers((r - i).mean(axis=-1))
        ).mean()
        for i, r, m in zip(image, reference, made, strict=True)
    ]
    np.testing.assert_allclose(loss, expected, rtol=1e-3)


def test_ssim_loss_is_one_minus_scikit_images():
    reference, made = np.random.default_rng(0).random((2, 3, 24, 32, 3))
    made = (reference + made) / 2
    loss = losses.ssim_loss(np.float32(reference), np.float32(made))
    maps = [
        skimage.metrics.structural_similarity(
            x.mean(axis=-1),
            y.mean(axis=-1),
            data_range=1,
            gaussian_weights=True,
            use_sample_covariance=False,
            full=True,
        )[1]
        for x, y in zip(reference, made, strict=True)
    ]
    # Only windows that lie wholly in the image count.
    expected = [1 - x[5:-5, 5:-5].mean() for x in maps]
    np.testing.assert_allclose(loss, expected, rtol=1e-3)
    np.testing.assert_allclose(
        losses.ssim_loss(np.float32(made), np.float32(made)), 0, atol=1e-4
    )


def test_spectral_loss_asks_for_the_power_of_a_change_not_its_sign():
    rng = np.random.default_rng(0)
    image, change = np.float32(rng.uniform(0.4, 0.5, (2, 1, 16, 16, 3)))
    loss = losses.spectral_loss(image, image + change, image - change)
    assert float(loss[0]) == pytest.approx(0, abs=1e-3)


def test_spectral_loss_has_a_finite_slope_where_nothing_is_changed():
    image = np.full((1, 16, 16, 3), 0.5, np.float32)
    noise = np.random.default_rng(0).normal(0, 0.1, image.shape)
    reference = np.float32(image + noise)
    for start in (image, image + np.float32(1e-4 * noise)):
        slope = gradient(
            lambda x: losses.spectral_loss(image, reference, x), start
        )
        assert np.isfinite(slope).all()
    # From the first change on it is one, towards more of it.
    assert (slope * noise).sum() < 0


@pytest.mark.parametrize("logit", [-2.0, 0.3, 4.0])
@pytest.mark.parametrize("weight", [1.0, 0.01])
def test_generator_loss_by_hand(logit, weight):
    (loss,) = losses.generator_loss(*one(logit, 0.2), 0.5, weight)
    expected = weight * math.log(1 - sigmoid(logit)) + 0.1
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_generator_loss_falls_when_the_discriminator_is_fooled():
    slope = gradient(
        lambda x: losses.generator_loss(x, tf.zeros_like(x)), [-3.0, 0.0, 3.0]
    )
    assert (slope < 0).all()


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_discriminator_loss_is_the_paper_s_form_for_binary_weights(weight):
    real, fake = 0.7, -0.4
    (loss,) = losses.discriminator_loss(*one(real, fake, weight))
    paper = math.log(sigmoid(real)) + math.log(1 - abs(sigmoid(fake) - weight))
    assert float(loss) == pytest.approx(-paper, rel=1e-5)


def test_discriminator_loss_wants_good_images_to_pass_and_bad_ones_not():
    ones = tf.ones(2)
    slope = gradient(
        lambda x: losses.discriminator_loss(ones, x, tf.constant([0.0, 1.0])),
        [0.0, 0.0],
    )
    assert slope[0] > 0 > slope[1]


def test_cam_loss_by_hand():
    target = np.array([[[0.0, 1.0]], [[0.5, 0.5]]], np.float32)
    cam = np.array([[[0.25, 0.5]], [[0.5, 0.5]]], np.float32)
    np.testing.assert_allclose(losses.cam_loss(target, cam), [0.375, 0.0])


@pytest.mark.parametrize(("target", "logit"), [(0.25, 1.5), (1.0, -3.0)])
def test_quality_loss_by_hand(target, logit):
    p = sigmoid(logit)
    expected = -(target * math.log(p) + (1 - target) * math.log(1 - p))
    (loss,) = losses.quality_loss(*one(target, logit))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_quality_loss_is_least_at_the_score_and_zero_only_at_certainty():
    best = math.log(0.8 / 0.2)
    at = [
        float(losses.quality_loss(*one(0.8, best + step))[0])
        for step in (-0.1, 0.0, 0.1)
    ]
    assert at[1] == min(at) > 0
    (certain,) = losses.quality_loss(*one(1.0, 40.0))
    assert float(certain) == pytest.approx(0.0, abs=1e-12)


def test_sums_weigh_their_second_term():
    assert float(losses.assessment_loss(*one(0.5, 2.0), 3.0)[0]) == 3.5
    (loss,) = losses.perceptual_loss(*one(1.0, 2.0), 0.01)
    assert float(loss) == pytest.approx(1.02)


def test_correlation_loss_is_one_minus_pearsons():
    rng = np.random.default_rng(0)
    quality, predicted = rng.random((2, 9)).astype(np.float32)
    loss = np.asarray(losses.correlation_loss(quality, predicted))
    expected = 1 - stats.pearsonr(quality, predicted).statistic
    np.testing.assert_allclose(loss, np.full(9, expected), rtol=1e-4)


def test_correlation_loss_of_equal_predictions_is_one_with_a_finite_slope():
    quality = tf.constant([0.2, 0.6, 0.9])
    equal = [0.5, 0.5, 0.5]
    assert float(losses.correlation_loss(quality, tf.constant(equal))[0]) == 1.0
    slope = gradient(lambda x: losses.correlation_loss(quality, x), equal)
    assert np.isfinite(slope).all()


def test_perception_weight_is_one_from_mos_3_on():
    weight = losses.perception_weight(np.float32([0.0, 0.499, 0.5, 1.0]))
    assert np.asarray(weight).tolist() == [0, 0, 1, 1]


def test_ranking_loss_by_hand():
    quality = np.float32([0.9, 0.1, 0.5, 0.4, 0.4])
    logit = np.float32([0.0, 1.0, 2.0, -1.0, 3.0])
    group = np.int64([7, 7, 8, 8, 8])
    # Pairs: 0 above 1, 2 above 3 and 2 above 4; 3 and 4 are equal.
    errors = np.log1p(np.exp([1.0 - 0.0, -1.0 - 2.0, 3.0 - 2.0]))
    loss = np.asarray(losses.ranking_loss(quality, logit, group))
    np.testing.assert_allclose(loss, np.full(5, errors.mean()), rtol=1e-5)


def test_ranking_loss_lifts_the_better_of_a_group_and_leaves_strangers():
    quality = tf.constant([0.2, 0.9, 0.5])
    slope = gradient(
        lambda x: losses.ranking_loss(quality, x, tf.constant([1, 1, 2]))[0],
        [0.0, 0.0, 0.0],
    )
    np.testing.assert_allclose(slope, [0.5, -0.5, 0.0])
    alone = losses.ranking_loss(quality, tf.zeros(3), tf.constant([1, 2, 3]))
    np.testing.assert_array_equal(alone, np.zeros(3))


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: losses.generator_loss(x, x * 0),
        lambda x: losses.discriminator_loss(x, x, x * 0),
        lambda x: losses.discriminator_loss(x, x, x * 0 + 1),
        lambda x: losses.quality_loss(x * 0 + 1, x),
    ],
)
def test_losses_stay_finite_in_float16_at_extreme_logits(loss):
    values = np.asarray(loss(keras.ops.array(EXTREME)))
    assert values.shape == (2,)
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("loss", "shapes"),
    [
        (losses.reconstruction_loss, [(2, 4, 4, 3), (2, 4, 4, 1)]),
        (losses.spectral_loss, [(2, 8, 8, 3), (2, 8, 8, 3), (2, 8, 8, 1)]),
        (losses.ssim_loss, [(2, 16, 16, 3), (2, 16, 16, 1)]),
        (losses.generator_loss, [2, 1]),
        (losses.discriminator_loss, [2, 2, (2, 1)]),
        (losses.cam_loss, [(2, 4, 4), (2, 8, 8)]),
        (losses.quality_loss, [2, (2, 1)]),
        (losses.assessment_loss, [2, 1]),
        (losses.correlation_loss, [2, 1]),
        (losses.ranking_loss, [2, 2, 1]),
        (losses.perceptual_loss, [2, 1]),
    ],
)
def test_losses_refuse_shapes_that_would_broadcast(loss, shapes):
    with pytest.raises(ValueError, match=r"equal\. Received: "):
        loss(*(np.zeros(shape) for shape in shapes))
