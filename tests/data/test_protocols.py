"""What each protocol leaves out, on a table made by hand."""

import dataclasses
import itertools

import numpy as np
import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.config import num_parts
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import protocols

PROTOCOLS = Config.__dataclass_fields__["protocol"].metadata["choices"]
ALGORITHMS = ["a", "b", "c", "d", "e", "f", "g"]
# Twenty cases of one pair each, four a fold; the first half is CT.
CASES = 20
TABLE = protocols.Rows(
    # Places with gaps, as anchors leave them.
    index=3 * np.arange(CASES * len(ALGORITHMS)),
    fold=np.repeat(np.arange(CASES) % 5, len(ALGORITHMS)),
    pair_id=np.repeat([f"pair_{i:02}" for i in range(CASES)], len(ALGORITHMS)),
    case_id=np.repeat([f"case_{i:02}" for i in range(CASES)], len(ALGORITHMS)),
    algorithm=np.tile(ALGORITHMS, CASES),
    modality=np.repeat(["CT", "PET"], CASES // 2 * len(ALGORITHMS)),
)
# One case alone in a fold, with the half of the images that is CT.
UNEVEN = np.where(TABLE.modality == "CT", 0, 1 + np.arange(140) // 7 % 4)


def divide(**settings):
    return protocols.divide(TABLE, Config(**settings))


def values(name, places):
    return set(getattr(TABLE, name)[np.asarray(places) // 3])


@pytest.mark.parametrize("fold", range(5))
@pytest.mark.parametrize(
    "protocol", ["group", "image", "leave_algorithm_out", "ratio"]
)
def test_every_image_has_a_part_and_the_test_part_is_kept_apart(protocol, fold):
    parts = divide(protocol=protocol, fold=fold)
    everything = np.union1d(
        np.union1d(parts.train, parts.validation), parts.test
    )
    np.testing.assert_array_equal(everything, TABLE.index)
    assert not np.intersect1d(parts.train, parts.test).size
    assert not np.intersect1d(parts.train, parts.validation).size
    assert not np.intersect1d(parts.known, parts.test).size
    for part in (parts.train, parts.validation, parts.test):
        assert part.size


@pytest.mark.parametrize("protocol", ["group", "image", "leave_algorithm_out"])
def test_the_five_parts_test_every_image_once(protocol):
    tests = [divide(protocol=protocol, fold=k).test for k in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), TABLE.index)


@pytest.mark.parametrize("protocol", ["group", "ratio"])
def test_no_case_is_in_two_parts(protocol):
    parts = divide(protocol=protocol, fold=1)
    cases = [values("case_id", part) for part in dataclasses.astuple(parts)]
    assert sum(map(len, cases)) == len(set.union(*cases)) == CASES


def test_all_images_train_and_none_chooses_or_tests():
    parts = divide(protocol="all")
    np.testing.assert_array_equal(parts.train, TABLE.index)
    np.testing.assert_array_equal(parts.known, TABLE.index)
    assert not parts.validation.size
    assert not parts.test.size
    words = protocols.left_out(Config(protocol="all"))
    assert words == "all, EVERY scored image trains and none tests"
    assert protocols.left_out(Config()).endswith("fold 0 of 5 left out")
    # Nothing is held out of further images.
    assert len(extra_rows(protocol="all")[1]) == len(EXTRA.index)


def test_the_papers_protocol_splits_pairs_and_chooses_on_the_test_part():
    parts = divide(protocol="image")
    np.testing.assert_array_equal(parts.validation, parts.test)
    assert values("case_id", parts.train) & values("case_id", parts.test)
    np.testing.assert_array_equal(parts.known, parts.train)
    assert "OPTIMISTIC" in protocols.describe(Config(protocol="image"))


def test_algorithms_are_left_out_of_training_and_of_the_choice():
    parts = divide(protocol="leave_algorithm_out", fold=1)
    assert values("algorithm", parts.test) == {"b", "g"}
    assert values("algorithm", parts.known) == {"a", "c", "d", "e", "f"}
    assert values("case_id", parts.test) == set(TABLE.case_id)


@pytest.mark.parametrize("share", [0.0, 0.25])
@pytest.mark.parametrize("folds", [TABLE.fold, UNEVEN])
def test_neither_case_nor_algorithm_of_a_test_part_is_seen(share, folds):
    table = dataclasses.replace(TABLE, fold=folds)
    tests = []
    for fold in range(25):
        config = Config(
            protocol="leave_both_out", fold=fold, validation_share=share
        )
        parts = protocols.divide(table, config)
        for name in ("case_id", "algorithm"):
            tested = values(name, parts.test)
            assert not tested & values(name, parts.known)
            # Nothing is left out but what shares one of them.
            assert tested | values(name, parts.known) == set(
                getattr(TABLE, name)
            )
        assert not values("case_id", parts.train) & values(
            "case_id", parts.validation
        )
        assert bool(parts.validation.size) == bool(share)
        assert len(values("case_id", parts.known)) * len(
            values("algorithm", parts.known)
        ) == len(parts.known)
        tests.append(parts.test)
    # Every image is tested once; the first five parts are the diagonal.
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), TABLE.index)
    diagonal = np.concatenate(tests[:5])
    assert values("case_id", diagonal) == set(TABLE.case_id)
    assert values("algorithm", diagonal) == set(ALGORITHMS)
    assert "part 24 of 25" in protocols.describe(config)


def test_a_modality_is_left_out():
    parts = divide(protocol="leave_modality_out", fold=1)
    assert values("modality", parts.test) == {"PET"}
    assert values("modality", parts.known) == {"CT"}
    with pytest.raises(InputError, match=r"left to test; .* 2 modalities"):
        divide(protocol="leave_modality_out", fold=2)
    table = dataclasses.replace(TABLE, modality=np.full(len(TABLE.index), "CT"))
    with pytest.raises(InputError, match="no image is left to train"):
        protocols.divide(table, Config(protocol="leave_modality_out"))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_ratio_is_of_the_cases_of_each_modality(share):
    parts = divide(protocol="ratio", train_share=share)
    known = values("case_id", parts.known)
    assert len(known) == round(share * CASES)
    halves = [sum(int(case[-2:]) < 10 for case in known)] * 2
    assert halves[0] == round(share * CASES / 2)
    other = divide(protocol="ratio", train_share=share, fold=1)
    assert values("case_id", other.known) != known


def test_what_tests_at_one_ratio_tests_at_every_smaller_one():
    shares = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    tests = [
        set(divide(protocol="ratio", train_share=share, fold=2).test)
        for share in shares
    ]
    for smaller, larger in itertools.pairwise(tests):
        assert larger < smaller


def test_the_validation_part_has_each_modality_and_may_be_left_out():
    parts = divide(validation_share=0.01)
    assert values("modality", parts.validation) == {"CT", "PET"}
    assert len(values("case_id", parts.validation)) == 2
    assert not divide(validation_share=0.0).validation.size


def test_the_seed_of_a_run_does_not_move_the_parts():
    one, two = divide(seed=0), divide(seed=1)
    np.testing.assert_equal(dataclasses.asdict(one), dataclasses.asdict(two))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_described(protocol):
    assert protocols.describe(Config(protocol=protocol)).startswith(protocol)


# Every case of the table and one more, a known name and one of its own each.
EXTRA = protocols.Rows(
    index=5 * np.arange(3 * (CASES + 1)),
    fold=np.zeros(3 * (CASES + 1), int),
    # As of altered source images: only the cases are the table's.
    pair_id=np.repeat([f"pair_{i:02}_altered" for i in range(CASES + 1)], 3),
    case_id=np.repeat([f"case_{i:02}" for i in range(CASES + 1)], 3),
    algorithm=np.array(
        [name for i in range(CASES + 1) for name in ("b", "c", f"random_{i}")]
    ),
    modality=np.repeat(["CT", "PET"], [3 * CASES // 2, 3 * (CASES // 2 + 1)]),
)


def extra_rows(**settings):
    """Parts, and of what trains beside them: (case, algorithm, modality)."""
    config = Config(**settings)
    parts = protocols.divide(TABLE, config)
    places = protocols.may_train_too(EXTRA, TABLE, parts, config)
    rows = np.asarray(places) // 5
    columns = (EXTRA.case_id, EXTRA.algorithm, EXTRA.modality)
    return parts, set(zip(*(x[rows] for x in columns), strict=True))


@pytest.mark.parametrize("protocol", ["group", "ratio"])
def test_further_images_of_held_out_cases_do_not_train(protocol):
    parts, kept = extra_rows(protocol=protocol, fold=1)
    held = values("case_id", parts.test) | values("case_id", parts.validation)
    wanted = ({*EXTRA.case_id} - held) | {f"case_{CASES}"}
    assert {case for case, *_ in kept} == wanted
    # All of them, also by algorithms that test.
    assert len(kept) == 3 * len(wanted)


def test_further_images_by_left_out_algorithms_do_not_train():
    parts, kept = extra_rows(protocol="leave_algorithm_out", fold=1)
    assert values("algorithm", parts.test) == {"b", "g"}
    validated = values("case_id", parts.validation)
    assert validated
    # Of cases that test and train as well.
    assert {case for case, *_ in kept} == {*EXTRA.case_id} - validated
    assert {name for _, name, _ in kept} >= {"c", f"random_{CASES}"}
    assert not any(name == "b" for _, name, _ in kept)


def test_further_images_share_neither_case_nor_algorithm_with_both_left_out():
    for fold in range(25):
        parts, kept = extra_rows(protocol="leave_both_out", fold=fold)
        for place, name in enumerate(("case_id", "algorithm")):
            held = values(name, parts.test)
            assert not held & {row[place] for row in kept}
        validated = values("case_id", parts.validation)
        assert not validated & {case for case, *_ in kept}
        assert f"case_{CASES}" in {case for case, *_ in kept}


def test_further_images_of_a_left_out_modality_do_not_train():
    _, kept = extra_rows(protocol="leave_modality_out", fold=1)
    assert {modality for *_, modality in kept} == {"CT"}


def test_of_split_pairs_only_what_may_be_a_test_image_is_dropped():
    parts, kept = extra_rows(protocol="image", fold=2)
    tested = {
        (TABLE.case_id[row], TABLE.algorithm[row]) for row in parts.test // 3
    }
    names = set(zip(EXTRA.case_id, EXTRA.algorithm, strict=True))
    assert tested & names
    assert {row[:2] for row in kept} == names - tested


# The same images, two pairs of a fold and modality in a case of another name.
RENAMED = dataclasses.replace(
    TABLE,
    case_id=np.repeat(
        [f"patient_{i // 10}_{i % 5}" for i in range(CASES)], len(ALGORITHMS)
    ),
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fold", range(2))
@pytest.mark.parametrize("are_sets", [False, True])
def test_the_images_themselves_under_other_case_names_do_not_train(
    protocol, fold, are_sets
):
    rows, extra = (TABLE, RENAMED) if are_sets else (RENAMED, TABLE)
    fold %= num_parts(protocol)
    config = Config(protocol=protocol, fold=fold)
    parts = protocols.divide(rows, config)
    places = protocols.may_train_too(extra, rows, parts, config)
    # They have the same places: what trains does it twice, and nothing else.
    np.testing.assert_array_equal(places, parts.train)


@pytest.mark.parametrize("protocol", ["leave_algorithm_out", "leave_both_out"])
def test_some_of_the_algorithms_train_and_the_test_part_stays(protocol):
    whole = divide(protocol=protocol, fold=2)
    usual = values("algorithm", whole.known)
    assert len(usual) == 6
    larger = usual
    for count in (5, 3, 1):
        config = {"protocol": protocol, "fold": 2, "train_algorithms": count}
        parts, kept = extra_rows(**config)
        np.testing.assert_array_equal(parts.test, whole.test)
        for part in ("train", "validation"):
            known = values("algorithm", getattr(parts, part))
            assert len(known) == count
            cases = values("case_id", getattr(whole, part))
            assert values("case_id", getattr(parts, part)) == cases
        # Nested, and nothing further by the names that are left out.
        assert known < larger
        larger = known
        names = {name for _, name, _ in kept}
        assert names & {*ALGORITHMS} == {"b", "c"} & known
        assert f"random_{CASES}" in names
        assert f"{count} of the other" in protocols.describe(Config(**config))


def test_another_fold_draws_other_algorithms():
    drawn = {
        fold: values(
            "algorithm",
            divide(
                protocol="leave_both_out", fold=fold, train_algorithms=3
            ).train,
        )
        # The same algorithms are left out.
        for fold in (0, 9, 13, 17, 21)
    }
    assert len({frozenset(names) for names in drawn.values()}) > 1


def test_more_algorithms_than_are_left_are_refused():
    every = divide(protocol="leave_algorithm_out", train_algorithms=5, fold=0)
    assert len(values("algorithm", every.known)) == 5
    with pytest.raises(InputError, match="train_algorithms=6: 5 are not left"):
        divide(protocol="leave_algorithm_out", train_algorithms=6, fold=0)
    with pytest.raises(InputError, match=r"Received: protocol=group"):
        Config(train_algorithms=3)
