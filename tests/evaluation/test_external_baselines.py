"""Trivial baselines on another base, by hand."""

import numpy as np

from g2npan_tf.evaluation import external_baselines
from g2npan_tf.evaluation.figures import Split


def rows(algorithms, mos, pairs=None, modality="CT"):
    count = len(mos)
    return {
        "pair_id": np.array(pairs or [f"p{i // 2}" for i in range(count)]),
        "case_id": np.array(["c"] * count),
        "algorithm": np.array(algorithms),
        "modality": np.array([modality] * count),
        "mos": np.array(mos, np.float64),
    }


KNOWN = rows(["a", "b"] * 3, [1.0, 4.0] * 3, list("qqqqqq"))


def test_left_out_means_by_hand():
    split = Split(
        np.array(list("xxyyyz")),
        np.array(list("abaaac")),
        np.array(["CT"] * 6),
        np.array([1.0, 2.0, 3.0, 5.0, 4.0, 4.0]),
    )
    # x: a of y; b is nowhere else, so all of y and z. y: one a only, so all
    # of x and z. z: c is nowhere else.
    expected = [4.0, 4.0, *[7 / 3] * 3, 3.0]
    assert external_baselines.left_out_means(split).tolist() == expected


def test_no_image_tells_of_its_own_group():
    split = Split(
        np.array(list("xxyy")),
        np.array(list("abab")),
        np.array(["CT"] * 4),
        np.array([1.0, 2.0, 3.0, 4.0]),
    )
    before = external_baselines.left_out_means(split)
    split.mos[:2] = 5.0
    after = external_baselines.left_out_means(split)
    assert after[:2].tolist() == before[:2].tolist()
    assert after[2:].tolist() == [5.0, 5.0]


def test_training_tells_of_algorithms_that_are_shared():
    here = rows(["a", "new", "a", "new"], [2.0, 3.0, 4.0, 5.0])
    values, notes = external_baselines.baselines(KNOWN, here, False, "pair_id")
    assert set(values) == {
        "mean",
        "algorithm_modality_mean",
        external_baselines.HERE,
    }
    assert values["algorithm_modality_mean"].tolist() == [1.0, 2.5, 1.0, 2.5]
    assert notes == []


def test_without_a_shared_algorithm_its_mean_is_left_out_and_that_is_said():
    here = rows(["x", "y", "x", "y"], [2.0, 3.0, 4.0, 5.0])
    values, notes = external_baselines.baselines(KNOWN, here, False, "pair_id")
    assert set(values) == {"mean", "modality_mean", external_baselines.HERE}
    assert "no algorithm_modality_mean" in notes[0]


def test_without_the_training_part_only_the_base_itself_tells():
    here = rows(["x", "y", "x", "y"], [2.0, 3.0, 4.0, 5.0])
    values, notes = external_baselines.baselines(None, here, False, "pair_id")
    assert set(values) == {external_baselines.HERE}
    assert "whose base is not here" in notes[0]


def test_a_single_group_is_said_and_tells_nothing_of_itself():
    here = rows(["a", "b"], [2.0, 3.0])
    values, notes = external_baselines.baselines(KNOWN, here, False, "modality")
    assert external_baselines.HERE not in values
    assert notes[0].startswith("groups: one modality only")


def test_the_test_part_of_a_run_has_the_baselines_of_its_protocol():
    here = rows(["x", "y", "x", "y"], [2.0, 3.0, 4.0, 5.0])
    values, notes = external_baselines.baselines(KNOWN, here, True, "pair_id")
    assert set(values) == {"mean", "modality_mean"}
    assert notes == []


def test_every_baseline_is_explained():
    names = ["g2npan", "mean", external_baselines.HERE]
    assert list(external_baselines.meanings(names)) == names[1:]
