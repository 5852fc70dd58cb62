"""What an export starts from: a finished run, its scorer and real images."""

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np

from g2npan_tf.core import config as config_module
from g2npan_tf.core import folds
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import SCORER
from g2npan_tf.data import base
from g2npan_tf.data import protocols
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.images.content import has_content
from g2npan_tf.images.content import scorer_image
from g2npan_tf.images.paths import find_images
from g2npan_tf.images.read import SCORER_SIZE
from g2npan_tf.images.read import load_image
from g2npan_tf.model.packed import pack
from g2npan_tf.scoring.assessor import load_keras

# Enough for every modality and algorithm to be among them.
MAX_IMAGES = 32


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run of train.py, or the runs of a cross-validation packed as one.

    Attributes:
        config: Of the first run.
        facts: Of the data set.
        scorer: All runs' scorers as one.
        members: The number of runs.
    """

    config: Config
    facts: dict[str, Any]
    scorer: keras.Model
    members: int = 1

    @property
    def protocol(self) -> str:
        """What trained and what did not, in words."""
        words = protocols.describe(self.config)
        if self.members == 1:
            return words
        return (
            f"{self.members} models of a cross-validation as one, so that "
            f"every image has trained some of them ({words} and likewise the "
            "others)"
        )


@dataclasses.dataclass(frozen=True)
class Probe:
    """Real images on which an artefact is compared with its scorer.

    Attributes:
        images: uint8 `[n, size, size, 3]`, RGB, n from 1 to `MAX_IMAGES`.
        source: Where they are from, in words.
    """

    images: np.ndarray
    source: str


def load(workdir: pathlib.Path) -> FinishedRun:
    """Loads what an export needs from a run, or from a cross-validation.

    Choice: the runs of all seeds are packed, and every seed has the same
    folds, so that no part of the data set counts more than another.

    Raises:
        InputError: If the folder, its `config.json` or its `scorer.keras` is
            missing or damaged, or the cross-validation is not finished.
    """
    if folds.is_cross_validation(workdir):
        found = folds.finished(workdir)
        scorers = [load_keras(one.folder / SCORER) for one in found]
        first = found[0]
        return FinishedRun(
            first.config, first.facts, pack(scorers), len(scorers)
        )
    config, facts = config_module.load(workdir / "config.json")
    path = workdir / SCORER
    if not path.is_file():
        raise InputError(
            f"{path}: not found; train.py writes it after the first epoch"
        )
    return FinishedRun(config, facts, load_keras(path))


def probe_from_base(run: FinishedRun) -> Probe:
    """Takes images spread over the test part of the run's data set.

    Where every image trains, they are of the training part. The data set is
    opened in the version that the run was trained on, and never built.

    Raises:
        InputError: If that version no longer exists.
    """
    try:
        builder = base.reopen(run.config, run.facts)
    except InputError as error:
        raise InputError(
            f"{error}; give other images by --images=FOLDER"
        ) from error
    parts = base.divide(builder, run.config)
    name, places = "test", parts.test
    if not places.size:
        name, places = "training", parts.train
    images = base.read(builder, places)["image"]
    shows = np.array([has_content(image) for image in images], bool)
    if not shows.any():
        raise InputError(
            f"{run.facts['name']}: no {name} image with content; "
            "give other images by --images=FOLDER"
        )
    source = (
        f"{name} part of {run.facts['name']}, {protocols.describe(run.config)}"
    )
    images = images[shows]
    return Probe(images[_spread(len(images))], source)


def probe_from_folder(folder: pathlib.Path, size: int = SCORER_SIZE) -> Probe:
    """Takes images spread over a folder of files and its subfolders.

    Raises:
        InputError: If there are no images, or one of them is damaged or has
            no content.
    """
    paths = find_images([str(folder)]).paths if folder.is_dir() else ()
    if paths in ((), (folder,)):
        raise InputError(
            f"--images={folder}: expected a folder with image files"
        )
    chosen = [paths[index] for index in _spread(len(paths))]
    images = np.stack([_probe_image(path, size) for path in chosen])
    return Probe(images, f"files in {folder.name}")


def _probe_image(path: pathlib.Path, size: int) -> np.ndarray:
    """Reads an image that every artefact scores."""
    pixels = scorer_image(load_image(path).pixels, size)
    if pixels is None:
        raise InputError(f"{path}: {NO_CONTENT}")
    return pixels


def _spread(count: int) -> np.ndarray:
    """At most `MAX_IMAGES` indices, evenly over 0 .. count - 1."""
    number = min(count, MAX_IMAGES)
    return np.linspace(0, count - 1, number).round().astype(int)
