"""In what a run differs from its preset, for the line under every figure."""

import os
from collections.abc import Mapping
from typing import Any

from g2npan_tf.config import PRESETS
from g2npan_tf.config import Config

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
    usual = {**Config().to_json(), **PRESETS[config.preset]}
    found = []
    for name, value in config.to_json().items():
        default = usual[name]
        if isinstance(default, tuple):
            default = list(default)
        if name not in _SAID_ELSEWHERE and value != default:
            found.append(f"{name}={_shown(name, value)}")
    return found


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


def _shown(name: str, value: Any) -> str:
    """A value as its flag takes it."""
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return os.path.basename(value) if name in _PATHS else str(value)
