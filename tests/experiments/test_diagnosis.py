"""Gradients are those of the losses, features those of the score."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from g2npan_tf.experiments import diagnosis
from g2npan_tf.model import losses
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.model.train_step import PlainAssessment
from tests.tiny import random_batch
from tests.tiny import tiny_discriminator
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network

OBJECTIVE = Objective(
    global_batch_size=4,
    adversarial_weight=0.1,
    correlation_weight=0.5,
    warmup_steps=100,
)


def g2npan(**options):
    keras.utils.set_random_seed(1)
    return G2NPAN(
        tiny_generator(),
        tiny_discriminator(),
        tiny_quality_network(**options),
    )


def plain():
    keras.utils.set_random_seed(1)
    return PlainAssessment(tiny_quality_network(ufw_shape=None))


def batches(count=1):
    return [
        {name: tf.constant(x) for name, x in random_batch(seed=i).items()}
        for i in range(count)
    ]


def scaled(pixels):
    return tf.cast(pixels, tf.float32) / 255


def norm_of(loss, variables):
    """L2 norm by a tape of its own."""
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(loss())
    return float(tf.linalg.global_norm(tape.gradient(mean, variables)))


def test_reconstruction_is_eq_1_with_its_weight():
    sizes = diagnosis.gradient_sizes(g2npan(), OBJECTIVE, batches())
    model, (batch,) = g2npan(), batches()

    def loss():
        made = model.generator(scaled(batch["image"]), training=True)
        return 0.5 * losses.reconstruction_loss(
            scaled(batch["reference"]), made["pseudo_reference"]
        )

    wanted = norm_of(loss, model.generator.trainable_variables)
    found = sizes["generator"]["reconstruction (Eq. 1)"]
    assert found == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("use_gan", [True, False])
def test_terms_beside_the_paper_s_are_told(use_gan):
    keras.utils.set_random_seed(1)
    ufw_shape = (8, 8, 8) if use_gan else None
    nets = [tiny_quality_network(ufw_shape=ufw_shape)]
    if use_gan:
        nets = [tiny_generator(), tiny_discriminator(), *nets]
    kind = G2NPAN if use_gan else PlainAssessment
    once, twice = (
        diagnosis.gradient_sizes(
            kind(*nets, use_reference_head=True),
            dataclasses.replace(
                OBJECTIVE,
                adversarial_weight=0.0,
                spectral_weight=weight,
                ssim_weight=weight,
                reference_head_weight=weight,
            ),
            batches(),
        )
        for weight in (0.1, 0.2)
    )
    network = "generator" if use_gan else "quality network"
    terms = {"what a reference tells"}
    if use_gan:
        terms |= {"spectra, beside Eq. 1", "SSIM, beside Eq. 1"}
        assert "adversarial (Eq. 2)" not in once[network]
    for term in terms:
        assert once[network][term] > 0
    for term in once[network].keys() - terms:
        same = pytest.approx(once[network][term], rel=1e-3)
        assert twice[network][term] == same
    if use_gan:
        term = "spectra, beside Eq. 1"
        double = pytest.approx(2 * once[network][term], rel=1e-2)
        assert twice[network][term] == double


def test_score_and_cam_are_eqs_7_and_6_of_the_quality_network():
    sizes = diagnosis.gradient_sizes(plain(), OBJECTIVE, batches())
    (batch,) = batches()

    def score(made):
        return losses.quality_loss(batch["quality"], made["quality_logit"])

    def cam(made):
        cams = tf.sigmoid(made["cam_logits"])
        return losses.cam_loss(batch["cam_target"], cams)

    inputs = {"image": scaled(batch["image"])}
    terms = sizes["quality network"]
    for loss, name in ((score, "score (Eq. 7)"), (cam, "CAM (Eq. 6)")):
        network = plain().quality_network
        wanted = norm_of(
            lambda f=loss, n=network: f(n(inputs, training=True)),
            network.trainable_variables,
        )
        assert terms[name] == pytest.approx(wanted, rel=2e-4)
    assert set(sizes) == {"quality network"}
    assert set(terms) == {"score (Eq. 7)", "CAM (Eq. 6)", "correlation"}


def test_sizes_are_proportional_to_the_weights():
    doubled = dataclasses.replace(
        OBJECTIVE,
        reconstruction_weight=1.0,
        adversarial_weight=0.2,
        quality_weight=0.02,
    )
    one, two = (
        diagnosis.gradient_sizes(g2npan(), objective, batches(2))
        for objective in (OBJECTIVE, doubled)
    )
    assert set(one) == {"generator", "discriminator", "quality network"}
    for term, size in one["generator"].items():
        assert size > 0
        assert two["generator"][term] == pytest.approx(2 * size, rel=1e-3)
    for network in ("discriminator", "quality network"):
        for term, size in one[network].items():
            assert two[network][term] == pytest.approx(size, rel=1e-3)


def test_nothing_is_moved():
    model = g2npan()
    before = [w.numpy().copy() for w in model.trainable_variables]
    diagnosis.gradient_sizes(model, OBJECTIVE, batches())
    for old, new in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_large_parts_are_drawn_from():
    places = diagnosis._drawn(np.arange(1000, 2000))
    assert len(places) == len(set(places)) == diagnosis.MAX_IMAGES
    assert list(places) == sorted(places)
    assert places.max() - places.min() > 500
    assert list(diagnosis._drawn(np.arange(3))) == [0, 1, 2]


def images_and_references(count=6, size=64):
    coarse = np.random.default_rng(0).integers(
        1, 256, (2, count, 8, 8, 3), dtype=np.uint8
    )
    times = size // 8
    return np.repeat(np.repeat(coarse, times, axis=2), times, axis=3)


@pytest.mark.parametrize(
    "stem", [{}, {"spectrum_filters": 3}, {"statistics_filters": 3}], ids=str
)
def test_parts_are_those_of_the_score_and_errors_are_means_of_the_pixels(stem):
    model = g2npan(**stem)
    images, references = images_and_references(size=32)
    # Cells count unequally where there is a stem.
    images[:, :, 16:] //= 64
    mos = np.arange(6.0)
    found = diagnosis.what_feeds_the_score(model, images, references, mos, 1)
    assert (found.stem is None) == (not stem)
    scores = model.scorer.predict(images, verbose=0)
    assert found.nuance == pytest.approx(scores["nuance"].mean(), rel=1e-4)
    difference = images / 255 - references / 255
    assert found.image_error == pytest.approx((difference**2).mean())
    made = scores["reference"] - references / 255
    assert found.generated_error == pytest.approx((made**2).mean(), rel=1e-4)
    cam = model.quality_network.get_layer("cam")
    kernel, bias = cam.get_weights()
    # Channels of F_last's projection, of the VGG and of the stem.
    widths = [8, 32, sum(stem.values())]
    assert kernel.shape[2] == sum(widths)
    owner = np.repeat([0, 1, 2], widths)[:, None]
    for index, part in enumerate([found.ufw, found.backbone, found.stem]):
        if part:
            # The score of nothing else.
            cam.set_weights([np.where(owner == index, kernel, 0), bias])
            quality = model.scorer.predict(images, verbose=0)["quality"]
            logit = np.log(quality / (1 - quality))
            # A logit of float32 scores near one half is known to some 1e-6.
            wanted = pytest.approx(np.std(logit), rel=1e-3, abs=1e-5)
            assert part.sd == wanted
            wanted = stats.spearmanr(mos, logit).statistic
            assert part.srcc == pytest.approx(wanted)


def test_tiles_count_by_what_they_show():
    model = g2npan()
    images, references = images_and_references(count=1, size=64)
    # Only one of four tiles shows anything, there all as the reference.
    images[:, 32:], images[:, :, 32:] = 0, 0
    references[:, :32, :32] = images[:, :32, :32]
    found = diagnosis.what_feeds_the_score(
        model, images, references, np.arange(1.0), 2
    )
    plain_mean = ((images / 255 - references / 255) ** 2).mean()
    assert found.image_error < plain_mean / 2
