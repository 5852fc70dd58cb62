"""Groups for pretraining: a slice and damaged versions of it, no readers."""

import dataclasses
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from datasets.fusion_quality.configs import DistortionsConfig
from datasets.pretraining import distortions
from datasets.pretraining import similarity
from datasets.pretraining.slices import SliceEntry
from datasets.scored_groups import encode
from g2npan_tf.scoring.model_facts import NO_READERS

# Whose the scores are; stands wherever a figure of such a base does.
SCORES = f"full-reference similarity {NO_READERS}"
UNDAMAGED = "undamaged"
# Choice: side in pixels of slices that are seen in tiles; the size of the
# Whole Brain Atlas.
TILED_SIZE = 256


@dataclasses.dataclass(frozen=True)
class DistortedGroup:
    """A slice and what is to be made of it.

    Attributes:
        source: The slice.
        per_slice: How many damaged images.
        seed: Of the data set.
    """

    source: SliceEntry
    per_slice: int
    seed: int

    @property
    def case_id(self) -> str:
        """Patient or subject."""
        return self.source.case_id

    @property
    def modality(self) -> str:
        """What is shown."""
        return self.source.modality


def distorted_examples(
    group: DistortedGroup,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Damages a slice in several ways and scores the results.

    Choice: what damage a slice gets depends on its name and the seed only.

    Args:
        group: The slice, not loaded yet.

    Yields:
        Key `<slice>/<damage>_<level>` and the example's features; images are
        PNG bytes, the slice itself comes first.

    Raises:
        InputError: If the slice is unusable.
    """
    entry = group.source
    reference = entry.load()
    name_hash = zlib.crc32(entry.pair_id.encode())
    rng = np.random.default_rng([group.seed, name_hash])
    images = {UNDAMAGED: reference} | {
        f"{name}_{level}": distortions.distort(reference, name, level, rng)
        for name, level in distortions.draw(rng, group.per_slice)
    }
    shared = {
        "reference": encode(reference),
        "pair_id": entry.pair_id,
        "case_id": entry.case_id,
        "modality": entry.modality,
    }
    for name, image in images.items():
        deviation = similarity.gradient_deviation(image, reference)
        yield (
            f"{entry.pair_id}/{name}",
            {
                "image": encode(image),
                "mos": similarity.to_mos(deviation),
                "deviation": deviation,
                "algorithm": name,
                **shared,
            },
        )


def describe(config: DistortionsConfig) -> dict[str, Any]:
    """What metadata say of a data set before its slices are known.

    Args:
        config: Of the data set.

    Returns:
        `scores`, `sampling`, `distortions` and how many a slice has.
    """
    return {
        "scores": SCORES,
        "sampling": "resize" if config.is_whole else "tiles",
        "distortions": list(distortions.DISTORTIONS),
        "per_slice": config.per_slice,
    }
