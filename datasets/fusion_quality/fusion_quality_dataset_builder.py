"""TFDS builder of the fusion quality data base."""

import dataclasses
import functools
import pathlib
import zlib
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.writer import ExampleWriter

from datasets import panel
from datasets import phantom
from datasets.folds import split_by_case
from datasets.fusion import ALGORITHMS
from datasets.fusion import fuse
from datasets.selection import select_pairs
from datasets.sources import ATLAS_LAYOUT
from datasets.sources import PairEntry
from datasets.sources import SourcePair
from datasets.sources import list_atlas_pairs
from g2npan_tf.errors import InputError

# Side of all images in pixels (sec. 4.1.1).
IMAGE_SIZE = 128
# Seed of the draw between several best images of a group.
TIE_SEED = 0


@dataclasses.dataclass(eq=False)
class PhantomConfig(tfds.core.BuilderConfig):
    """Head slices that the project draws itself; needs no data.

    Attributes:
        num_cases: Number of heads; one source pair each.
        seed: Other seeds give other heads.
    """

    num_cases: int = 60
    seed: int = 0


@dataclasses.dataclass(eq=False)
class WholeBrainAtlasConfig(tfds.core.BuilderConfig):
    """Source pairs of the Whole Brain Atlas, read from `manual_dir`.

    Attributes:
        max_pairs: How many of the pairs, spread evenly over the cases.
    """

    max_pairs: int = 129


