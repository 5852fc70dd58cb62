"""TFDS builder of the fusion quality data set."""

import pathlib
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import tensorflow_datasets as tfds
from absl import logging

from datasets import groups
from datasets import phantom
from datasets import reader_study
from datasets.atlas import ATLAS_LAYOUT
from datasets.atlas import list_atlas_pairs
from datasets.atlas import select_pairs
from datasets.custom import scores as custom
from datasets.fusion import ALGORITHMS
from datasets.fusion import fuse
from datasets.fusion_quality.canonical_writer import CanonicalWriter
from datasets.fusion_quality.canonical_writer import bounded_shuffle
from datasets.fusion_quality.configs import CONFIGS
from datasets.fusion_quality.configs import CustomConfig
from datasets.fusion_quality.configs import DistortionsConfig
from datasets.fusion_quality.configs import PhantomConfig
from datasets.fusion_quality.configs import RandomFusionsConfig
from datasets.fusion_quality.configs import ReaderStudyConfig
from datasets.fusion_quality.configs import WholeBrainAtlasConfig
from datasets.fusion_quality.features import IMAGE_SIZE
from datasets.fusion_quality.features import describe_examples
from datasets.panel.examples import graded_examples
from datasets.pretraining import slices
from datasets.pretraining.groups import TILED_SIZE
from datasets.pretraining.groups import DistortedGroup
from datasets.pretraining.groups import distorted_examples
from datasets.random_fusion.groups import FIRST_HEAD
from datasets.random_fusion.groups import RandomGroup
from datasets.random_fusion.groups import make_groups
from datasets.random_fusion.groups import random_examples
from g2npan_tf.core.errors import InputError

DownloadManager: TypeAlias = tfds.download.DownloadManager
Group = groups.Entry | groups.ScoredGroup | DistortedGroup | RandomGroup
CUSTOM_LAYOUT = "images, scores.csv and scale.json"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Fused medical images with mean opinion scores, in five folds."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {  # noqa: RUF012 (TFDS wants a plain dict)
        "1.1.0": "10 fusion algorithms, simulated panel 1.1.0.",
        "1.0.0": "10 fusion algorithms, simulated panel 1.0.0.",
    }
    BUILDER_CONFIGS = CONFIGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    `whole_brain_atlas` and `random_fusions` read {ATLAS_LAYOUT} in
    `manual_dir`, one <case><slice>.png per slice in each folder. Get them with
    `git clone --depth 1
    https://github.com/xianming-gu/Havard-Medical-Image-Fusion-Datasets`
    and give the folder of the clone as `manual_dir`. The images are from the
    Whole Brain Atlas (K. A. Johnson and J. A. Becker, Harvard Medical
    School). The repository has no licence file: local research use only.

    `reader_study` and `reader_study_by_set` read {reader_study.LAYOUT} in
    `manual_dir`. The images are in the folder BLIND_READER_STUDY of
    https://github.com/babbu3682/MTD-GAN (MIT licence); README.md describes
    the table.

    `custom` reads {CUSTOM_LAYOUT} in `manual_dir`; README.md describes them,
    `python -m datasets.custom.check --manual_dir=...` checks them.

    `distortions` and `distortions_whole` read {slices.LAYOUT}, in
    `manual_dir`; without `manual_dir` they draw heads.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        """Describes an example; see README.md for the meaning."""
        features, metadata = describe_examples(
            self.builder_config, list(ALGORITHMS)
        )
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(metadata),
        )

    def _example_writer(self) -> CanonicalWriter:
        """TFDS asks here who writes the files."""
        return CanonicalWriter(file_format=self.info.file_format)

    def _generate_splits(
        self,
        dl_manager: DownloadManager,
        download_config: tfds.download.DownloadConfig,
    ) -> Sequence[tfds.core.SplitInfo]:
        """Here TFDS says whether Apache Beam is asked for."""
        self._uses_beam = bool(
            download_config.beam_runner or download_config.beam_options
        )
        self._has_manual_dir = download_config.manual_dir is not None
        with bounded_shuffle():
            return super()._generate_splits(dl_manager, download_config)

    def _split_generators(self, dl_manager: DownloadManager) -> dict[str, Any]:
        """Makes one split of each fold: examples, or a Beam transform."""
        generate = beam_examples if self._uses_beam else self._generate_examples
        return {
            f"fold_{fold}": generate(members)
            for fold, members in enumerate(self._folds(dl_manager))
        }

    def _folds(self, dl_manager: DownloadManager) -> Sequence[Sequence[Group]]:
        """Lists the groups of each fold; nothing is fused or drawn yet."""
        config = self.builder_config
        if isinstance(config, CustomConfig):
            return self._custom_folds(_manual_dir(dl_manager, CUSTOM_LAYOUT))
        if isinstance(config, ReaderStudyConfig):
            root = _manual_dir(dl_manager, reader_study.LAYOUT)
            sets, facts = reader_study.list_groups(root, config.by_set)
            self._learn(root, facts)
            return groups.split_by_case(sets)
        if isinstance(config, DistortionsConfig):
            return groups.split_by_case(self._distorted_groups(dl_manager))
        if isinstance(config, RandomFusionsConfig):
            return groups.split_by_case(self._random_groups(dl_manager))
        return groups.split_by_case(_list_pairs(config, dl_manager))

    def _custom_folds(
        self, root: pathlib.Path
    ) -> list[list[groups.ScoredGroup]]:
        """Reads the user's table; the metadata say what is in it."""
        names = ("mos_min", "mos_max", "lower_is_better")
        options = {name: getattr(self.builder_config, name) for name in names}
        scores = custom.read_scores(root, options)
        self._learn(root, custom.describe(scores))
        made = custom.make_groups(scores, IMAGE_SIZE)
        return custom.split_groups(scores, made)

    def _random_groups(self, dl_manager: DownloadManager) -> list[RandomGroup]:
        """Lists all pairs of the atlas and drawn heads, to be fused anew."""
        config = self.builder_config
        root = _manual_dir(dl_manager, ATLAS_LAYOUT)
        made = make_groups(
            [
                *list_atlas_pairs(root, IMAGE_SIZE),
                *phantom.list_pairs(
                    config.num_cases, IMAGE_SIZE, config.seed, FIRST_HEAD
                ),
            ],
            config.per_pair,
            config.per_altered,
            config.seed,
        )
        self._learn(root, {"images": sum(group.count for group in made)})
        return made

    def _distorted_groups(
        self, dl_manager: DownloadManager
    ) -> list[DistortedGroup]:
        """Lists the slices that are to be damaged."""
        config = self.builder_config
        size = IMAGE_SIZE if config.is_whole else TILED_SIZE
        if self._has_manual_dir:
            root = _manual_dir(dl_manager, slices.LAYOUT)
            entries = slices.list_slices(root, size, config.is_whole)
        else:
            root = pathlib.Path("built-in heads")
            entries = slices.list_phantoms(config.num_cases, size, config.seed)
        chosen = groups.spread_over_modalities(entries, config.max_slices)
        self._learn(root, {"slices": len(chosen), "source": root.name})
        return [
            DistortedGroup(entry, config.per_slice, config.seed)
            for entry in chosen
        ]

    def _learn(self, root: pathlib.Path, facts: dict[str, Any]) -> None:
        """Keeps what is known only when the scores are read."""
        logging.info("%s: %s", root, facts)
        self.info.metadata.update(facts)

    def _generate_examples(self, members: Iterable[Group]) -> groups.Examples:
        """Yields the images of one group after the other."""
        for group in members:
            yield from group_examples(group)


