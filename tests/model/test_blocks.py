"""The shared blocks."""

import keras
import numpy as np

from g2npan_tf.model import blocks


def net(block, shape=(8, 8, 3)):
    x = keras.Input(shape)
    return keras.Model(x, block(x))


def test_conv_block_runs_convolution_activation_normalisation():
    model = net(lambda x: blocks.conv_block(x, 5, name="a", strides=2))
    kinds = [type(layer).__name__ for layer in model.layers[1:]]
    assert kinds == ["Conv2D", "LeakyReLU", "BatchNormalization"]
    assert model.output_shape == (None, 4, 4, 5)


def test_residual_block_has_three_convolutions_and_a_skip():
    model = net(lambda x: blocks.residual_block(x, name="r"))
    convs = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert len(convs) == 3
    for layer in convs:
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    x = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(model(x, training=False), x)


def test_upsample_repeats_pixels():
    x = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    y = blocks.upsample(x, name="u")
    np.testing.assert_array_equal(
        np.asarray(y)[0, :, :, 0], np.kron(x[0, :, :, 0], np.ones((2, 2)))
    )