class CanonicalWriter(ExampleWriter):
    """Writes equal examples as equal bytes.

    `tf.train.Example` is a protocol buffer map, whose order in the file
    differs from process to process unless it is asked for.
    """

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
        """Writes one shard; arguments and result as in TFDS."""
        ordered = ((key, canonical(record)) for key, record in examples)
        return super().write(path, ordered)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Fused medical images with mean opinion scores, in five folds."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {  # noqa: RUF012 (TFDS wants a plain dict)
        "1.1.0": "10 fusion algorithms, simulated panel 1.1.0.",
        "1.0.0": "10 fusion algorithms, simulated panel 1.0.0.",
    }
    BUILDER_CONFIGS = [  # noqa: RUF012
        PhantomConfig(
            name="phantom",
            description="Head slices drawn by the project; simulated scores.",
        ),
        WholeBrainAtlasConfig(
            name="whole_brain_atlas",
            description="129 Whole Brain Atlas pairs; simulated scores.",
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    `whole_brain_atlas` reads {ATLAS_LAYOUT} in `manual_dir`, one
    <case><slice>.png per slice in each folder. Get them with
    `git clone --depth 1
    https://github.com/xianming-gu/Havard-Medical-Image-Fusion-Datasets`
    and give the folder of the clone as `manual_dir`. The images are from the
    Whole Brain Atlas (K. A. Johnson and J. A. Becker, Harvard Medical
    School). The repository has no licence file: local research use only.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        """Describes an example; see README.md for the meaning."""
        shape = (IMAGE_SIZE, IMAGE_SIZE, 3)
        images = ("image", "reference", "source_a", "source_b")
        texts = ("pair_id", "case_id", "algorithm", "modality")
        features = {
            **{
                name: tfds.features.Image(shape=shape, encoding_format="png")
                for name in images
            },
            **{name: tfds.features.Text() for name in texts},
            "mos": tfds.features.Scalar(np.float32),
            "grades": tfds.features.Tensor(
                shape=(panel.NUM_READERS,), dtype=np.int32
            ),
        }
        metadata = {
            "scores": "simulated",
            "panel_version": panel.PANEL_VERSION,
            "num_readers": panel.NUM_READERS,
            "algorithms": list(ALGORITHMS),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(metadata),
        )

    def _example_writer(self) -> ExampleWriter:
        """TFDS asks here who writes the files."""
        return CanonicalWriter(file_format=self.info.file_format)

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        """Makes one split of each fold."""
        entries = _list_pairs(self.builder_config, dl_manager)
        return {
            f"fold_{fold}": self._generate_examples(members)
            for fold, members in enumerate(split_by_case(entries))
        }

    def _generate_examples(
        self, entries: Iterable[PairEntry]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the fused images of one pair after the other."""
        for entry in entries:
            yield from fused_examples(entry.load())


def canonical(record: bytes) -> bytes:
    """Orders the features of a serialized `tf.train.Example` by name."""
    example = tf.train.Example.FromString(record)
    return example.SerializeToString(deterministic=True)


def fused_examples(pair: SourcePair) -> Iterator[tuple[str, dict[str, Any]]]:
    """Fuses a pair with every algorithm and lets the panel grade the results.

    Args:
        pair: The source images.

    Yields:
        Key `<pair>/<algorithm>` and the example's features; images are uint8
        `[size, size, 3]` or PNG bytes.
    """
    sources = (pair.source_a, pair.source_b)
    images = {name: fuse(*sources, name) for name in ALGORITHMS}
    keys = {name: f"{pair.pair_id}/{name}" for name in ALGORITHMS}
    grades = {
        name: panel.grade(*sources, images[name], seed_key=keys[name])
        for name in ALGORITHMS
    }
    mos = {name: panel.mos(grades[name]) for name in ALGORITHMS}
    # These three are the same in the whole group: encoded once.
    shared = {
        "reference": _encode(images[best_of_group(mos, pair.pair_id)]),
        "source_a": _encode(pair.source_a),
        "source_b": _encode(pair.source_b),
        "pair_id": pair.pair_id,
        "case_id": pair.case_id,
        "modality": pair.modality,
    }
    for name in ALGORITHMS:
        yield (
            keys[name],
            {
                "image": _encode(images[name]),
                "mos": mos[name],
                "grades": grades[name],
                "algorithm": name,
                **shared,
            },
        )


def best_of_group(mos: dict[str, float], group: str) -> str:
    """Finds the image with the highest MOS of a group.

    Grades are integers, so ties are common. They are broken at random with a
    fixed seed and the group's name: no algorithm is favoured, and a group's
    reference depends on no other group.

    Args:
        mos: MOS of each image of the group, range [1, 5].
        group: Name of the group.

    Returns:
        Name of the best image.
    """
    best = [name for name in mos if mos[name] == max(mos.values())]
    seed = [TIE_SEED, zlib.crc32(group.encode())]
    return best[np.random.default_rng(seed).integers(len(best))]


def _list_pairs(
    config: PhantomConfig | WholeBrainAtlasConfig,
    dl_manager: tfds.download.DownloadManager,
) -> list[PairEntry]:
    """Lists the source pairs of a config."""
    if isinstance(config, PhantomConfig):
        return [_phantom_entry(i, config.seed) for i in range(config.num_cases)]
    entries = list_atlas_pairs(_manual_dir(dl_manager), IMAGE_SIZE)
    return select_pairs(entries, config.max_pairs)


def _phantom_entry(case: int, seed: int) -> PairEntry:
    """Names a phantom before it is drawn."""
    modality = phantom.MODALITIES[case % len(phantom.MODALITIES)]
    case_id = f"phantom_{case:03d}"
    load = functools.partial(phantom.phantom_pair, case, IMAGE_SIZE, seed)
    return PairEntry(f"{modality}_{case_id}", case_id, modality, load)


def _manual_dir(dl_manager: tfds.download.DownloadManager) -> pathlib.Path:
    """Folder of the user's data."""
    try:
        return dl_manager.manual_dir
    except AssertionError as error:
        # TFDS says in its first sentence which folder it looked for.
        problem = str(error).partition(". ")[0]
        raise InputError(f"{problem}; expected {ATLAS_LAYOUT}") from None


def _encode(image: np.ndarray) -> bytes:
    """Encodes RGB as PNG."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
