"""Half precision trains like float32, and what is shipped is float32."""

import csv
import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.model import precision
from g2npan_tf.model.scorer import build_scorer
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.training import build
from g2npan_tf.training import callbacks
from g2npan_tf.training import checkpoints
from g2npan_tf.training import run
from g2npan_tf.training.checkpoints import Progress
from tests.model.test_train_step import NETS
from tests.model.test_train_step import step
from tests.model.test_train_step import weights
from tests.tiny import TINY
from tests.tiny import assert_same
from tests.tiny import checkpoint_files
from tests.tiny import random_batch
from tests.tiny import tiny_discriminator
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network
from tests.training.test_checkpoints import state
from tests.training.test_checkpoints import steps

BFLOAT16, FLOAT16 = MIXED = ("mixed_bfloat16", "mixed_float16")


def model_of(policy, optimizer=lambda: keras.optimizers.Adam(1e-3), **options):
    keras.utils.set_random_seed(1)
    with precision.policy(policy):
        nets = tiny_generator(), tiny_discriminator(), tiny_quality_network()
    model = G2NPAN(*nets)
    model.compile(
        Objective(global_batch_size=4, **options),
        *(precision.with_loss_scale(optimizer(), policy) for _ in nets),
    )
    return model


def compute_dtypes(net):
    return {layer.name: layer.compute_dtype for layer in net.layers}


def scales_of(model):
    return [getattr(model, name).dynamic_scale for name in G2NPAN.OPTIMIZERS]


def set_scale(model, value):
    for scale in scales_of(model):
        scale.assign(value)


def scales(model):
    return [float(scale.numpy()) for scale in scales_of(model)]


def test_the_policy_does_not_leak():
    model = build.build(Config(**TINY, precision=BFLOAT16))
    assert keras.config.dtype_policy().name == "float32"
    conv = model.generator.get_layer("down1_conv")
    assert conv.compute_dtype == "bfloat16"
    assert conv.kernel.dtype == "float32"
    with pytest.raises(ZeroDivisionError), precision.policy(FLOAT16):
        raise ZeroDivisionError
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("policy", MIXED)
def test_outputs_and_what_makes_them_are_float32(policy):
    model = model_of(policy)
    assert compute_dtypes(model.generator)["pseudo_reference"] == "float32"
    assert compute_dtypes(model.discriminator)["pool"] == "float32"
    assert compute_dtypes(model.quality_network)["cam"] == "float32"
    outputs = model.scorer(random_batch()["image"], training=False)
    assert {x.dtype for x in outputs.values()} == {tf.float32}
    # bfloat16 has 8 bits of mantissa: the logit would be 1.
    fine = 1 + 2.0**-12
    cam = model.quality_network.get_layer("cam")
    cam.set_weights([cam.get_weights()[0] * 0, np.array([fine])])
    quality = model.scorer(random_batch()["image"], training=False)["quality"]
    np.testing.assert_allclose(quality, 1 / (1 + np.exp(-fine)), rtol=1e-6)


@functools.cache
def after_three_steps(policy):
    """A model and the figures of its steps; not to be changed."""
    model = model_of(policy)
    return model, [step(model, seed) for seed in range(3)]


def test_the_loss_scale_of_a_generator_alone_becomes_that_of_all():
    model = model_of(FLOAT16)
    model.train_generator_alone(True)
    model.generator_optimizer.dynamic_scale.assign(512.0)
    step(model, 0)
    assert scales(model) == [512.0, 2.0**15, 2.0**15]
    model.train_generator_alone(False)
    assert scales(model) == [512.0] * 3
    counters = [
        int(getattr(model, name).step_counter) for name in G2NPAN.OPTIMIZERS
    ]
    assert counters == [1] * 3


@pytest.mark.parametrize("policy", MIXED)
def test_losses_stay_finite_and_near_those_of_float32(policy):
    model, half = after_three_steps(policy)
    _, full = after_three_steps("float32")
    assert model.quality_optimizer.iterations.numpy() == 3
    for actual, expected in zip(half, full, strict=True):
        for name, value in actual.items():
            # Rounding to 8 or 11 bits in some forty layers, and Adam's first
            # steps have the full rate whatever the size of the gradient: up
            # to 4.5 % was seen in five steps.
            assert value == pytest.approx(expected[name], rel=0.1), name


def gradient_of_each_network(policy, scale=None):
    # Rate 1, gamma 1: the step is the gradient of all losses.
    model = model_of(
        policy, lambda: keras.optimizers.SGD(1.0), quality_weight=1.0
    )
    if scale is not None:
        set_scale(model, scale)
    before = [weights(getattr(model, net)) for net in NETS]
    step(model)
    after = [weights(getattr(model, net)) for net in NETS]
    return [
        np.concatenate([(a - b).ravel() for a, b in zip(*pair, strict=True)])
        for pair in zip(before, after, strict=True)
    ]


def error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


def test_gradients_are_those_of_float32_whatever_the_scale():
    full = gradient_of_each_network("float32")
    low = gradient_of_each_network(FLOAT16, 2.0**4)
    high = gradient_of_each_network(FLOAT16, 2.0**13)
    for net in range(3):
        assert error(high[net], low[net]) < 0.02
        # These nets are that sensitive: noise of 2^-12 on the weights alone
        # changes the generator's gradient by 0.2, 2^-9 by 0.55.
        assert error(high[net], full[net]) < 0.5


