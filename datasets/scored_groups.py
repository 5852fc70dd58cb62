"""Images that readers have scored, in groups of one content."""

import dataclasses
import pathlib
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

# Seed of the draw between several best images of a group.
TIE_SEED = 0


@dataclasses.dataclass(frozen=True)
class ScoredImage:
    """One image and what its readers said.

    Attributes:
        name: Unique name in the data set, e.g. its path in the folder.
        path: The file.
        algorithm: What made it.
        mos: Range [1, 5], 5 = best.
        features: Further features of its example, e.g. `grades`.
    """

    name: str
    path: pathlib.Path
    algorithm: str
    mos: float
    features: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ScoredGroup:
    """The images of one content; none of them is decoded yet.

    Attributes:
        pair_id: Unique name of the group.
        case_id: Patient or subject; folds never split a case.
        modality: What is shown, e.g. `PET-MRI`.
        images: At least two.
        reference: Name of the best image; empty: the one of the best MOS.
        read: Reads a file as uint8 `[size, size, 3]`, RGB.
        sources: Files of the source images; None: the examples have no
            feature `sources`.
    """

    pair_id: str
    case_id: str
    modality: str
    images: tuple[ScoredImage, ...]
    reference: str
    read: Callable[[pathlib.Path], np.ndarray]
    sources: tuple[pathlib.Path, ...] | None = None


def scored_examples(
    group: ScoredGroup,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Reads the images of a group, one at a time.

    Args:
        group: The images and their scores.

    Yields:
        Key and features of each image; images are PNG bytes.

    Raises:
        InputError: If `group.read` refuses a file.
    """
    mos = {image.name: image.mos for image in group.images}
    best = group.reference or best_of_group(mos, group.pair_id)
    paths = {image.name: image.path for image in group.images}
    shared: dict[str, Any] = {
        "reference": encode(group.read(paths[best])),
        "pair_id": group.pair_id,
        "case_id": group.case_id,
        "modality": group.modality,
    }
    if group.sources is not None:
        shared["sources"] = [encode(group.read(p)) for p in group.sources]
    for image in group.images:
        yield (
            image.name,
            {
                "image": encode(group.read(image.path)),
                "mos": image.mos,
                "algorithm": image.algorithm,
                **image.features,
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


def encode(image: np.ndarray) -> bytes:
    """Encodes RGB, uint8 `[height, width, 3]`, as PNG."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
