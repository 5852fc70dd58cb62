"""Which of many source pairs a data set takes."""

import collections
from collections.abc import Sequence

from datasets.folds import AnyGroup
from datasets.sources import PairEntry
from g2npan_tf.core.errors import InputError

GREY_MODALITY = "CT-MRI"
# The paper's data set: 9 of 129 pairs are grey (sec. 4.1.1).
GREY_SHARE = 9 / 129


def select_pairs(
    entries: Sequence[PairEntry], max_pairs: int
) -> list[PairEntry]:
    """Chooses pairs evenly over the cases and over the slices of a case.

    Neighbouring slices are near-copies, so distance is what counts.

    Choice: the paper does not say which pairs it took; the share of grey
    pairs is its 9 of 129.

    Args:
        entries: All pairs, in order.
        max_pairs: How many to take at most, at least 1.

    Returns:
        The chosen entries, in their order.

    Raises:
        InputError: If `max_pairs` is below 1.
    """
    if max_pairs < 1:
        raise InputError(f"max_pairs must be at least 1. Received: {max_pairs}")
    grey = [e for e in entries if e.modality == GREY_MODALITY]
    colour = [e for e in entries if e.modality != GREY_MODALITY]
    # What one kind cannot give the other kind does.
    num_grey = max(round(max_pairs * GREY_SHARE), max_pairs - len(colour))
    num_grey = min(num_grey, len(grey))
    chosen = spread_over_cases(grey, num_grey) + spread_over_cases(
        colour, max_pairs - num_grey
    )
    return sorted(chosen, key=entries.index)


def spread_over_cases(
    entries: Sequence[AnyGroup], count: int
) -> list[AnyGroup]:
    """Takes entries, as many from each case as is possible.

    Args:
        entries: Of all cases, each case's in the order of its slices.
        count: How many to take at most.

    Returns:
        The chosen entries, case after case, far apart within each.
    """
    cases = collections.defaultdict(list)
    for entry in entries:
        cases[entry.case_id].append(entry)
    left = min(count, len(entries))
    quotas = dict.fromkeys(cases, 0)
    while left:
        open_cases = [c for c in cases if quotas[c] < len(cases[c])]
        for case in open_cases[:left]:
            quotas[case] += 1
        left -= min(left, len(open_cases))
    return [e for case in cases for e in _spaced(cases[case], quotas[case])]


def spread_over_modalities(
    entries: Sequence[AnyGroup], count: int
) -> list[AnyGroup]:
    """Takes as many entries of each modality as is possible, over its cases.

    Args:
        entries: Of all cases, each case's in the order of its slices.
        count: How many to take at most.

    Returns:
        The chosen entries, modality after modality, the rarest first.
    """
    kinds = collections.defaultdict(list)
    for entry in entries:
        kinds[entry.modality].append(entry)
    chosen: list[AnyGroup] = []
    # What a rare one cannot give the others do.
    for i, name in enumerate(sorted(kinds, key=lambda m: len(kinds[m]))):
        share = (count - len(chosen)) // (len(kinds) - i)
        chosen += spread_over_cases(kinds[name], share)
    return chosen


def _spaced(entries: Sequence[AnyGroup], count: int) -> list[AnyGroup]:
    """Takes the middles of `count` equal stretches."""
    step = len(entries) / max(count, 1)
    return [entries[int((i + 0.5) * step)] for i in range(count)]
