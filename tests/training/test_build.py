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
        "spectral_weight": 0.1,
        "ssim_weight": 0.2,
        "adversarial_weight": 0.3,
        "cam_weight": 0.2,
        "correlation_weight": 0.6,
        "ranking_weight": 0.9,
        "quality_weight": 0.05,
        "reference_head_weight": 0.4,
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
        use_generator_detail=True,
    )
    model = build.build(changed, tiles_per_side=2)
    names = {layer.name for layer in model.generator.layers}
    assert not any(name.startswith("ufw") for name in names)
    assert {"skip", "detail_conv"} < names
    model.quality_network.get_layer("block3_conv3")
    kernel = model.quality_network.get_layer("image_conv").kernel
    assert kernel.shape[2:] == (11, 3)
    assert model.scorer.input_shape == (None, 256, 256, 3)
    changed = dataclasses.replace(
        config, use_spectrum=True, spectrum_filters=5, tile_size=256
    )
    network = build.build(changed).quality_network
    assert network.get_layer("spectrum_features").filters == 5
    assert network.input["image"].shape == (None, 256, 256, 3)
    assert build.build(
        dataclasses.replace(config, use_gan=False)
    ).scorer.output.keys() == {"mos", "quality", "cam"}


STEPPED = {0: 1e-3, 19: 1e-3, 20: 5e-4, 40: 2.5e-4}
# It ends at the last step of the last epoch.
COSINE = {0: 1e-3, 10: (2 + 2**0.5) / 4e3, 20: 5e-4, 40: 0}
# It rises along a line for 6 of 40 steps.
ONE_CYCLE = {0: 1e-3 / 25, 3: 1e-3 * 13 / 25, 6: 1e-3, 23: 5e-4, 40: 0}


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({"lr_decay_every": 2, "lr_decay": 0.5}, STEPPED),
        ({"lr_schedule": "cosine", "epochs": 4}, COSINE),
        ({"lr_schedule": "one_cycle", "epochs": 4}, ONE_CYCLE),
    ],
)
def test_learning_rate_falls_every_so_many_steps(config, settings, rates):
    plain = dataclasses.replace(config, use_gan=False, **settings)
    model = build.build(plain)
    build.compile_model(model, plain, steps=10)
    schedule = model.quality_optimizer._learning_rate
    assert {x: float(schedule(x)) for x in rates} == pytest.approx(rates)


def test_a_generator_that_was_alone_has_its_schedule_twice(config):
    staged = dataclasses.replace(
        config,
        lr_schedule="cosine",
        generator_epochs=2,
        generator_finetune=0.1,
        epochs=6,
    )
    model = build.build(staged)
    build.compile_model(model, staged, steps=10)
    rates = [
        {x: float(getattr(model, name)._learning_rate(x)) for x in steps}
        for name, steps in (
            ("generator_optimizer", (0, 10, 20, 40, 60)),
            ("quality_optimizer", (0, 20, 40)),
        )
    ]
    assert rates[0] == pytest.approx(
        {0: 1e-3, 10: 5e-4, 20: 1e-4, 40: 5e-5, 60: 0}, abs=1e-9
    )
    assert rates[1] == pytest.approx({0: 1e-3, 20: 5e-4, 40: 0}, abs=1e-9)


def test_settings_that_do_not_fit_each_other_are_one_line(config):
    bad = dataclasses.replace(config, up_scales=(2, 2))
    with pytest.raises(InputError, match="network settings: up_scales"):
        build.build(bad)
