"""Groups of images of one content, their choice, folds and examples."""

import collections
import dataclasses
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Generic
from typing import Protocol
from typing import TypeVar

import cv2
import numpy as np

from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.mos import place_of_best

# Keys and features.
Examples = Iterator[tuple[str, dict[str, Any]]]
Loaded = TypeVar("Loaded")


class Group(Protocol):
    """What is chosen, and what a fold is made of."""

    @property
    def case_id(self) -> str:
        """Patient or subject; folds never split a case."""

    @property
    def modality(self) -> str:
        """What is shown, e.g. `PET-MRI`; balanced over the folds."""


AnyGroup = TypeVar("AnyGroup", bound=Group)


@dataclasses.dataclass(frozen=True)
class SourcePair:
    """Functional image or CT, and MR: co-registered, ready to be fused.

    Images are uint8 `[height, width, 3]`, RGB; grey ones have three equal
    channels.
    """

    source_a: np.ndarray
    source_b: np.ndarray


@dataclasses.dataclass(frozen=True)
class Entry(Generic[Loaded]):
    """A pair or slice that is known by name but not read or drawn yet.

    A list of entries is all that a build holds of its images.
    """

    pair_id: str
    case_id: str
    modality: str
    load: Callable[[], Loaded]


@dataclasses.dataclass(frozen=True)
class ScoredImage:
    """One image and what its readers said."""

    name: str  # Unique in the data set, e.g. its path in the folder.
    path: pathlib.Path
    algorithm: str  # What made it.
    mos: float  # Range [1, 5], 5 = best.
    features: Mapping[str, Any]  # Further ones of its example, e.g. `grades`.


@dataclasses.dataclass(frozen=True)
class ScoredGroup:
    """The images of one content, a `Group`; none of them is decoded yet."""

    pair_id: str  # Unique name.
    case_id: str
    modality: str
    images: tuple[ScoredImage, ...]  # At least two.
    # Name of the best image; empty: the one of the best MOS.
    reference: str
    # Reads a file as uint8 `[size, size, 3]`, RGB.
    read: Callable[[pathlib.Path], np.ndarray]
    # Files of the source images; None: the examples have no such feature.
    sources: tuple[pathlib.Path, ...] | None = None


def scored_examples(group: ScoredGroup) -> Examples:
    """Yields key and features of each image, PNG bytes, one at a time."""
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
    """Name of the image with the highest MOS, by `mos.place_of_best`."""
    return [*mos][place_of_best([*mos.values()], group)]


def encode(image: np.ndarray) -> bytes:
    """Encodes RGB, uint8 `[height, width, 3]`, as PNG."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()


def spread_over_cases(groups: Sequence[AnyGroup], count: int) -> list[AnyGroup]:
    """Takes at most `count` groups, as many from each case as is possible.

    Those of a case, given in the order of its slices, are far apart.
    """
    cases = _by_case(groups)
    left = min(count, len(groups))
    quotas = dict.fromkeys(cases, 0)
    while left:
        open_cases = [c for c in cases if quotas[c] < len(cases[c])]
        for case in open_cases[:left]:
            quotas[case] += 1
        left -= min(left, len(open_cases))
    return [g for case in cases for g in _spaced(cases[case], quotas[case])]


def spread_over_modalities(
    groups: Sequence[AnyGroup], count: int
) -> list[AnyGroup]:
    """Takes as many groups of each modality as is possible, over its cases.

    The rarest modality comes first: what it cannot give the others do.
    """
    kinds = collections.defaultdict(list)
    for group in groups:
        kinds[group.modality].append(group)
    chosen: list[AnyGroup] = []
    for i, name in enumerate(sorted(kinds, key=lambda m: len(kinds[m]))):
        share = (count - len(chosen)) // (len(kinds) - i)
        chosen += spread_over_cases(kinds[name], share)
    return chosen


def split_by_case(
    groups: Sequence[AnyGroup], num_folds: int = NUM_FOLDS
) -> list[list[AnyGroup]]:
    """Splits groups into folds of whole cases, balanced over modalities.

    A greedy assignment without chance: modalities with few cases come first,
    and of one modality the cases with many groups. A case goes to the fold
    with the fewest groups of the case's modalities; of several such folds to
    the one with the fewest groups at all, then to the first.

    Choice: a case with more groups than a fold's even share has a fold of its
    own, so that a test of it is one of nothing else and all others train.

    Choice: the paper splits five-fold (sec. 4.1.4) but does not say by what.
    Neighbouring slices of a case are near-copies, so a case is never split.

    Returns:
        The groups of each fold, in their order. No fold is empty.

    Raises:
        InputError: If there are fewer cases than folds.
    """
    cases = _by_case(groups)
    if len(cases) < num_folds:
        raise InputError(
            f"{len(cases)} cases in the data set; expected at least "
            f"{num_folds}, one per fold"
        )
    order = _by_rarity(cases)
    large = [c for c in order if len(cases[c]) * num_folds > len(groups)]
    fold_of = {case_id: fold for fold, case_id in enumerate(large)}
    loads = [collections.Counter[str]() for _ in range(num_folds)]
    for case_id in (c for c in order if c not in fold_of):
        sizes = collections.Counter(g.modality for g in cases[case_id])
        fold = min(
            range(len(large), num_folds), key=lambda f: _load(loads[f], sizes)
        )
        fold_of[case_id] = fold
        loads[fold].update(sizes)
    return [
        [g for g in groups if fold_of[g.case_id] == fold]
        for fold in range(num_folds)
    ]


def _by_case(groups: Sequence[AnyGroup]) -> dict[str, list[AnyGroup]]:
    cases = collections.defaultdict(list)
    for group in groups:
        cases[group.case_id].append(group)
    return cases


def _spaced(groups: Sequence[AnyGroup], count: int) -> list[AnyGroup]:
    """Takes the middles of `count` equal stretches."""
    step = len(groups) / max(count, 1)
    return [groups[int((i + 0.5) * step)] for i in range(count)]


def _by_rarity(cases: Mapping[str, Sequence[Group]]) -> list[str]:
    """Orders cases: the rarest modality first, then the largest case."""
    modalities = {c: {g.modality for g in cases[c]} for c in cases}
    num_cases = collections.Counter(m for c in cases for m in modalities[c])

    def rank(case_id: str) -> tuple[int, str, int, str]:
        rarest = min(modalities[case_id], key=lambda m: (num_cases[m], m))
        return num_cases[rarest], rarest, -len(cases[case_id]), case_id

    return sorted(cases, key=rank)


def _load(
    fold: collections.Counter[str], modalities: Iterable[str]
) -> tuple[int, int]:
    """Groups that a fold has of some modalities, and altogether."""
    return sum(fold[m] for m in modalities), fold.total()
