"""The Unique Feature Warehouse."""

import keras
import numpy as np

from g2npan_tf.model.ufw import unique_feature_warehouse


def build(num_scales=3):
    x = keras.Input((32, 32, 4))
    return keras.Model(
        x, unique_feature_warehouse(x, name="ufw", num_scales=num_scales)
    )


def test_shape_stays_and_all_kernels_are_3_by_3():
    model = build()
    assert model.output_shape == (None, 32, 32, 4)
    convs = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert {layer.kernel_size for layer in convs} == {(3, 3)}


def test_features_are_processed_at_32_16_and_8():
    convs = [x for x in build().layers if isinstance(x, keras.layers.Conv2D)]
    sizes = [layer.output.shape[1] for layer in convs]
    assert sizes == [32, 16, 8, 8, 16, 32]


def test_outer_connection_is_residual():
    model = build()
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma * 0, beta, mean, variance])
    x = np.random.default_rng(0).random((1, 32, 32, 4), np.float32)
    np.testing.assert_allclose(model(x, training=False), x, atol=1e-6)


def test_two_scales_leave_the_smallest_grid_out():
    convs = [x for x in build(2).layers if isinstance(x, keras.layers.Conv2D)]
    assert [layer.output.shape[1] for layer in convs] == [32, 16, 16, 32]
