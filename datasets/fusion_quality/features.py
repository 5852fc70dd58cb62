"""What an example of each kind of data set holds; README.md explains it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from datasets import reader_study
from datasets.fusion_quality.configs import CustomConfig
from datasets.fusion_quality.configs import DistortionsConfig
from datasets.fusion_quality.configs import RandomFusionsConfig
from datasets.fusion_quality.configs import ReaderStudyConfig
from datasets.panel import readers
from datasets.pretraining import groups
from g2npan_tf.core.config import TILE_SIZE

# Side of the images in pixels (sec. 4.1.1), but for the reader study.
IMAGE_SIZE = TILE_SIZE
_TEXTS = ("pair_id", "case_id", "algorithm", "modality")


Features = dict[str, tfds.features.FeatureConnector]


def describe_examples(
    config: tfds.core.BuilderConfig, algorithms: Sequence[str]
) -> tuple[Features, dict[str, Any]]:
    """Features of a config, and the metadata that are known beforehand.

    Who scored is known beforehand only where no reader does. Numbers that a
    user does not give, and scores that were mistyped, are NaN.
    """
    if isinstance(config, CustomConfig):
        own = {
            "sources": tfds.features.Sequence(_image(IMAGE_SIZE)),
            "mos_std": tfds.features.Scalar(np.float32),
            "mos_interval": tfds.features.Scalar(np.float32),
            "grades": tfds.features.Tensor(shape=(None,), dtype=np.float32),
        }
        return _scored(IMAGE_SIZE) | own, {"sampling": "resize"}
    if isinstance(config, ReaderStudyConfig):
        by_reader = tfds.features.Tensor(
            shape=(reader_study.NUM_READERS,), dtype=np.float32
        )
        names = ("grades", *reader_study.CRITERIA)
        own = dict.fromkeys(names, by_reader)
        own["is_anchor"] = tfds.features.Scalar(np.bool_)
        return _scored(reader_study.IMAGE_SIZE) | own, {"sampling": "tiles"}
    if isinstance(config, DistortionsConfig):
        size = IMAGE_SIZE if config.is_whole else groups.TILED_SIZE
        own = {"deviation": tfds.features.Scalar(np.float32)}
        return _scored(size) | own, groups.describe(config)
    by_reader = tfds.features.Tensor(
        shape=(readers.NUM_READERS,), dtype=np.int32
    )
    own = dict.fromkeys(("source_a", "source_b"), _image(IMAGE_SIZE))
    facts = {
        "scores": "simulated",
        "panel_version": readers.PANEL_VERSION,
        "num_readers": readers.NUM_READERS,
        "sampling": "resize",
    }
    if isinstance(config, RandomFusionsConfig):
        facts["seed"] = config.seed
    else:
        facts["algorithms"] = list(algorithms)
    return _scored(IMAGE_SIZE) | own | {"grades": by_reader}, facts


def _scored(size: int) -> Features:
    """What every example has."""
    return {
        "image": _image(size),
        "reference": _image(size),
        **{name: tfds.features.Text() for name in _TEXTS},
        "mos": tfds.features.Scalar(np.float32),
    }


def _image(size: int) -> tfds.features.Image:
    """RGB, lossless."""
    return tfds.features.Image(shape=(size, size, 3), encoding_format="png")