def group_examples(group: Group) -> groups.Examples:
    """Makes keys and features of a group's images, one at a time.

    A pair is fused and graded, by the ten algorithms or by random ones, a
    slice damaged; scored images are as they are.
    """
    if isinstance(group, groups.Entry):
        return fused_examples(group)
    if isinstance(group, DistortedGroup):
        return distorted_examples(group)
    if isinstance(group, RandomGroup):
        return random_examples(group)
    return groups.scored_examples(group)


def beam_examples(members: Sequence[Group]) -> Any:
    """A `beam.PTransform` of examples; names go to its workers, no pixels."""
    import apache_beam as beam

    created = beam.Create(members) | beam.Reshuffle()
    return created | beam.FlatMap(group_examples)


def fused_examples(entry: groups.Entry[groups.SourcePair]) -> groups.Examples:
    """Fuses a pair with every algorithm and lets the panel grade the results.

    Yields:
        Key `<pair>/<algorithm>` and the example's features; images are PNG.
    """
    pair = entry.load()
    images = {
        name: fuse(pair.source_a, pair.source_b, name) for name in ALGORITHMS
    }
    texts = {
        "pair_id": entry.pair_id,
        "case_id": entry.case_id,
        "modality": entry.modality,
    }
    yield from graded_examples(pair, images, texts)


def _list_pairs(
    config: PhantomConfig | WholeBrainAtlasConfig, dl_manager: DownloadManager
) -> list[groups.Entry[groups.SourcePair]]:
    if isinstance(config, PhantomConfig):
        return phantom.list_pairs(config.num_cases, IMAGE_SIZE, config.seed)
    entries = list_atlas_pairs(
        _manual_dir(dl_manager, ATLAS_LAYOUT), IMAGE_SIZE
    )
    return select_pairs(entries, config.max_pairs)


def _manual_dir(dl_manager: DownloadManager, layout: str) -> pathlib.Path:
    try:
        return pathlib.Path(dl_manager.manual_dir)
    except AssertionError as error:
        # TFDS says in its first sentence which folder it looked for.
        problem = str(error).partition(". ")[0]
        raise InputError(f"{problem}; expected {layout}") from None