def test_a_step_that_overflows_is_skipped_by_all_and_counts_nowhere():
    model = model_of(FLOAT16)
    set_scale(model, 2.0**60)
    before = state(model)
    logs = step(model)
    assert all(np.isfinite(value) for value in logs.values())
    assert scales(model) == [2.0**59] * 3
    assert model.quality_optimizer.iterations.numpy() == 0
    assert all(np.isfinite(value).all() for value in state(model))
    set_scale(model, 2.0**15)
    step(model)
    assert model.quality_optimizer.iterations.numpy() == 1
    assert not all(
        np.array_equal(a, b) for a, b in zip(before, state(model), strict=True)
    )


def scaled_optimizers(count):
    return [
        precision.with_loss_scale(keras.optimizers.SGD(), FLOAT16)
        for _ in range(count)
    ]


def test_one_network_that_must_skip_makes_all_skip():
    good, bad = (
        [tf.ones(2), tf.ones(3)],
        [tf.ones(2), tf.constant([1.0, np.inf])],
    )
    two = scaled_optimizers(2)
    for gradients in ([good, bad], [bad, good]):
        marked = precision.skip_together(two, gradients)
        assert [np.isnan(of[0]).all() for of in marked] == [True, True]
    assert_same(precision.skip_together(two, [good, good]), [good, good])
    plain = [keras.optimizers.SGD()] * 2
    assert precision.skip_together(plain, [good, bad]) == [good, bad]


@pytest.mark.parametrize("index", [0, 1])
def test_one_replica_that_must_skip_makes_all_skip(index):
    devices = [d.name for d in tf.config.list_logical_devices("CPU")]
    two = tf.distribute.MirroredStrategy(
        devices, tf.distribute.ReductionToOneDevice()
    )
    with two.scope():
        variable = keras.Variable([1.0, 1.0])
        (optimizer,) = scaled_optimizers(1)
        optimizer.build([variable])

    @tf.function
    def update():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        gradient = tf.where(replica == index, float("inf"), tf.ones(2))
        (gradients,) = precision.skip_together([optimizer], [[gradient]])
        optimizer.apply(gradients, [variable])

    two.run(update)
    for copy in two.experimental_local_results(variable.value):
        np.testing.assert_array_equal(copy, [1.0, 1.0])
    assert optimizer.dynamic_scale.numpy() == 2.0**14


def test_a_resumed_run_has_the_loss_scale_bit_for_bit(tmp_path):
    straight, resumed = model_of(FLOAT16), model_of(FLOAT16)
    set_scale(straight, 2.0**13)
    steps(straight, [0])
    files = checkpoint_files(straight)
    checkpoints.save(files, Progress(1, 1, 0.5), tmp_path)
    checkpoints.restore(resumed, tmp_path)
    assert scales(resumed) == [2.0**13] * 3
    for model in (straight, resumed):
        steps(model, [1])
    assert straight.quality_optimizer.iterations.numpy() == 2
    assert_same(state(straight), state(resumed))


@pytest.mark.parametrize("policy", MIXED)
def test_what_is_shipped_computes_in_float32(policy, tmp_path):
    model, _ = after_three_steps(policy)
    keeper = callbacks.Keeper(tmp_path, Progress(), {})
    keeper.set_model(model)
    keeper.on_epoch_end(0, {})
    shipped = keras.saving.load_model(tmp_path / "scorer.keras", safe_mode=True)
    for name in ("generator", "quality_network"):
        dtypes = compute_dtypes(shipped.get_layer(name))
        assert set(dtypes.values()) == {"float32"}
    image = random_batch()["image"]
    actual = shipped(image, training=False)
    assert {x.dtype for x in actual.values()} == {tf.float32}
    full = build_scorer(tiny_quality_network(), tiny_generator())
    full.set_weights(model.scorer.get_weights())
    expected = full(image, training=False)
    assert_same(dict(actual), dict(expected), atol=1e-6, rtol=1e-7)
    # On trained compact runs (32 test images, MOS 1..5) at most 0.028 with
    # bfloat16 and 0.007 with float16.
    while_training = model.scorer(image, training=False)["mos"]
    np.testing.assert_allclose(actual["mos"], while_training, atol=0.05)
    assert not np.array_equal(actual["mos"], while_training)


def test_float32_needs_no_twin():
    scorer = after_three_steps("float32")[0].scorer
    assert precision.in_float32(scorer) is scorer


def test_loss_scale_is_logged_and_a_run_that_only_skips_stops():
    callback = precision.LossScale()
    logs = {}
    callback.set_model(after_three_steps("float32")[0])
    callback.on_epoch_end(0, logs)
    assert logs == {}
    model = model_of(FLOAT16)
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    assert logs == {"loss_scale": 2.0**15}
    set_scale(model, 0.5)
    with pytest.raises(FloatingPointError, match="epoch 3: gradients are not"):
        callback.on_epoch_end(2, logs)


def test_a_traced_run_trains_and_logs_its_scale(data_dir, tmp_path):
    config = Config(data_dir=data_dir, **TINY, use_gan=False, precision=FLOAT16)
    once = dataclasses.replace(config, epochs=1)
    assert run.run(once, tmp_path).epochs == 1
    with (tmp_path / "log.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert np.isfinite(float(row["quality_loss"]))
    # 2^15 at first, and a step or two too high for it at most.
    assert float(row["loss_scale"]) in (2.0**13, 2.0**14, 2.0**15)
