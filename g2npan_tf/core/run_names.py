"""How figures name a run: its network, and what it changes in a preset."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from g2npan_tf.core.config import Config
from g2npan_tf.core.config_flags import to_flags
from g2npan_tf.core.presets import differing

# Figures state these in other words, or do not depend on them.
_SAID_ELSEWHERE = frozenset(
    {
        "preset",
        "data",
        "data_dir",
        "manual_dir",
        "protocol",
        "fold",
        "train_share",
        "train_algorithms",
        "seed",
        "distribute",
        "profile",
        "grace_seconds",
    }
)


def changes(config: Config) -> list[str]:
    """How a run differs from its preset, `name=value` in the fields' order.

    For the line under every figure. Data, protocol, fold, seed, folders and
    machines are left out, and paths are cut to their last name, since figures
    are read on other machines.
    """
    last_names: dict[str, Any] = {
        name: os.path.basename(getattr(config, name))
        for name in ("init_from", "backbone_weights", "like")
    }
    names = set(differing(config)) - _SAID_ELSEWHERE
    shortened = to_flags(dataclasses.replace(config, **last_names))
    texts = (flag.removeprefix("--") for flag in shortened)
    return [text for text in texts if text.partition("=")[0] in names]


def preset_words(preset: str, changes: Sequence[str] | None) -> str:
    """`compact`, or `compact with vgg_width=0.25, ...`, as figures show it."""
    return f"{preset} with {', '.join(changes)}" if changes else preset


_BY_WHAT_IS_LACKING = {
    (): "G2NPAN",
    ("CAM",): "G2NPN",
    ("Eq. 11", "CAM"): "G2NN",
    ("UFW", "Eq. 11", "CAM"): "G2N",
}


def name_of(config: Config) -> str:
    """The network's name in the paper's tables (sec. 4.3, Table 2, Fig. 6).

    A network that is not in them is named by what it lacks, e.g. `G2NPAN
    without UFW`. With a GAN, start weights are not part of the name.
    """
    if not config.use_gan:
        parts = {
            config.backbone.upper(): True,
            "pre": bool(config.init_from or config.backbone_weights),
            "CAM": config.cam_weight > 0,
        }
        return " + ".join(part for part, is_there in parts.items() if is_there)
    has = {
        "UFW": config.num_ufw > 0,
        "Eq. 11": config.use_perception_weight,
        "CAM": config.cam_weight > 0,
    }
    lacking = tuple(part for part, is_there in has.items() if not is_there)
    if lacking in _BY_WHAT_IS_LACKING:
        return _BY_WHAT_IS_LACKING[lacking]
    return f"{_BY_WHAT_IS_LACKING[()]} without {', '.join(lacking)}"
