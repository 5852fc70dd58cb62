"""The settings that a run starts from."""

import dataclasses

from g2npan_tf.core.config import Config
from g2npan_tf.core.presets import PRESETS
from g2npan_tf.core.presets import differing


def test_paper_preset_is_the_paper():
    paper = Config(**PRESETS["paper"])
    rate = {"learning_rate": 2e-4, "lr_decay": 0.95, "lr_decay_every": 20}
    networks = {"epochs": 1500, "num_ufw": 5, "backbone": "vgg11"}
    assert paper == dataclasses.replace(
        paper,
        **rate,
        **networks,
        reconstruction_weight=0.5,
        cam_weight=1.0,
        quality_weight=0.01,
    )


def test_only_what_departs_from_the_preset_differs():
    for name, values in PRESETS.items():
        settings = Config(**values, preset=name)
        assert differing(settings) == []
        other = dataclasses.replace(settings, seed=3, num_ufw=2)
        assert differing(other) == ["num_ufw", "seed"]
