"""Scorers as one give the mean of each, and how far their scores differ."""

import keras
import numpy as np

from g2npan_tf.model.inference_form import inference_form
from g2npan_tf.model.packed import pack
from g2npan_tf.model.scorer import build_scorer
from tests.cross_validations import mean_and_spread
from tests.finished_runs import assert_outputs_close
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network


def scorer(seed):
    """With a GAN; every seed's outputs are others."""
    keras.utils.set_random_seed(seed)
    network = tiny_quality_network()
    layer = network.get_layer("cam")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + 0.5 * seed])
    return build_scorer(network, tiny_generator())


def test_outputs_are_means_also_in_the_inference_form():
    scorers = [scorer(seed) for seed in range(3)]
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    expected = mean_and_spread(scorers, images)
    assert (expected["mos_spread"] > 0.1).all()
    assert set(expected) == {
        *("mos", "quality", "cam", "reference", "nuance", "mos_spread")
    }
    packed = pack(scorers)
    for form in (packed, inference_form(packed)):
        found = form(images, training=False)
        actual = {name: np.array(x) for name, x in found.items()}
        assert_outputs_close(actual, expected, 1e-5)


def test_equal_scorers_do_not_differ():
    scorers = [scorer(1), scorer(1)]
    images = np.full((1, 32, 32, 3), 90, np.uint8)
    found = pack(scorers)(images, training=False)
    np.testing.assert_allclose(found["mos_spread"], 0, atol=1e-6)
    alone = scorers[0](images, training=False)
    np.testing.assert_allclose(found["mos"], alone["mos"], atol=1e-6)
