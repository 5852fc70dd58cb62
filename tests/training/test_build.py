"""Every setting reaches what it is the setting of."""

import dataclasses

import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.training import build
from tests.tiny import TINY


@pytest.fixture
def config():
    return Config(**TINY)


def test_every_loss_setting_reaches_the_training_step(config):
    settings = {
        "reconstruction_weight": 0.7,
        "adversarial_weight": 0.3,
        "cam_weight": 0.2,
        "correlation_weight": 0.6,
        "ranking_weight": 0.9,
        "quality_weight": 0.05,
        "cam_target": "reference",
        "use_perception_weight": False,
        "perception_pass": "fast",
        "generator_ema": 0.9,
    }
    changed = dataclasses.replace(
        config, use_gan=False, perception_warmup=3, **settings
    )
    model = build.build(changed)
    build.compile_model(model, changed, steps=10)
    assert dataclasses.asdict(model.objective) == {
        **settings,
        "global_batch_size": 8,
        "warmup_steps": 30,
    }


def test_every_network_setting_reaches_the_networks(config):
    changed = dataclasses.replace(
        config,
        num_ufw=0,
        backbone="vgg16",
        use_local_contrast=True,
        stem_filters=3,
        use_generator_skip=True,
    )
    model = build.build(changed, tiles_per_side=2)
    names = {layer.name for layer in model.generator.layers}
    assert not any(name.startswith("ufw") for name in names)
    assert "skip" in names
    model.quality_network.get_layer("block3_conv3")
    kernel = model.quality_network.get_layer("image_conv").kernel
    assert kernel.shape[2:] == (11, 3)
    assert model.scorer.input_shape == (None, 256, 256, 3)
    assert build.build(
        dataclasses.replace(config, use_gan=False)
    ).scorer.output.keys() == {"mos", "quality", "cam"}


def test_learning_rate_falls_every_so_many_epochs(config):
    model = build.build(dataclasses.replace(config, use_gan=False))
    build.compile_model(
        model, dataclasses.replace(config, lr_decay_every=2, lr_decay=0.5), 10
    )
    schedule = model.quality_optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 19, 20, 40)]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 2.5e-4])


def test_cosine_ends_at_the_last_step_of_the_last_epoch(config):
    model = build.build(dataclasses.replace(config, use_gan=False))
    build.compile_model(
        model, dataclasses.replace(config, lr_schedule="cosine", epochs=4), 10
    )
    schedule = model.quality_optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 10, 20, 40)]
    assert rates == pytest.approx([1e-3, (2 + 2**0.5) / 4e3, 5e-4, 0])


def test_settings_that_do_not_fit_each_other_are_one_line(config):
    bad = dataclasses.replace(config, up_scales=(2, 2))
    with pytest.raises(InputError, match="network settings: up_scales"):
        build.build(bad)
