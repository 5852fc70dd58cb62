"""Names of the folders in which a table's runs are found again."""

import hashlib
import json
import pathlib
from typing import Any

from g2npan_tf.baselines.run import SETTINGS
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import with_whole_paths
from g2npan_tf.experiments.paper_tables import Row

# What leaves a run's figures as they are, or is a folder of its own.
_NO_MATTER = (
    "fold",
    "seed",
    "data_dir",
    "manual_dir",
    "distribute",
    "profile",
    "grace_seconds",
)
_START_FILE = "best.weights.h5"


def folder_name(row: Row, config: Config, facts: dict[str, Any]) -> str:
    """A name to read and a hash that tells all else apart.

    Choice: only what differs from the defaults is hashed, so that a new field
    of `Config` does not hide what was trained before it came.

    Args:
        row: Of the table.
        config: Its configuration.
        facts: From `data.facts`.

    Returns:
        Equal for equal configurations on equal data, whatever the fold, the
        seed and the folders.
    """
    config = with_whole_paths(config)
    used = set(SETTINGS) if row.method else set(config.to_json())
    default = Config().to_json()
    content = {
        "config": {
            name: value
            for name, value in config.to_json().items()
            if name in used - {*_NO_MATTER} and value != default[name]
        },
        "data": facts,
        "method": row.method,
        "start": [] if row.method else _start_digests(config),
    }
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    base = facts["name"].removeprefix("fusion_quality/").replace("/", "_")
    words = [base, config.protocol, row.slug]
    if not row.method:
        words += [config.preset, f"{config.epochs}_epochs"]
    return "_".join([*words, digest])


def _start_digests(config: Config) -> list[str]:
    """Of the weights that a run starts with, which may change in a place."""
    start = pathlib.Path(config.init_from, _START_FILE)
    places = [start] if config.init_from else []
    if config.backbone_weights:
        places.append(pathlib.Path(config.backbone_weights))
    return [
        hashlib.sha256(place.read_bytes()).hexdigest()
        for place in places
        if place.is_file()
    ]
