"""The configs of the data set and their options."""

import dataclasses

import tensorflow_datasets as tfds


@dataclasses.dataclass(eq=False)
class PhantomConfig(tfds.core.BuilderConfig):
    """Pairs of head slices that the project draws itself; needs no data."""

    num_cases: int = 60
    seed: int = 0


@dataclasses.dataclass(eq=False)
class WholeBrainAtlasConfig(tfds.core.BuilderConfig):
    """Source pairs of the Whole Brain Atlas, spread evenly over its cases."""

    max_pairs: int = 129


@dataclasses.dataclass(eq=False)
class CustomConfig(tfds.core.BuilderConfig):
    """The user's own images and scores; None: `scale.json` says it."""

    mos_min: float | None = None
    mos_max: float | None = None
    lower_is_better: bool | None = None


@dataclasses.dataclass(eq=False)
class ReaderStudyConfig(tfds.core.BuilderConfig):
    """Denoised CT with radiologists' scores, read from `manual_dir`.

    `version` and `release_notes` are those of these configs alone.
    """

    version: tfds.core.utils.VersionOrStr | None = "1.2.0"
    release_notes: dict[str, str] | None = dataclasses.field(
        default_factory=lambda: {
            "1.2.0": "The abdomen sets are one case, brain sets 7 and 9 too.",
            "1.1.0": "A case was a set number over both organs.",
        }
    )
    # Folds by set, as up to version 1.1.0, and not by case: each has slices of
    # the abdomen's one patient.
    by_set: bool = False


@dataclasses.dataclass(eq=False)
class DistortionsConfig(tfds.core.BuilderConfig):
    """Slices with graded damage, scored by a formula; to pretrain.

    `version` and `release_notes` are those of these configs alone.
    """

    version: tfds.core.utils.VersionOrStr | None = "1.2.0"
    release_notes: dict[str, str] | None = dataclasses.field(
        default_factory=lambda: {
            "1.2.0": "Built-in heads are others than those of `phantom`.",
            "1.1.0": "Built-in heads were those of `phantom`.",
        }
    )
    # Whether slices are brought to the networks' size; else tiles of them are
    # seen at full resolution.
    is_whole: bool = False
    max_slices: int = 140  # Spread evenly over modalities and cases.
    per_slice: int = 16  # Damaged images of each slice.
    num_cases: int = 60  # Built-in heads, used without `manual_dir`.
    seed: int = 0  # Of the heads and of the damage.


@dataclasses.dataclass(eq=False)
class RandomFusionsConfig(tfds.core.BuilderConfig):
    """Pairs fused by algorithms drawn at random, no two images by one.

    `version` and `release_notes` are those of this config alone.
    """

    version: tfds.core.utils.VersionOrStr | None = "1.1.0"
    release_notes: dict[str, str] | None = dataclasses.field(
        default_factory=lambda: {
            "1.1.0": "Tones, residual networks, less damage; panel 1.1.0.",
            "1.0.0": "Random algorithms, simulated panel 1.1.0.",
        }
    )
    per_pair: int = 10  # Images of each pair.
    # Images of each pair with its sources in other colours and windows.
    per_altered: int = 6
    num_cases: int = 100  # Drawn heads, others than those of `phantom`.
    seed: int = 0  # Of the heads and of the algorithms.


CONFIGS = [
    PhantomConfig(
        name="phantom",
        description="Head slices drawn by the project; simulated scores.",
    ),
    WholeBrainAtlasConfig(
        name="whole_brain_atlas",
        description="129 Whole Brain Atlas pairs; simulated scores.",
    ),
    ReaderStudyConfig(
        name="reader_study",
        description="Denoised CT with the scores of three radiologists.",
    ),
    ReaderStudyConfig(
        name="reader_study_by_set",
        description="The same; folds by set; abdomen of one patient.",
        by_set=True,
    ),
    DistortionsConfig(
        name="distortions",
        description="Damaged slices in tiles; scored by a formula, no readers.",
    ),
    DistortionsConfig(
        name="distortions_whole",
        description="Damaged slices, whole; scored by a formula, no readers.",
        is_whole=True,
    ),
    RandomFusionsConfig(
        name="random_fusions",
        description="Each image by an algorithm of its own; simulated scores.",
    ),
    CustomConfig(
        name="custom",
        description="The user's own images with the user's scores.",
    ),
]
