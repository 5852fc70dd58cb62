"""In what a run differs from its preset, for the line under every figure."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config

# Figures say these in words of their own, or do not hang on them.
_SAID_ELSEWHERE = frozenset(
    {
        "preset",
        "data",
        "data_dir",
        "manual_dir",
        "protocol",
        "fold",
        "train_share",
        "seed",
        "distribute",
        "profile",
        "grace_seconds",
    }
)
# Of a path only the last name: figures travel, folders do not.
_PATHS = frozenset({"init_from", "backbone_weights"})


def changes(config: Config) -> list[str]:
    """The settings of a run that are not its preset's.

    Args:
        config: Of the run.

    Returns:
        `name=value` each, in the order of the fields; data, protocol, fold,
        seed, folders and machines left out.
    """
    names = set(differing(config)) - _SAID_ELSEWHERE
    shown = dataclasses.replace(
        config,
        **{name: os.path.basename(getattr(config, name)) for name in _PATHS},
    )
    flags = (flag.removeprefix("--") for flag in config_module.to_flags(shown))
    return [flag for flag in flags if flag.partition("=")[0] in names]


def differing(config: Config) -> list[str]:
    """The fields whose value is not the preset's.

    Args:
        config: Any.

    Returns:
        Their names, in the order of the fields.
    """
    preset = {"preset": config.preset}
    usual = Config(**{**config_module.PRESETS[config.preset], **preset})
    return [
        field.name
        for field in dataclasses.fields(Config)
        if getattr(config, field.name) != getattr(usual, field.name)
    ]


def preset_words(results: Mapping[str, Any]) -> str:
    """The preset and what differs from it, as figures show it.

    Args:
        results: With `preset` and, unless it was made before they were kept,
            `changes`.

    Returns:
        `compact`, or `compact with vgg_width=0.25, ...`.
    """
    differing = results.get("changes")
    if not differing:
        return str(results["preset"])
    return f"{results['preset']} with {', '.join(differing)}"
