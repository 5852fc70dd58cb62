"""Groups: chosen, put into folds, made into examples."""

import collections
import pathlib

import cv2
import numpy as np
import pytest

from datasets import groups
from datasets.groups import Entry
from datasets.groups import ScoredGroup
from datasets.groups import ScoredImage
from datasets.groups import split_by_case
from g2npan_tf.core.errors import InputError

PIXELS = {
    name: np.full((4, 4, 3), i, np.uint8) for i, name in enumerate("abcde")
}


def decode(data):
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return image


def group_of(reads, reference="", sources=None):
    def read(path):
        reads.append(path.name)
        return PIXELS[path.name]

    images = tuple(
        ScoredImage(name, pathlib.Path(name), f"by_{name}", mos, {"extra": mos})
        for name, mos in (("a", 2.0), ("b", 4.0), ("c", 3.0))
    )
    return ScoredGroup(
        "pair", "case", "CT-MRI", images, reference, read, sources
    )


def test_examples_hold_pixels_scores_and_names():
    examples = dict(groups.scored_examples(group_of([])))
    assert list(examples) == ["a", "b", "c"]
    example = examples["c"]
    np.testing.assert_array_equal(decode(example["image"]), PIXELS["c"])
    np.testing.assert_array_equal(decode(example["reference"]), PIXELS["b"])
    assert example["mos"] == example["extra"] == 3.0
    assert example["algorithm"] == "by_c"
    assert example["pair_id"] == "pair"
    assert example["case_id"] == "case"
    assert example["modality"] == "CT-MRI"
    assert "sources" not in example


def test_a_named_reference_goes_before_the_best_mos():
    examples = dict(groups.scored_examples(group_of([], "a")))
    np.testing.assert_array_equal(
        decode(examples["c"]["reference"]), PIXELS["a"]
    )


def test_sources_are_in_every_example():
    group = group_of([], sources=(pathlib.Path("d"), pathlib.Path("e")))
    for _, example in groups.scored_examples(group):
        first, second = map(decode, example["sources"])
        np.testing.assert_array_equal(first, PIXELS["d"])
        np.testing.assert_array_equal(second, PIXELS["e"])


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


def test_single_best_image_is_the_reference():
    mos = {"a": 2.0, "b": 4.0, "c": 3.5}
    assert groups.best_of_group(mos, "g") == "b"


def test_ties_favour_no_image_and_are_broken_alike_each_time():
    mos = {"a": 4.0, "b": 1.0, "c": 4.0, "d": 4.0}
    best = groups.best_of_group
    chosen = [best(mos, f"pair_{i}") for i in range(600)]
    assert chosen == [best(mos, f"pair_{i}") for i in range(600)]
    counts = collections.Counter(chosen)
    assert set(counts) == {"a", "c", "d"}
    # Six standard deviations of a binomial of 600 draws at 1/3.
    assert all(abs(count - 200) < 6 * 11.6 for count in counts.values())


def entries_of(sizes):
    """Entries that nobody loads, from `{(case, modality): pairs}`."""
    return [
        Entry(f"{modality}_{case}_{i}", case, modality, None)
        for (case, modality), count in sizes.items()
        for i in range(count)
    ]


# The 129 pairs of the default choice from the Whole Brain Atlas.
ATLAS = entries_of(
    {
        **{(f"pet_{i}", "PET-MRI"): 8 for i in range(3)},
        **{(f"case_{i}", "SPECT-MRI"): 8 for i in range(12)},
        **{(f"case_{i}", "CT-MRI"): 1 for i in range(11, 18)},
        ("case_18", "CT-MRI"): 2,
    }
)


def test_folds_are_disjoint_and_complete():
    folds = split_by_case(ATLAS)
    assert len(folds) == 5
    members = [e.pair_id for fold in folds for e in fold]
    assert sorted(members) == sorted(e.pair_id for e in ATLAS)


def test_a_case_is_never_split():
    folds_of = collections.defaultdict(set)
    for number, fold in enumerate(split_by_case(ATLAS)):
        for entry in fold:
            folds_of[entry.case_id].add(number)
    assert all(len(numbers) == 1 for numbers in folds_of.values())


def test_folds_are_balanced_over_modalities():
    counts = [
        collections.Counter(e.modality for e in fold)
        for fold in split_by_case(ATLAS)
    ]
    # Three PET cases cannot reach five folds; SPECT fills the other two.
    assert [c["PET-MRI"] for c in counts] == [8, 8, 8, 0, 0]
    assert [c["SPECT-MRI"] for c in counts] == [16, 16, 16, 24, 24]
    assert all(1 <= c["CT-MRI"] <= 2 for c in counts)


def test_equal_cases_fill_the_folds_evenly():
    sizes = {
        (f"{modality}_{i}", modality): 3
        for modality in ("CT-MRI", "PET-MRI", "SPECT-MRI")
        for i in range(10)
    }
    for fold in split_by_case(entries_of(sizes)):
        counts = collections.Counter(e.modality for e in fold)
        assert set(counts.values()) == {6}
        assert len(counts) == 3


def test_folds_do_not_depend_on_the_order_of_the_pairs():
    forward = split_by_case(ATLAS)
    backward = split_by_case(ATLAS[::-1])
    assert forward == [fold[::-1] for fold in backward]


def test_hand_worked_assignment():
    sizes = {
        ("a", "CT-MRI"): 1,
        ("b", "PET-MRI"): 2,
        ("c", "PET-MRI"): 3,
        ("d", "CT-MRI"): 4,
        ("e", "CT-MRI"): 4,
    }
    # PET is rarer: c, b; then CT by size: d to fold 1 (2 pairs against 3),
    # e to fold 0 (no CT there), a to fold 0 (4 CT each; 7 against 6: fold 1).
    folds = split_by_case(entries_of(sizes), num_folds=2)
    members = [sorted({e.case_id for e in fold}) for fold in folds]
    assert members == [["c", "e"], ["a", "b", "d"]]


def test_as_many_cases_as_folds_leave_no_fold_empty():
    sizes = {(f"c{i}", "CT-MRI"): i + 1 for i in range(4)}
    sizes["p", "PET-MRI"] = 50
    assert all(split_by_case(entries_of(sizes)))


def test_a_case_of_more_than_a_fifth_has_a_fold_of_its_own():
    sizes = {
        ("big", "CT-MRI"): 10,
        **{(f"c{i}", "PET-MRI"): 1 for i in "123456789"},
    }
    folds = split_by_case(entries_of(sizes))
    assert {e.case_id for e in folds[0]} == {"big"}
    assert sorted(map(len, folds[1:])) == [2, 2, 2, 3]


def test_fewer_cases_than_folds_are_refused():
    sizes = {(f"c{i}", "CT-MRI"): 9 for i in range(4)}
    with pytest.raises(InputError, match=r"4 cases .* expected at least 5"):
        split_by_case(entries_of(sizes))
