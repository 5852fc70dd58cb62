"""Which case belongs to which fold of the cross-validation."""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol
from typing import TypeVar

from g2npan_tf.core.errors import InputError

NUM_FOLDS = 5


class Group(Protocol):
    """What a fold is made of: all images of one content."""

    @property
    def case_id(self) -> str:
        """Patient or subject."""

    @property
    def modality(self) -> str:
        """What is balanced over the folds."""


AnyGroup = TypeVar("AnyGroup", bound=Group)


def split_by_case(
    entries: Sequence[AnyGroup], num_folds: int = NUM_FOLDS
) -> list[list[AnyGroup]]:
    """Splits pairs into folds of whole cases, balanced over modalities.

    A greedy assignment without chance: modalities with few cases come first,
    and of one modality the cases with many pairs. A case goes to the fold with
    the fewest pairs of the case's modalities; of several such folds to the
    one with the fewest pairs at all, then to the first.

    Choice: a case with more pairs than a fold's even share has a fold of its
    own, so that a test of it is one of nothing else and all others train.

    Choice: the paper splits five-fold (sec. 4.1.4) but does not say by what.
    Neighbouring slices of a case are near-copies, so a case is never split.

    Args:
        entries: The pairs or groups of the data set.
        num_folds: How many folds, at least 1.

    Returns:
        The entries of each fold, in their order. No fold is empty.

    Raises:
        InputError: If there are fewer cases than folds.
    """
    cases: dict[str, list[AnyGroup]] = collections.defaultdict(list)
    for entry in entries:
        cases[entry.case_id].append(entry)
    if len(cases) < num_folds:
        raise InputError(
            f"{len(cases)} cases in the data set; expected at least "
            f"{num_folds}, one per fold"
        )
    order = _by_rarity(cases)
    large = [c for c in order if len(cases[c]) * num_folds > len(entries)]
    fold_of = {case_id: fold for fold, case_id in enumerate(large)}
    loads = [collections.Counter[str]() for _ in range(num_folds)]
    for case_id in (c for c in order if c not in fold_of):
        pairs = collections.Counter(e.modality for e in cases[case_id])
        fold = min(
            range(len(large), num_folds), key=lambda f: _load(loads[f], pairs)
        )
        fold_of[case_id] = fold
        loads[fold].update(pairs)
    return [
        [e for e in entries if fold_of[e.case_id] == fold]
        for fold in range(num_folds)
    ]


def _by_rarity(cases: Mapping[str, Sequence[Group]]) -> list[str]:
    """Orders cases: the rarest modality first, then the largest case."""
    num_cases = collections.Counter(
        modality
        for entries in cases.values()
        for modality in {e.modality for e in entries}
    )

    def rank(case_id: str) -> tuple[int, str, int, str]:
        modalities = {e.modality for e in cases[case_id]}
        rarest = min(modalities, key=lambda m: (num_cases[m], m))
        return num_cases[rarest], rarest, -len(cases[case_id]), case_id

    return sorted(cases, key=rank)


def _load(
    fold: collections.Counter[str], modalities: Iterable[str]
) -> tuple[int, int]:
    """Pairs that a fold has of some modalities, and altogether."""
    return sum(fold[m] for m in modalities), fold.total()
