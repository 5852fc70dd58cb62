"""Joining up-sampling and convolution changes no output."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from scipy import ndimage

from g2npan_tf.model.inference_form import inference_form
from tests.finished_runs import finished_run
from tests.finished_runs import random_images
from tests.tiny import assert_same


def pair(shape, up=None, **conv):
    """Up-sampling and a convolution with weights that are all different."""
    settings = {"kernel_size": 3, "padding": "same", **conv}
    small = keras.Input(shape)
    x = layers.UpSampling2D(**(up or {"size": 2}))(small)
    net = keras.Model(small, layers.Conv2D(4, **settings)(x))
    rng = np.random.default_rng(1)
    for weight in net.weights:
        weight.assign(rng.normal(size=weight.shape))
    return net


def small_map(shape, count=2):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype("f")


def joined(net):
    """The joined layers, of inner models too."""
    found = []
    for layer in net.layers:
        if isinstance(layer, keras.Model):
            found += joined(layer)
        elif getattr(layer, "kernel_size", None) == (2, 2):
            found.append(layer)
    return found


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 4), (2, 2), (3, 5), (7, 4), (8, 8)]
)
def test_it_is_what_scipy_makes_of_the_repeated_pixels(size):
    shape = (*size, 2)
    net = pair(shape)
    kernel, bias = net.get_weights()
    x = small_map(shape, count=1)
    large = x[0].repeat(2, axis=0).repeat(2, axis=1)
    expected = [
        offset
        + sum(
            ndimage.correlate(large[..., i], kernel[..., i, o], mode="constant")
            for i in range(2)
        )
        for o, offset in enumerate(bias)
    ]
    form = inference_form(net)
    assert len(joined(form)) == 1
    np.testing.assert_allclose(
        form(x, training=False)[0], np.stack(expected, axis=-1), atol=1e-5
    )


@pytest.mark.parametrize(
    "settings", [{"use_bias": False}, {"activation": "softmax"}]
)
def test_bias_and_activation_stay(settings):
    net = pair((3, 4, 2), **settings)
    x = small_map((3, 4, 2))
    form = inference_form(net)
    assert len(joined(form)) == 1
    np.testing.assert_allclose(form(x), net(x), atol=1e-5)


@pytest.mark.parametrize(
    ("up", "conv"),
    [
        ({"size": 3}, {}),
        ({"size": (2, 1)}, {}),
        ({"size": 2, "interpolation": "bilinear"}, {}),
        ({"size": 2}, {"kernel_size": 5}),
        ({"size": 2}, {"strides": 2}),
        ({"size": 2}, {"dilation_rate": 2}),
        ({"size": 2}, {"groups": 2}),
        ({"size": 2}, {"padding": "valid"}),
    ],
)
def test_other_pairs_stay_as_they_are(up, conv):
    net = pair((4, 4, 2), up, **conv)
    x = small_map((4, 4, 2))
    form = inference_form(net)
    assert not joined(form)
    np.testing.assert_array_equal(form(x), net(x))


def test_what_else_uses_the_large_map_still_gets_it():
    small = keras.Input((3, 3, 2))
    large = layers.UpSampling2D(2)(small)
    conv = layers.Conv2D(2, 3, padding="same")(large)
    net = keras.Model(small, layers.Add()([conv, large]))
    x = small_map((3, 3, 2))
    form = inference_form(net)
    assert len(joined(form)) == 1
    np.testing.assert_allclose(form(x), net(x), atol=1e-5)


def test_the_scorer_gives_the_same_with_both_pairs_joined():
    scorer = finished_run().scorer
    images = random_images(2)
    before = scorer(images, training=False)
    form = inference_form(scorer)
    assert [layer.name for layer in joined(form)] == ["up3_conv", "up4_conv"]
    outputs = form(images, training=False)
    assert list(outputs) == list(before)
    assert_same(dict(outputs), dict(before), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", [(3, 1), (1, 17), (2, 1), (9, 4), (1, 50)])
def test_window_means_by_products_are_those_of_the_pooling(window):
    image = keras.Input((20, 13, 1))
    mean = ops.average_pool(image, window, strides=1, padding="same")
    net = keras.Model(image, mean)
    x = small_map((20, 13, 1))
    form = inference_form(net)
    kinds = [type(operation).__name__ for operation in form.operations]
    assert "AveragePool" not in kinds
    np.testing.assert_allclose(form(x), net(x), rtol=1e-5, atol=1e-6)
    kept = inference_form(net, use_products=False)
    np.testing.assert_array_equal(kept(x), net(x))
    # What has no such form.
    for other in (
        {"strides": 2, "padding": "same"},
        {"strides": 1, "padding": "valid"},
    ):
        pooled = ops.average_pool(image, (2, 2), **other)
        net = keras.Model(image, pooled)
        np.testing.assert_array_equal(inference_form(net)(x), net(x))


def test_a_network_of_another_process_may_have_the_names_of_new_operations():
    image = keras.Input((8, 8, 1))
    x = ops.average_pool(image, (3, 1), strides=1, padding="same")
    for _ in range(2):
        x = ops.matmul(ops.reshape(x, (-1, 8, 8)), np.eye(8, dtype="f"))
        x = ops.reshape(x, (-1, 8, 8, 1))
    net = keras.Model(image, x)
    expected = net(small_map((8, 8, 1)))
    # As in a new process, which counts operations from the first.
    keras.utils.clear_session()
    found = inference_form(net)(small_map((8, 8, 1)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_network_stays_as_it_was():
    net = pair((3, 3, 2))
    config = net.get_config()
    weights = {w.path: w.numpy() for w in net.weights}
    form = inference_form(net)
    form.set_weights([2 * weight for weight in form.get_weights()])
    assert net.get_config() == config
    assert_same({w.path: w.numpy() for w in net.weights}, weights)
