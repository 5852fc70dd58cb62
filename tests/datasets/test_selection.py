"""The choice of source pairs."""

import collections

import pytest

from datasets.selection import select_pairs
from datasets.selection import spread_over_modalities
from datasets.sources import PairEntry
from g2npan_tf.core.errors import InputError

# Slices of each case in the public repository.
ATLAS_SIZES = {
    "CT-MRI": (18, 18, 17, 16, 18, 17, 21, 20),
    "PET-MRI": (94, 82, 93),
    "SPECT-MRI": (37, 14, 17, 34, 17, 19, 17, 36, 16, 29, 37, 14),
}


def entries_of(sizes):
    """Entries that nobody loads; a case per number, of that many slices."""
    return [
        PairEntry(f"{m}_{c}_{s:03d}", f"{m}_{c}", m, None)
        for m, counts in sizes.items()
        for c, count in enumerate(counts)
        for s in range(count)
    ]


def test_default_choice_is_120_colour_and_9_grey_pairs_spread_over_cases():
    chosen = select_pairs(entries_of(ATLAS_SIZES), 129)
    grey = [e for e in chosen if e.modality == "CT-MRI"]
    colour = [e for e in chosen if e.modality != "CT-MRI"]
    assert (len(colour), len(grey)) == (120, 9)
    colour_counts = collections.Counter(e.case_id for e in colour).values()
    assert set(colour_counts) == {8}
    grey_counts = collections.Counter(e.case_id for e in grey).values()
    assert sorted(grey_counts) == [1] * 7 + [2]


def test_slices_of_a_case_are_evenly_spaced():
    chosen = select_pairs(entries_of({"PET-MRI": (10,)}), 2)
    assert [e.pair_id[-3:] for e in chosen] == ["002", "007"]


@pytest.mark.parametrize("count", [1, 5, 129, 400, 650, 701, 900])
def test_as_many_distinct_pairs_as_asked_for_are_chosen(count):
    entries = entries_of(ATLAS_SIZES)
    chosen = select_pairs(entries, count)
    assert len({e.pair_id for e in chosen}) == min(count, 701)
    assert chosen == [e for e in entries if e in chosen]


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_pair_is_refused(count):
    with pytest.raises(InputError, match="must be at least 1"):
        select_pairs(entries_of(ATLAS_SIZES), count)


def test_modalities_get_equal_shares_and_give_what_they_cannot_use():
    entries = entries_of({"CT": (5, 5), "MR": (30, 30, 30), "US": (2,)})

    def counts(chosen):
        return collections.Counter(entry.modality for entry in chosen)

    chosen = spread_over_modalities(entries, 22)
    assert counts(chosen) == {"US": 2, "CT": 10, "MR": 10}
    chosen = spread_over_modalities(entries, 10)
    assert counts(chosen) == {"US": 2, "CT": 4, "MR": 4}
    assert collections.Counter(e.case_id for e in chosen)["CT_0"] == 2
    assert len(spread_over_modalities(entries, 1000)) == len(entries)
