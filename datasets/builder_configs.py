"""The configs of the data base and their options."""

import dataclasses

import tensorflow_datasets as tfds


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


@dataclasses.dataclass(eq=False)
class CustomConfig(tfds.core.BuilderConfig):
    """The user's own images and scores, read from `manual_dir`.

    Attributes:
        mos_min: Lower end of the scores' scale; None: `scale.json` says it.
        mos_max: Upper end; None likewise.
        lower_is_better: True for impairment scores; None likewise.
    """

    mos_min: float | None = None
    mos_max: float | None = None
    lower_is_better: bool | None = None


@dataclasses.dataclass(eq=False)
class ReaderStudyConfig(tfds.core.BuilderConfig):
    """Denoised CT with radiologists' scores, read from `manual_dir`."""


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
    CustomConfig(
        name="custom",
        description="The user's own images with the user's scores.",
    ),
]
