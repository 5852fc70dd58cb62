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


def describe_examples(
    config: tfds.core.BuilderConfig, algorithms: Sequence[str]
) -> tuple[dict[str, tfds.features.FeatureConnector], dict[str, Any]]:
    """Features of a config, and the metadata that are known beforehand.

    Args:
        config: One of the data set.
        algorithms: Fusion algorithms in use.

    Returns:
        Features by name; metadata. Who scored is known beforehand only where
        no reader does.
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


def fused_features(
    size: int, num_readers: int
) -> dict[str, tfds.features.FeatureConnector]:
    """Features of images that the project fuses and its panel grades.

    Args:
        size: Side of the images in pixels.
        num_readers: Number of simulated readers.

    Returns:
        Name -> feature.
    """
    return {
        **_scored_features(size),
        "source_a": _image(size),
        "source_b": _image(size),
        "grades": tfds.features.Tensor(shape=(num_readers,), dtype=np.int32),
    }


def custom_features(size: int) -> dict[str, tfds.features.FeatureConnector]:
    """Features of the user's own images.

    Args:
        size: Side of the images in pixels.

    Returns:
        Name -> feature. Numbers that the user does not give are NaN.
    """
    return {
        **_scored_features(size),
        "sources": tfds.features.Sequence(_image(size)),
        "mos_std": tfds.features.Scalar(np.float32),
        "mos_interval": tfds.features.Scalar(np.float32),
        "grades": tfds.features.Tensor(shape=(None,), dtype=np.float32),
    }


def reader_study_features(
    size: int, num_readers: int
) -> dict[str, tfds.features.FeatureConnector]:
    """Features of the reader study's images.

    Args:
        size: Side of the images in pixels.
        num_readers: Number of radiologists.

    Returns:
        Name -> feature. Single scores that were mistyped are NaN.
    """
    single = ("grades", "contrast", "structure", "noise")
    return {
        **_scored_features(size),
        **{
            name: tfds.features.Tensor(shape=(num_readers,), dtype=np.float32)
            for name in single
        },
        "is_anchor": tfds.features.Scalar(np.bool_),
    }


def distorted_features(
    size: int,
) -> dict[str, tfds.features.FeatureConnector]:
    """Features of slices that the project damages.

    Args:
        size: Side of the images in pixels.

    Returns:
        Name -> feature.
    """
    return {
        **_scored_features(size),
        "deviation": tfds.features.Scalar(np.float32),
    }


def _scored_features(
    size: int,
) -> dict[str, tfds.features.FeatureConnector]:
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
