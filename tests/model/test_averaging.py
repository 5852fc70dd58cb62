"""The averaged generator: its value, who uses it, that it goes on."""

import dataclasses
import doctest

import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.model import train_step
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.training import build
from g2npan_tf.training import checkpoints
from g2npan_tf.training.checkpoints import Progress
from tests.model.test_train_step import NETS
from tests.model.test_train_step import weights
from tests.tiny import TINY
from tests.tiny import assert_same
from tests.tiny import checkpoint_files
from tests.tiny import random_batch
from tests.tiny import saved_and_loaded
from tests.tiny import tiny_discriminator
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network
from tests.training.test_checkpoints import state
from tests.training.test_checkpoints import steps


def averaged_model(momentum=0.25):
    keras.utils.set_random_seed(1)
    generator = tiny_generator()
    average = tiny_generator()
    average.set_weights(generator.get_weights())
    model = G2NPAN(
        generator,
        tiny_discriminator(),
        tiny_quality_network(),
        averaged_generator=average,
    )
    model.compile(
        Objective(global_batch_size=4, generator_ema=momentum),
        *(keras.optimizers.Adam(1e-2) for _ in range(3)),
    )
    return model


def all_weights(model):
    return [weights(getattr(model, name)) for name in NETS]


def one_weight(value):
    net = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    net.set_weights([np.array([[value]]), np.array([0.0])])
    return net


def test_doctests():
    results = doctest.testmod(train_step, optionflags=doctest.ELLIPSIS)
    assert results.attempted
    assert not results.failed


def test_three_steps_by_hand():
    average, network = one_weight(8.0), one_weight(8.0)
    found = []
    for step, weight in ((1, 19.0), (2, 1.0), (3, 4.0)):
        network.set_weights([np.array([[weight]]), np.array([0.0])])
        momentum = train_step.momentum_at(step, 0.25)
        train_step.update_average(average, network, momentum)
        found.append(average.get_weights()[0].item())
    # Momentum 2/11, then 3/12, then 4/13 but at most 0.25.
    # 2/11 * 8 + 9/11 * 19 = 17;  17/4 + 3/4 * 1 = 5;  5/4 + 3/4 * 4 = 4.25
    assert found == pytest.approx([17.0, 5.0, 4.25])


def test_the_average_follows_weights_and_statistics_of_each_step():
    model = averaged_model()
    expected = model.generator.get_weights()
    for seed, momentum in ((0, 2 / 11), (1, 0.25), (2, 0.25)):
        steps(model, [seed])
        expected = [
            momentum * mean + (1 - momentum) * weight
            for mean, weight in zip(
                expected, model.generator.get_weights(), strict=True
            )
        ]
    average = model.averaged_generator.get_weights()
    assert_same(average, expected, rtol=1e-5, atol=1e-6)


def test_weights_files_keep_the_order_of_the_networks():
    layers = [layer.name for layer in averaged_model().layers]
    assert layers == [
        "generator",
        "discriminator",
        "quality_network",
        "generator",
        "scorer",
    ]


def test_training_does_not_see_the_average():
    plain, averaged = averaged_model(), averaged_model()
    plain.averaged_generator = None
    for model in (plain, averaged):
        steps(model, [0])
    assert_same(all_weights(plain), all_weights(averaged))


def test_the_saved_scorer_holds_the_average(tmp_path):
    model = averaged_model(momentum=0.9)
    steps(model, [0, 1])
    scorer = saved_and_loaded(model.scorer, tmp_path)
    saved = scorer.get_layer("generator").get_weights()
    assert_same(saved, model.averaged_generator.get_weights())
    # The means of the weights, and not by chance the weights themselves.
    assert not np.allclose(saved[0], model.generator.get_weights()[0])
    image = random_batch()["image"]
    made = model.averaged_generator(image / np.float32(255), training=False)
    np.testing.assert_allclose(
        scorer(image, training=False)["reference"],
        made["pseudo_reference"],
        atol=1e-4,
    )


def test_a_resumed_run_has_the_same_average_bit_for_bit(tmp_path):
    straight = averaged_model()
    steps(straight, [0, 1])
    first = averaged_model()
    steps(first, [0])
    saved = checkpoint_files(first)
    checkpoints.save(saved, Progress(1, 1, 0.5), tmp_path)
    second = averaged_model()
    checkpoints.restore(second, tmp_path)
    steps(second, [1])
    assert_same(state(straight), state(second))
    average = straight.averaged_generator.weights
    assert {id(w) for w in average} <= {id(w) for w in straight.weights}


def after_an_epoch(strategy):
    with strategy.scope():
        model = averaged_model()
        rates = (keras.optimizers.SGD(0.01) for _ in range(3))
        model.compile(model.objective, *rates)
    model.run_eagerly = True
    batches = tf.data.Dataset.from_tensors(random_batch())
    model.fit(batches, epochs=1, shuffle=False, verbose=0)
    return [w.numpy() for w in model.averaged_generator.weights]


def test_two_replicas_have_the_average_of_one():
    devices = [d.name for d in tf.config.list_logical_devices("CPU")]
    two = tf.distribute.MirroredStrategy(
        devices, tf.distribute.ReductionToOneDevice()
    )
    one = tf.distribute.get_strategy()
    assert_same(after_an_epoch(two), after_an_epoch(one), atol=2e-5)


def test_the_flag_makes_the_average_and_changes_no_start_weight():
    config = Config(**TINY)
    model, averaged = (
        built(c)
        for c in (config, dataclasses.replace(config, generator_ema=0.9))
    )
    assert model.averaged_generator is None
    assert averaged.objective.generator_ema == 0.9
    assert_same(all_weights(model), all_weights(averaged))
    assert averaged.scorer.get_layer("generator") is averaged.averaged_generator


def built(config):
    keras.utils.set_random_seed(3)
    model = build.build(config)
    build.compile_model(model, config, steps=10)
    return model
