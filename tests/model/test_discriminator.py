"""The discriminator."""

import keras
import numpy as np

from tests.tiny import SIZE
from tests.tiny import check_net
from tests.tiny import tiny_discriminator

TINY_PARAMETERS = 1761


def images():
    return np.random.default_rng(0).random((2, SIZE, SIZE, 3), np.float32)


def test_discriminator_keeps_the_contract_of_a_network(tmp_path):
    check_net(tiny_discriminator(), images(), (), TINY_PARAMETERS, tmp_path)


def test_it_is_four_strided_blocks_and_one_classifying_convolution():
    convs = [
        layer
        for layer in tiny_discriminator().layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert [layer.strides for layer in convs] == [(2, 2)] * 4 + [(1, 1)]
    assert convs[-1].filters == 1
