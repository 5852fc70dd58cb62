"""What a reference tells, by hand and by SciPy; who learns from it."""

import math

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from g2npan_tf.model import reference_head
from g2npan_tf.model import spectrum
from g2npan_tf.model.reference_head import NUM_TARGETS
from g2npan_tf.model.reference_head import ReferenceHead
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.model.train_step import PlainAssessment
from tests.model.test_spectrum import log_powers
from tests.tiny import arrays
from tests.tiny import assert_same
from tests.tiny import random_batch
from tests.tiny import tiny_discriminator
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network


def written_out_gmsd(image, reference):
    """Of one image, by SciPy in float64."""

    def gradient(x):
        grey = x.mean(axis=-1)
        half = scipy.ndimage.uniform_filter(grey, 2, origin=-1)[::2, ::2]
        slopes = [scipy.ndimage.prewitt(half, axis) / 3 for axis in (0, 1)]
        return np.hypot(*slopes)[1:-1, 1:-1]

    a, b = gradient(image), gradient(reference)
    c = 170 / 255**2
    return ((2 * a * b + c) / (a**2 + b**2 + c)).std()


def test_gmsd_is_what_scipy_makes_of_its_equations():
    image, reference = np.random.default_rng(0).random((2, 3, 32, 24, 3))
    found = reference_head.gmsd(np.float32(image), np.float32(reference))
    expected = [
        written_out_gmsd(*x) for x in zip(image, reference, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(
        reference_head.gmsd(np.float32(image), np.float32(image)), 0, atol=1e-6
    )


def test_features_are_ssim_gmsd_and_power_by_frequency():
    rng = np.random.default_rng(0)
    reference = np.float32(rng.random((2, 32, 32, 3)))
    image = reference / 2
    found = reference_head.reference_features(
        image, reference, tf.constant([0.25, 0.75])
    )
    assert found.shape == (2, NUM_TARGETS)
    np.testing.assert_array_equal(found[:, 0], [0.25, 0.75])
    np.testing.assert_allclose(
        found[:, 1], reference_head.gmsd(image, reference)
    )
    # A quarter of the power.
    np.testing.assert_allclose(found[:, 2:], -np.log(4), rtol=1e-3)


def test_transfer_is_the_mean_of_each_radial_frequency():
    rng = np.random.default_rng(0)
    image, reference = rng.random((2, 1, 32, 32, 3))
    image = scipy.ndimage.gaussian_filter(image, (0, 1, 1, 0))
    difference = log_powers(image[0].mean(axis=-1))
    difference -= log_powers(reference[0].mean(axis=-1))
    by_radius = {}
    bands = spectrum.frequencies()
    for band, value in zip(bands, difference.mean(axis=(0, 1)), strict=True):
        # Of 16 x 16 pixels: half a wave each.
        radius = min(9, max(1, round(math.hypot(*band) / 2)))
        by_radius.setdefault(radius, []).append(value)
    found = reference_head.reference_features(
        np.float32(image), np.float32(reference), tf.ones(1)
    )
    expected = [np.mean(by_radius[radius]) for radius in range(1, 10)]
    np.testing.assert_allclose(found[0, 2:], expected, atol=1e-3)
    assert expected[0] - expected[-2] > 1


def test_targets_become_standardised():
    head = reference_head.head_for(keras.Input((4, 4, 3)))
    rng = np.random.default_rng(0)
    mean, spread = rng.normal(0, 5, NUM_TARGETS), rng.uniform(0.05, 2)
    made = []
    for _ in range(300):
        targets = rng.normal(mean, spread, (16, NUM_TARGETS))
        made.append(head.standardized(tf.constant(targets, tf.float32)))
    last = np.concatenate(made[-100:])
    np.testing.assert_allclose(last.mean(axis=0), 0, atol=0.15)
    np.testing.assert_allclose(last.std(axis=0), 1, atol=0.15)


def nets(use_gan):
    keras.utils.set_random_seed(1)
    if use_gan:
        return tiny_generator(), tiny_discriminator(), tiny_quality_network()
    return (tiny_quality_network(ufw_shape=None),)


def model_of(use_gan, use_head=True, **objective):
    kind = G2NPAN if use_gan else PlainAssessment
    model = kind(*nets(use_gan), use_reference_head=use_head)
    objective.setdefault("reference_head_weight", 1.0)
    model.compile(
        Objective(global_batch_size=4, **objective),
        *(keras.optimizers.SGD(1.0) for _ in model.OPTIMIZERS),
    )
    return model


def stepped(model, network):
    """How far a step moved each weight of a network and of the head."""
    batch = {name: tf.constant(x) for name, x in random_batch().items()}
    variables = [
        *getattr(model, network).trainable_variables,
        *model.reference_head.trainable_variables,
    ]
    before = [v.numpy() for v in variables]
    logs = model.train_step(batch)
    moves = [old - v.numpy() for old, v in zip(before, variables, strict=True)]
    return moves, logs


def written_out(model, use_gan):
    """Gradient of the head's loss, by one tape."""
    batch = random_batch()
    image, reference = (
        tf.cast(batch[n], tf.float32) / 255 for n in ("image", "reference")
    )
    net = model.generator if use_gan else model.quality_network
    head = ReferenceHead()
    layer = net.get_layer("ufw1_add" if use_gan else "cam")
    features = layer.output if use_gan else layer.input
    head.build(features.shape)
    head.set_weights(model.reference_head.get_weights())
    seen = keras.Model(net.input, features)
    targets = head.standardized(
        reference_head.reference_features(image, reference, batch["similarity"])
    )
    variables = [*net.trainable_variables, *head.trainable_variables]
    inputs = image if use_gan else {"image": image}
    with tf.GradientTape() as tape:
        means = tf.reduce_mean(seen(inputs, training=True), axis=(1, 2))
        error = tf.abs(targets - head.dense(means))
        smooth = tf.where(error < 1, error**2 / 2, error - 0.5)
        loss = tf.reduce_mean(smooth)
    return [
        np.zeros(v.shape) if gradient is None else gradient
        for v, gradient in zip(
            variables, tape.gradient(loss, variables), strict=True
        )
    ]


@pytest.mark.parametrize("is_alone", [False, True])
def test_the_warehouse_learns_what_a_reference_tells(is_alone):
    model = model_of(
        True,
        reconstruction_weight=0.0,
        adversarial_weight=0.0,
        quality_weight=0.0,
    )
    model.train_generator_alone(is_alone)
    expected = written_out(model, True)
    moves, logs = stepped(model, "generator")
    assert_same(moves, expected, atol=1e-4)
    assert max(np.abs(move).max() for move in moves[:4]) > 1e-3
    assert float(logs["reference_head_loss"]) > 0


def test_a_head_leaves_the_other_losses_gradients_as_they_are():
    with_head, without = (
        model_of(True, use_head=x, reference_head_weight=0.0)
        for x in (True, False)
    )
    batch = {name: tf.constant(x) for name, x in random_batch().items()}
    for model in (with_head, without):
        model.train_step(batch)
    assert_same(
        with_head.generator.get_weights(), without.generator.get_weights()
    )


def test_without_a_generator_the_backbone_learns_it():
    weightless, weighted = (
        model_of(False, reference_head_weight=w) for w in (0.0, 1.0)
    )
    expected = written_out(weighted, False)
    without, _ = stepped(weightless, "quality_network")
    moves, logs = stepped(weighted, "quality_network")
    added = [a - b for a, b in zip(moves, without, strict=True)]
    assert_same(added, expected, atol=1e-4)
    assert max(np.abs(move).max() for move in added[:4]) > 1e-3
    assert float(logs["reference_head_loss"]) > 0


@pytest.mark.parametrize("use_gan", [True, False])
def test_the_head_is_saved_but_not_in_the_scorer(use_gan, tmp_path):
    model, without = (model_of(use_gan, use_head=x) for x in (True, False))
    assert model.scorer.count_params() == without.scorer.count_params()
    model.save_weights(tmp_path / "with.weights.h5")
    names = arrays(tmp_path / "with.weights.h5")
    assert any("/reference_head/" in name for name in names)
    kernel = model.reference_head.dense.get_weights()[0]
    other = model_of(use_gan)
    other.reference_head.dense.set_weights([kernel + 1, np.ones(NUM_TARGETS)])
    other.load_weights(tmp_path / "with.weights.h5")
    assert_same(other.reference_head.dense.get_weights()[0], kernel)
