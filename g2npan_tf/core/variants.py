"""What the paper calls a configuration: G2NPAN, its ablations, plain VGG11."""

from collections.abc import Mapping
from typing import Any

from g2npan_tf.core.config import Config

# The key of the trained network among the methods of results.json.
METHOD = "g2npan"
_NAMES = {
    (): "G2NPAN",
    ("CAM",): "G2NPN",
    ("Eq. 11", "CAM"): "G2NN",
    ("UFW", "Eq. 11", "CAM"): "G2N",
}


def name_of(config: Config) -> str:
    """The network's name in the paper's tables.

    Section: 4.3, Table 2 and Fig. 6.

    Args:
        config: Of the run.

    Returns:
        A row of Fig. 6 or Table 2, e.g. `G2NN` or `VGG11 + pre + CAM`; what
        is none is named by what it lacks, e.g. `G2NPAN without UFW`. Start
        weights of a network with GAN are not part of its name.
    """
    if not config.use_gan:
        has_start_weights = bool(config.init_from or config.backbone_weights)
        parts = {
            config.backbone.upper(): True,
            "pre": has_start_weights,
            "CAM": config.cam_weight > 0,
        }
        return " + ".join(part for part, is_there in parts.items() if is_there)
    has = {
        "UFW": config.num_ufw > 0,
        "Eq. 11": config.use_perception_weight,
        "CAM": config.cam_weight > 0,
    }
    lacking = tuple(part for part, is_there in has.items() if not is_there)
    if lacking in _NAMES:
        return _NAMES[lacking]
    return f"{_NAMES[()]} without {', '.join(lacking)}"


def shown(results: Mapping[str, Any], method: str) -> str:
    """What a method is called in tables.

    Args:
        results: With `network`, a `name_of`; without it where a run was
            evaluated before there were names, or where there is none.
        method: Key of the method in `results["methods"]`.

    Returns:
        The network's name for `METHOD`, and any other key as it is.
    """
    return results.get("network", method) if method == METHOD else method
