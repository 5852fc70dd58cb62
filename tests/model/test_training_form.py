"""The fast way to run a network in training is the network."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from g2npan_tf.model.training_form import training_form
from tests import tiny


def small_network(dtype=None):
    """Convolution, normalisation and sum, with a scale that is not 1."""
    keras.utils.set_random_seed(2)
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, padding="same", dtype=dtype)(image)
    y = layers.BatchNormalization(
        gamma_initializer="he_normal", momentum=0.75, dtype=dtype, name="bn"
    )(x)
    return keras.Model(image, layers.Add(dtype=dtype)([x, y]))


def doubling_network():
    """Up-sampling before a convolution, and the mean over a window."""
    keras.utils.set_random_seed(2)
    image = keras.Input((6, 6, 3))
    x = layers.UpSampling2D(2)(image)
    x = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    grey = keras.ops.mean(image, axis=-1, keepdims=True)
    grey = keras.ops.average_pool(grey, (3, 1), strides=1, padding="same")
    return keras.Model(image, [x, grey])


def pixels(batch_size=3, size=6):
    rng = np.random.default_rng(0)
    shape = (batch_size, size, size, 3)
    # Far from 0, where a careless variance loses its digits.
    return tf.constant(rng.normal(5.0, 2.0, shape).astype(np.float32))


def trained_once(build, run):
    """Outputs, gradients and moving statistics of one pass."""
    net = build()
    with tf.GradientTape() as tape:
        outputs = run(net)
        loss = tf.add_n(
            [tf.reduce_sum(tf.sin(y)) for y in tf.nest.flatten(outputs)]
        )
    gradients = tape.gradient(loss, net.trainable_variables)
    return [
        np.asarray(value)
        for value in (
            *tf.nest.flatten(outputs),
            *gradients,
            *net.non_trainable_variables,
        )
    ]


@pytest.mark.parametrize(
    ("build", "size", "tolerance"),
    [
        (small_network, 6, 1e-5),
        (doubling_network, 6, 1e-5),
        (tiny.tiny_discriminator, tiny.SIZE, 1e-4),
        # Normalisation of few values, again and again, magnifies rounding:
        # either form is that far from the same network in float64.
        (tiny.tiny_generator, tiny.SIZE, 5e-3),
    ],
)
def test_values_gradients_and_statistics_are_the_networks(
    build, size, tolerance
):
    def seeded():
        keras.utils.set_random_seed(3)
        return build()

    x = pixels(size=size)
    expected = trained_once(seeded, lambda net: net(x, training=True))
    actual = trained_once(seeded, lambda net: training_form(net)(x))
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        scale = max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a, b, atol=tolerance * scale)


def test_the_variance_that_is_learned_is_that_of_the_batch():
    net = small_network()
    x = pixels()
    before = net.layers[1](x).numpy()
    training_form(net)(x)
    bn = net.get_layer("bn")
    np.testing.assert_allclose(
        bn.moving_variance, 0.75 + 0.25 * before.var((0, 1, 2)), rtol=1e-5
    )
    np.testing.assert_allclose(
        bn.moving_mean, 0.25 * before.mean((0, 1, 2)), rtol=1e-5
    )


def test_half_precision_stays_half_precision():
    net = small_network("mixed_bfloat16")
    expected = net(pixels(), training=True)
    actual = training_form(net)(pixels())
    assert actual.dtype == expected.dtype == tf.bfloat16
    np.testing.assert_array_equal(
        tf.cast(actual, tf.float32), tf.cast(expected, tf.float32)
    )


def test_the_network_is_saved_as_if_it_had_no_other_form(tmp_path):
    net = tiny.tiny_generator()
    config, names = net.get_config(), [w.path for w in net.weights]
    training_form(net)
    assert net.get_config() == config
    assert [w.path for w in net.weights] == names
    again = tiny.saved_and_loaded(net, tmp_path)
    tiny.assert_same(again.get_weights(), net.get_weights())


def test_slow_operations_have_a_faster_form():
    run = tf.function(training_form(doubling_network()))
    graph = run.get_concrete_function(tf.TensorSpec((2, 6, 6, 3))).graph
    operations = graph.get_operations()
    kernels = [x.inputs[1].shape for x in operations if x.type == "Conv2D"]
    assert kernels == [(2, 2, 3, 16)]
    assert "AvgPool" not in {operation.type for operation in operations}


def test_normalisation_is_one_kernel_a_direction():
    net = small_network()
    run = training_form(net)

    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(run(x))
        return tape.gradient(loss, net.trainable_variables)

    graph = gradient.get_concrete_function(tf.TensorSpec((2, 6, 6, 3))).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("FusedBatchNormV3") == 1
    assert kinds.count("FusedBatchNormGradV3") == 1
    assert "SquaredDifference" not in kinds
