"""What an example of each kind of data set holds; README.md explains it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from datasets import reader_study
from datasets.fusion_quality.configs import CustomConfig
from datasets.fusion_quality.configs import DistortionsConfig
from datasets.fusion_quality.configs import ReaderStudyConfig
from datasets.panel import readers
from datasets.pretraining import groups

# Side of the images in pixels (sec. 4.1.1), but for the reader study.
IMAGE_SIZE = 128
_TEXTS = ("pair_id", "case_id", "algorithm", "modality")


Features = dict[str, tfds.features.FeatureConnector]


def describe_examples(
    config: tfds.core.BuilderConfig, algorithms: Sequence[str]
) -> tuple[Features, dict[str, Any]]:
    """Features of a config, and the metadata that are known beforehand.

    Who scored is known beforehand only where no reader does.
    """
    if isinstance(config, CustomConfig):
        return custom_features(IMAGE_SIZE), {"sampling": "resize"}
    if isinstance(config, ReaderStudyConfig):
        features = reader_study_features(
            reader_study.IMAGE_SIZE, reader_study.NUM_READERS
        )
        return features, {"sampling": "tiles"}
    if isinstance(config, DistortionsConfig):
        size = IMAGE_SIZE if config.is_whole else groups.TILED_SIZE
        return distorted_features(size), groups.describe(config)
    metadata = {
        "scores": "simulated",
        "panel_version": readers.PANEL_VERSION,
        "num_readers": readers.NUM_READERS,
        "algorithms": list(algorithms),
        "sampling": "resize",
    }
    return fused_features(IMAGE_SIZE, readers.NUM_READERS), metadata


def fused_features(size: int, num_readers: int) -> Features:
    """Features of images that the project fuses and its panel grades."""
    return {
        **_scored_features(size),
        "source_a": _image(size),
        "source_b": _image(size),
        "grades": tfds.features.Tensor(shape=(num_readers,), dtype=np.int32),
    }


def custom_features(size: int) -> Features:
    """Features of the user's own images; numbers that are not given are NaN."""
    return {
        **_scored_features(size),
        "sources": tfds.features.Sequence(_image(size)),
        "mos_std": tfds.features.Scalar(np.float32),
        "mos_interval": tfds.features.Scalar(np.float32),
        "grades": tfds.features.Tensor(shape=(None,), dtype=np.float32),
    }


def reader_study_features(size: int, num_readers: int) -> Features:
    """Features of the reader study's images; mistyped scores are NaN."""
    by_reader = tfds.features.Tensor(shape=(num_readers,), dtype=np.float32)
    return {
        **_scored_features(size),
        **dict.fromkeys(("grades", *reader_study.CRITERIA), by_reader),
        "is_anchor": tfds.features.Scalar(np.bool_),
    }


def distorted_features(size: int) -> Features:
    """Features of slices that the project damages."""
    return {
        **_scored_features(size),
        "deviation": tfds.features.Scalar(np.float32),
    }


def _scored_features(size: int) -> Features:
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
