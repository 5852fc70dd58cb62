"""The named settings that runs start from, and how a run differs from them."""

import dataclasses
from typing import Any

from g2npan_tf.core.config import Config

# What a preset changes against the paper's setting.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    # For two cores: few, wide, low-resolution layers, a rate and statistics
    # that fit some hundred steps.
    "compact": {
        "generator_filters": (32, 32, 48),
        "generator_strides": (2, 2, 1),
        "up_filters": (48, 32, 32),
        "up_scales": (1, 1, 2, 2),
        "discriminator_filters": (32, 64, 96, 128),
        "vgg_width": 0.375,
        "vgg_batch_norm": True,
        "adversarial_weight": 0.01,
        "calibrate_scores": True,
        "epochs": 60,
        "early_stopping_epochs": 20,
        "learning_rate": 1e-3,
        "lr_decay_every": 2,
    },
}
DEFAULT_PRESET = "compact"


def differing(config: Config) -> list[str]:
    """The fields whose value is not the preset's, in the class's order."""
    usual = Config(**{**PRESETS[config.preset], "preset": config.preset})
    return [
        field.name
        for field in dataclasses.fields(Config)
        if getattr(config, field.name) != getattr(usual, field.name)
    ]
