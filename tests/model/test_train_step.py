"""The training step: who moves whom, on one device and on two."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.model import losses
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.model.train_step import PlainAssessment
from tests.tiny import assert_same
from tests.tiny import random_batch
from tests.tiny import tiny_discriminator
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network

NETS = ("generator", "discriminator", "quality_network")
FROZEN, MOVING = 0.0, 0.05


def g2npan(rates=(MOVING,) * 3, **objective):
    keras.utils.set_random_seed(1)
    model = G2NPAN(
        tiny_generator(),
        tiny_discriminator(),
        tiny_quality_network(),
    )
    objective.setdefault("global_batch_size", 4)
    model.compile(
        Objective(**objective), *(keras.optimizers.SGD(rate) for rate in rates)
    )
    return model


def weights(net):
    return [w.numpy().copy() for w in net.trainable_variables]


def moved(net, before):
    return any(
        not np.array_equal(a, b)
        for a, b in zip(before, weights(net), strict=True)
    )


def step(model, seed=0):
    logs = model.train_step(
        {name: tf.constant(x) for name, x in random_batch(seed=seed).items()}
    )
    return {name: float(value) for name, value in logs.items()}


@pytest.mark.parametrize("index", range(3))
def test_each_optimiser_moves_only_its_own_network(index):
    rates = [MOVING if i == index else FROZEN for i in range(3)]
    model = g2npan(rates=rates)
    before = {name: weights(getattr(model, name)) for name in NETS}
    step(model)
    assert [moved(getattr(model, n), before[n]) for n in NETS] == [
        i == index for i in range(3)
    ]


def straightforward_gradients(model, batch, gamma, spectral=0.0):
    """Eqs. 2, 9, 11 and 12 written out with one tape and no sharing."""
    image, reference = (
        tf.cast(batch[n], tf.float32) / 255 for n in ("image", "reference")
    )
    bce = tf.nn.sigmoid_cross_entropy_with_logits
    with tf.GradientTape(persistent=True) as tape:
        made = model.generator(image, training=True)
        high = made["pseudo_reference"]
        seen = model.quality_network(
            {
                "image": image,
                "discrepancy": tf.abs(high - image),
                "ufw_features": made["ufw_features"],
            },
            training=True,
        )
        real = model.discriminator(reference, training=True)
        fake = model.discriminator(high, training=True)
        cam = tf.sigmoid(seen["cam_logits"])
        aqa = tf.reduce_mean(
            tf.abs(cam - batch["cam_target"])
        ) + tf.reduce_mean(bce(batch["quality"], seen["quality_logit"]))
        adversarial = tf.reduce_mean(tf.math.log(1 - tf.sigmoid(fake)))
        mse = tf.reduce_mean((high - reference) ** 2)
        mse += spectral * tf.reduce_mean(
            losses.spectral_loss(image, reference, high)
            + 2 * losses.ssim_loss(reference, high)
        )
        generator = adversarial + 0.5 * mse + gamma * aqa
        discriminator = tf.reduce_mean(
            bce(tf.ones_like(real), real) + bce(tf.zeros_like(fake), fake)
        )
    return {
        "generator": tape.gradient(
            generator, model.generator.trainable_variables
        ),
        "discriminator": tape.gradient(
            discriminator, model.discriminator.trainable_variables
        ),
        "quality_network": tape.gradient(
            aqa, model.quality_network.trainable_variables
        ),
    }


@pytest.mark.parametrize(("gamma", "spectral"), [(0.01, 0.0), (1.0, 0.2)])
def test_shared_passes_give_the_gradients_of_the_written_out_losses(
    gamma, spectral
):
    model = g2npan(
        rates=(1.0,) * 3,
        quality_weight=gamma,
        spectral_weight=spectral,
        ssim_weight=2 * spectral,
        use_perception_weight=False,
    )
    before = {name: weights(getattr(model, name)) for name in NETS}
    batch = {name: tf.constant(x) for name, x in random_batch().items()}
    expected = straightforward_gradients(model, batch, gamma, spectral)
    model.train_step(batch)
    for name in NETS:
        pairs = zip(before[name], weights(getattr(model, name)), strict=True)
        # Rounding differs between two ways to normalise a batch.
        moves = [old - new for old, new in pairs]
        assert_same(moves, expected[name], atol=1e-4, rtol=1e-7)


@pytest.mark.parametrize("spectral", [0.0, 0.2])
def test_a_generator_alone_is_moved_by_eq_1(spectral):
    model = g2npan(rates=(1.0,) * 3, spectral_weight=spectral)
    model.train_generator_alone(True)
    before = {name: weights(getattr(model, name)) for name in NETS}
    batch = {n: tf.constant(x) for n, x in random_batch().items()}
    image, reference = (
        tf.cast(batch[n], tf.float32) / 255 for n in ("image", "reference")
    )
    variables = model.generator.trainable_variables
    with tf.GradientTape() as tape:
        high = model.generator(image, training=True)["pseudo_reference"]
        extra = losses.spectral_loss(image, reference, high)
        mse = tf.reduce_mean((high - reference) ** 2, axis=(1, 2, 3))
        loss = 0.5 * tf.reduce_mean(mse + spectral * extra)
    expected = tape.gradient(loss, variables)
    logs = model.train_step(batch)
    pairs = zip(before["generator"], weights(model.generator), strict=True)
    moves = [old - new for old, new in pairs]
    assert_same(moves, expected, atol=1e-4, rtol=1e-7)
    assert not moved(model.discriminator, before["discriminator"])
    assert not moved(model.quality_network, before["quality_network"])
    assert float(logs.pop("reconstruction_loss")) == pytest.approx(
        float(tf.reduce_mean(mse)), rel=1e-4
    )
    assert set(logs) == ({"spectral_loss"} if spectral else set())


def test_all_networks_train_after_a_generator_alone():
    model = g2npan(generator_ema=0.9)
    batches = tf.data.Dataset.from_tensors(random_batch()).repeat()
    fit = functools.partial(
        model.fit, batches, steps_per_epoch=1, shuffle=False, verbose=0
    )
    model.train_generator_alone(True)
    assert set(fit().history) == {"reconstruction_loss"}
    model.train_generator_alone(False)
    before = {name: weights(getattr(model, name)) for name in NETS}
    assert set(fit().history) == set(model.MEANS)
    assert all(moved(getattr(model, n), before[n]) for n in NETS)
    assert model.generator_optimizer.iterations.numpy() == 2
    assert model.quality_optimizer.iterations.numpy() == 1


def test_batch_normalisation_learns_its_statistics():
    model = g2npan()
    mean = model.generator.get_layer("down1_bn").moving_mean
    step(model)
    assert np.abs(mean.numpy()).max() > 0


def set_bias(model, value):
    """Makes the quality network answer `value` whatever it sees."""
    cam = model.quality_network.get_layer("cam")
    kernel, bias = cam.get_weights()
    cam.set_weights([kernel * 0, bias * 0 + value])


@pytest.mark.parametrize(
    ("options", "logit", "weight"),
    [
        ({"perception_pass": "full"}, -1.0, 0.0),
        ({"perception_pass": "full"}, 1.0, 1.0),
        ({"perception_pass": "fast"}, -1.0, 0.0),
        ({"perception_pass": "fast"}, 1.0, 1.0),
        ({"use_perception_weight": False}, 1.0, 0.0),
    ],
)
def test_perception_weight_follows_the_assessed_quality(options, logit, weight):
    model = g2npan(**options)
    set_bias(model, logit)
    assert step(model)["perception_weight"] == weight


def test_perception_weight_is_zero_during_warm_up():
    model = g2npan(warmup_steps=1, rates=(FROZEN,) * 3)
    set_bias(model, 1.0)
    assert step(model)["perception_weight"] == 0.0
    assert model.quality_optimizer.iterations.numpy() == 1
    model.trackers[-1].reset_state()
    assert step(model)["perception_weight"] == 1.0


@pytest.mark.parametrize(
    "objective",
    [
        {"cam_target": "reference"},
        {"cam_weight": 0.0},
        {"correlation_weight": 1.0},
    ],
    ids=str,
)
def test_options_train_with_finite_losses(objective):
    logs = step(g2npan(**objective))
    assert all(np.isfinite(value) for value in logs.values())


def plain(rate=MOVING, **objective):
    keras.utils.set_random_seed(1)
    model = PlainAssessment(tiny_quality_network(ufw_shape=None))
    model.compile(
        Objective(global_batch_size=4, **objective), keras.optimizers.SGD(rate)
    )
    return model


@pytest.mark.parametrize("cam_target", ["quality_map", "reference"])
def test_plain_assessment_trains_its_network(cam_target):
    model = plain(cam_target=cam_target)
    before = weights(model.quality_network)
    logs = step(model)
    assert moved(model.quality_network, before)
    assert set(logs) == {"cam_loss", "quality_loss", "assessment_loss"}


@pytest.mark.parametrize("name", ["correlation_weight", "ranking_weight"])
def test_terms_beside_the_paper_count_in_the_loss_of_the_quality_network(name):
    without, once, twice = (
        step(plain(**{name: weight})) for weight in (0.0, 1.0, 2.0)
    )
    gain = once["assessment_loss"] - without["assessment_loss"]
    assert 0 < gain < 2
    assert twice["assessment_loss"] - once["assessment_loss"] == pytest.approx(
        gain, rel=1e-4
    )


def test_thirty_steps_on_four_images_lower_the_losses():
    keras.utils.set_random_seed(1)
    model = G2NPAN(
        tiny_generator(), tiny_discriminator(), tiny_quality_network()
    )
    model.compile(
        # Not the paper's 1, which drowns the reconstruction loss.
        Objective(global_batch_size=4, adversarial_weight=0.01),
        *(keras.optimizers.Adam(3e-3) for _ in NETS),
    )
    batch = random_batch()
    # A reference that can be made from the image, unlike random patches.
    batch["reference"] = batch["image"] // 2 + 64
    batches = tf.data.Dataset.from_tensors(batch).repeat()
    history = model.fit(
        batches, epochs=3, steps_per_epoch=10, shuffle=False, verbose=0
    ).history
    for name in ("quality_loss", "reconstruction_loss", "cam_loss"):
        assert history[name][-1] < history[name][0]
