"""Groups: chosen, put into folds, made into examples."""

import collections
import pathlib

import cv2
import numpy as np
import pytest

from datasets import groups
from datasets.groups import split_by_case
from g2npan_tf.core.errors import InputError

PIXELS = {
    name: np.full((4, 4, 3), i, np.uint8) for i, name in enumerate("abcde")
}


def entries_of(sizes):
    """Entries that nobody loads, from `{(case, modality): count}`."""
    return [
        groups.Entry(f"{modality}_{case}_{i}", case, modality, None)
        for (case, modality), count in sizes.items()
        for i in range(count)
    ]


def modalities(entries):
    return collections.Counter(entry.modality for entry in entries)


# The 129 pairs of the default choice from the Whole Brain Atlas.
ATLAS = entries_of(
    {
        **{(f"pet_{i}", "PET-MRI"): 8 for i in range(3)},
        **{(f"case_{i}", "SPECT-MRI"): 8 for i in range(12)},
        **{(f"case_{i}", "CT-MRI"): 1 for i in range(11, 18)},
        ("case_18", "CT-MRI"): 2,
    }
)


def test_folds_are_complete_and_a_case_is_never_split():
    folds = split_by_case(ATLAS)
    assert len(folds) == 5
    members = [e.pair_id for fold in folds for e in fold]
    assert sorted(members) == sorted(e.pair_id for e in ATLAS)
    cases = [{e.case_id for e in fold} for fold in folds]
    assert len(set.union(*cases)) == sum(map(len, cases))


def test_folds_are_balanced_over_modalities():
    counts = [modalities(fold) for fold in split_by_case(ATLAS)]
    # Three PET cases cannot reach five folds; SPECT fills the other two.
    assert [c["PET-MRI"] for c in counts] == [8, 8, 8, 0, 0]
    assert [c["SPECT-MRI"] for c in counts] == [16, 16, 16, 24, 24]
    assert all(1 <= c["CT-MRI"] <= 2 for c in counts)


def test_equal_cases_fill_the_folds_evenly():
    names = ("CT-MRI", "PET-MRI", "SPECT-MRI")
    sizes = {(f"{name}_{i}", name): 3 for name in names for i in range(10)}
    for fold in split_by_case(entries_of(sizes)):
        assert modalities(fold) == dict.fromkeys(names, 6)


def test_folds_do_not_depend_on_the_order_of_the_pairs():
    backward = split_by_case(ATLAS[::-1])
    assert split_by_case(ATLAS) == [fold[::-1] for fold in backward]


def test_hand_worked_assignment():
    sizes = {("a", "CT"): 1, ("b", "PET"): 2, ("c", "PET"): 3}
    sizes |= {("d", "CT"): 4, ("e", "CT"): 4}
    # PET is rarer: c, b; then CT by size: d to fold 1 (2 pairs against 3),
    # e to fold 0 (no CT there), a to fold 0 (4 CT each; 7 against 6: fold 1).
    folds = split_by_case(entries_of(sizes), num_folds=2)
    members = [sorted({e.case_id for e in fold}) for fold in folds]
    assert members == [["c", "e"], ["a", "b", "d"]]


def test_as_many_cases_as_folds_leave_no_fold_empty():
    sizes = {(f"c{i}", "CT-MRI"): i + 1 for i in range(4)}
    assert all(split_by_case(entries_of({**sizes, ("p", "PET-MRI"): 50})))


def test_a_case_of_more_than_a_fifth_has_a_fold_of_its_own():
    sizes = {(f"c{i}", "PET-MRI"): 1 for i in "123456789"}
    folds = split_by_case(entries_of({("big", "CT-MRI"): 10, **sizes}))
    assert {e.case_id for e in folds[0]} == {"big"}
    assert sorted(map(len, folds[1:])) == [2, 2, 2, 3]


def test_fewer_cases_than_folds_are_refused():
    sizes = {(f"c{i}", "CT-MRI"): 9 for i in range(4)}
    with pytest.raises(InputError, match=r"4 cases .* expected at least 5"):
        split_by_case(entries_of(sizes))


@pytest.mark.parametrize(
    ("count", "ct", "mr"), [(22, 10, 10), (10, 4, 4), (1000, 10, 90)]
)
def test_modalities_share_alike_and_give_what_they_cannot_use(count, ct, mr):
    sizes = {("c0", "CT"): 5, ("c1", "CT"): 5, ("u", "US"): 2}
    sizes |= {(f"m{i}", "MR"): 30 for i in range(3)}
    chosen = groups.spread_over_modalities(entries_of(sizes), count)
    assert modalities(chosen) == {"US": 2, "CT": ct, "MR": mr}
    by_case = collections.Counter(e.case_id for e in chosen)
    assert by_case["c0"] == by_case["c1"] == ct / 2


def decode(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def group_of(reads, reference="", sources=None):
    def read(path):
        reads.append(path.name)
        return PIXELS[path.name]

    scores = {"a": 2.0, "b": 4.0, "c": 3.0}
    images = tuple(
        groups.ScoredImage(n, pathlib.Path(n), f"by_{n}", mos, {"extra": mos})
        for n, mos in scores.items()
    )
    names = ("pair", "case", "CT-MRI")
    return groups.ScoredGroup(*names, images, reference, read, sources)


# Of the best MOS, or named.
@pytest.mark.parametrize(("named", "reference"), [("", "b"), ("a", "a")])
def test_examples_hold_pixels_scores_and_names(named, reference):
    examples = dict(groups.scored_examples(group_of([], named)))
    assert list(examples) == ["a", "b", "c"]
    example = examples["c"]
    np.testing.assert_array_equal(decode(example.pop("image")), PIXELS["c"])
    found = decode(example.pop("reference"))
    np.testing.assert_array_equal(found, PIXELS[reference])
    names = {"pair_id": "pair", "case_id": "case", "modality": "CT-MRI"}
    assert example == names | {"mos": 3.0, "extra": 3.0, "algorithm": "by_c"}


def test_sources_are_in_every_example():
    group = group_of([], sources=(pathlib.Path("d"), pathlib.Path("e")))
    for _, example in groups.scored_examples(group):
        found = list(map(decode, example["sources"]))
        np.testing.assert_array_equal(found, [PIXELS["d"], PIXELS["e"]])


def test_images_are_read_one_at_a_time():
    reads = []
    examples = groups.scored_examples(group_of(reads))
    assert reads == []
    next(examples)
    assert reads == ["b", "a"]


def test_colours_survive_the_encoding():
    image = np.zeros((2, 2, 3), np.uint8)
    image[..., 0] = 200
    np.testing.assert_array_equal(decode(groups.encode(image)), image)


def test_ties_favour_no_image_and_are_broken_alike_each_time():
    mos = {"a": 4.0, "b": 1.0, "c": 4.0, "d": 4.0}
    best = groups.best_of_group
    chosen = [best(mos, f"pair_{i}") for i in range(600)]
    assert chosen == [best(mos, f"pair_{i}") for i in range(600)]
    counts = collections.Counter(chosen)
    assert set(counts) == {"a", "c", "d"}
    # Six standard deviations of a binomial of 600 draws at 1/3.
    assert all(abs(count - 200) < 6 * 11.6 for count in counts.values())
