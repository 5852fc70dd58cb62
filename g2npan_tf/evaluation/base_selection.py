"""Which base and which of its images a trained model is scored on."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base as data
from g2npan_tf.data import protocols
from g2npan_tf.evaluation.results import PAIR
from g2npan_tf.evaluation.results import TEST

ALL = "all"
SPLITS = (TEST, ALL, *(f"fold_{k}" for k in range(NUM_FOLDS)))
# What may be a group of the bootstrap and of the figures within a group.
GROUPS = (PAIR, "case_id", "modality")


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is to be scored, as the user says it.

    Attributes:
        data: Name of the base; empty: the run's own.
        data_dir: Folder of the bases; empty: that of the run.
        manual_dir: What a base that is not built yet is built from.
        split: One of `SPLITS`; empty: the test part of the run's own base,
            all of another.
        group_by: One of `GROUPS`.
        exclude: `name:value` with a name of `data.TEXTS`.
    """

    data: str = ""
    data_dir: str = ""
    manual_dir: str = ""
    split: str = ""
    group_by: str = PAIR
    exclude: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Selection:
    """What is scored, and what the model knows.

    Attributes:
        builder: Of the base that is scored.
        places: Places of the images there.
        split: One of `SPLITS`.
        protocol: In words.
        own: The base the model was trained on; None if it is not here.
        parts: How that one was divided; None likewise.
    """

    builder: tfds.core.DatasetBuilder
    places: np.ndarray
    split: str
    protocol: str
    own: tfds.core.DatasetBuilder | None
    parts: protocols.Parts | None


def select(
    settings: Config, facts: Mapping[str, Any], choice: Choice
) -> Selection:
    """Opens the bases and picks the images.

    Args:
        settings: Of the run.
        facts: Of the run's base, from config.json.
        choice: What is to be scored.

    Returns:
        The selection, with one image at least.

    Raises:
        InputError: If there is no such base, or no image is left, or the
            run's own base is asked for and has become another.
    """
    # First, since what is built now may be the run's own base again.
    asked = _opened(settings, choice) if choice.data else None
    own = _own_base(settings, facts, choice)
    builder: tfds.core.DatasetBuilder = own if asked is None else asked
    parts = data.divide(own, settings) if own else None
    split = choice.split or (ALL if choice.data else TEST)
    if split not in SPLITS:
        raise InputError(f"--split={split}: expected {', '.join(SPLITS)}")
    rows = data.judged(builder)
    if split == TEST:
        chosen = np.isin(rows["index"], _test_part(parts, choice))
    else:
        chosen = np.isin(rows["fold"], _folds(split))
    chosen &= ~_excluded(rows, choice.exclude)
    if not chosen.any():
        raise InputError(
            f"--exclude={','.join(choice.exclude)}: no image is left of "
            f"{builder.info.full_name}, --split={split}"
        )
    places = rows["index"][chosen]
    protocol = protocols.describe(settings)
    if split != TEST:
        is_own = own is not None and data.facts(builder) == data.facts(own)
        part = _part(split, places, parts if is_own else None)
        protocol = (
            f"{part}; the model is of {facts['name']}, {protocol} left out"
        )
    return Selection(builder, places, split, protocol, own, parts)


def _part(split: str, places: np.ndarray, parts: protocols.Parts | None) -> str:
    """A split in words; `parts` are those of the base if it is the run's."""
    where = "all images" if split == ALL else f"all images of {split}"
    if parts is None:
        return f"external, {where}"
    count = np.isin(places, parts.known).sum()
    return f"own base, {where}, includes {count} training images"


def _own_base(
    settings: Config, facts: Mapping[str, Any], choice: Choice
) -> tfds.core.DatasetBuilder | None:
    """The base of the run; None if it is not here and not asked for."""
    refusals = []
    for folder in dict.fromkeys(
        [choice.data_dir or settings.data_dir, settings.data_dir]
    ):
        moved = dataclasses.replace(settings, data_dir=folder)
        try:
            return data.reopen(moved, dict(facts))
        except InputError as error:
            refusals.append(error)
    if choice.data:
        return None
    raise refusals[0]


def _opened(settings: Config, choice: Choice) -> tfds.core.DatasetBuilder:
    """The base that is asked for, built if need be."""
    return data.open_base(
        dataclasses.replace(
            settings,
            data=choice.data,
            data_dir=choice.data_dir or settings.data_dir,
            manual_dir=choice.manual_dir,
        )
    )


def _test_part(parts: protocols.Parts | None, choice: Choice) -> np.ndarray:
    """Places of the run's test part, if it is what is asked for."""
    if choice.data or parts is None:
        raise InputError(
            f"--split={TEST} is the test part of the run's own base and goes "
            f"without --data; expected {', '.join(SPLITS[1:])}"
        )
    return parts.test


def _folds(split: str) -> list[int]:
    """The folds of a split."""
    if split == ALL:
        return list(range(NUM_FOLDS))
    return [int(split.removeprefix("fold_"))]


def _excluded(
    rows: Mapping[str, np.ndarray], exclude: Sequence[str]
) -> np.ndarray:
    """Which images are excluded, boolean `[n]`."""
    excluded = np.zeros(len(rows["index"]), bool)
    for item in exclude:
        name, _, value = item.partition(":")
        if name not in data.TEXTS or not value:
            raise InputError(
                f"--exclude={item}: expected NAME:VALUE, NAME one of "
                f"{', '.join(data.TEXTS)}"
            )
        hit = rows[name] == value
        if not hit.any():
            raise InputError(
                f"--exclude={item}: no image has that {name}; there are "
                f"{_shortened(rows[name])}"
            )
        excluded |= hit
    return excluded


def _shortened(names: np.ndarray, most: int = 12) -> str:
    """The different names, the first of many."""
    different = np.unique(names).tolist()
    more = f" and {len(different) - most} more" if different[most:] else ""
    return ", ".join(different[:most]) + more
