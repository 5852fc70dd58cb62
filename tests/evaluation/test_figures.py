"""The protocol's figures on hand-made splits."""

import dataclasses
import math

import numpy as np
import pytest

from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation.figures import Split


def split(mos, pairs=None, algorithms=None):
    count = len(mos)
    return Split(
        np.array(pairs or [f"p{i // 2}" for i in range(count)]),
        np.array(algorithms or ["a", "b"] * (count // 2)),
        np.array(["CT-MRI"] * count),
        np.array(mos, np.float64),
    )


CT_PET_CT = np.array(["CT", "PET", "CT"])
MOS_2 = np.array([2.0, 3.0])
RNG = np.random.default_rng(0)
BIG = split(RNG.uniform(1, 5, 80))
GOOD = np.clip(BIG.mos + RNG.normal(0, 0.3, 80), 1, 5)
BAD = RNG.uniform(1, 5, 80)


def test_trivial_baselines_by_hand():
    train = split([1.0, 5.0, 2.0, 4.0, 3.0, 3.0])
    test = split([3.0, 3.0], algorithms=["b", "unseen"])
    baselines = evaluation.trivial_baselines(train, test)
    assert baselines["mean"].tolist() == [3.0, 3.0]
    assert baselines["algorithm_modality_mean"].tolist() == [4.0, 3.0]
    # The pair of both: (1 + 5) / 2.
    assert baselines["pair_mean"].tolist() == [3.0, 3.0]


def test_what_algorithm_and_modality_say_by_hand():
    train = Split(
        pair_id=np.array(list("pqrpqrpq")),
        algorithm=np.array(list("aaaaaabb")),
        modality=np.array(["CT", "CT", "CT", "PET", "PET", "MR", "CT", "CT"]),
        mos=np.array([1.0, 2.0, 3.0, 5.0, 5.0, 2.0, 4.0, 4.0]),
    )
    test = Split(
        *(np.array(list(x)) for x in ("xxx", "aab")), CT_PET_CT, train.mos[:3]
    )
    # Three of a on CT; two only on PET: all six of a; two of b: all eight.
    expected = [2.0, 3.0, 3.25]
    assert evaluation.algorithm_means(train, test).tolist() == expected


def test_an_unseen_algorithm_leaves_the_mean_of_its_modality():
    train = split([1.0, 2.0, 3.0, 5.0])
    test = Split(
        *np.array([["x", "x"], ["new", "new"], ["CT-MRI", "PET"]]), MOS_2
    )
    baselines = evaluation.trivial_baselines(train, test)
    assert set(baselines) == {"mean", "modality_mean"}
    train = dataclasses.replace(
        train, modality=np.array(["CT-MRI"] * 3 + ["CT"])
    )
    values = evaluation.trivial_baselines(train, test)["modality_mean"]
    # None of PET: all four.
    assert values.tolist() == [2.0, 2.75]


def test_the_mean_of_a_pair_is_no_baseline_where_pairs_are_unseen():
    train, test = split([1.0, 5.0]), split([2.0, 2.0], pairs=["x", "y"])
    assert set(evaluation.trivial_baselines(train, test)) == {
        "mean",
        "algorithm_modality_mean",
    }
    shared = split([2.0, 2.0], pairs=["p0", "y"])
    lopsided = split([1.0, 5.0, 1.0, 1.0])
    baseline = evaluation.trivial_baselines(lopsided, shared)["pair_mean"]
    assert baseline.tolist() == [3.0, 2.0]


def test_rmse_is_on_zero_to_one():
    figures = evaluation.assess(split([1.0, 5.0] * 3), np.array([2.0, 4.0] * 3))
    assert figures["raw"]["rmse"] == pytest.approx(0.25)
    assert figures["raw"]["plcc"] == pytest.approx(1.0)


def test_interval_holds_the_figure_and_shrinks_with_agreement():
    good = evaluation.assess(BIG, GOOD)
    bad = evaluation.assess(BIG, BAD)
    for figures in (good, bad):
        limits = figures["interval"]["srcc"]
        assert limits["low"] <= figures["raw"]["srcc"] <= limits["high"]
    width = [
        f["interval"]["srcc"]["high"] - f["interval"]["srcc"]["low"]
        for f in (good, bad)
    ]
    assert width[0] < width[1]


def test_resamples_are_of_whole_groups_and_seeded():
    groups = np.array(["x", "x", "y", "y", "y"])
    sizes = evaluation.resample(groups, len, 0)
    assert set(sizes) == {4, 5, 6}
    np.testing.assert_array_equal(sizes, evaluation.resample(groups, len, 0))


def test_constant_predictions_have_no_interval():
    figures = evaluation.assess(BIG, np.full(80, 3.0))
    assert math.isnan(figures["raw"]["srcc"])
    assert math.isnan(figures["interval"]["srcc"]["low"])


def test_a_single_group_has_no_interval_and_no_p():
    alone = split([1.0, 2.0, 3.0, 4.0], pairs=["x"] * 4)
    better, worse = np.array([1.0, 2.0, 4.0, 3.0]), np.array([3.0, 1.0, 4, 2])
    figures = evaluation.assess(alone, better)
    assert figures["raw"]["srcc"] == pytest.approx(0.8)
    assert math.isnan(figures["interval"]["srcc"]["low"])
    gain = evaluation.difference(alone, better, worse)["all"]
    assert gain["difference"] == pytest.approx(0.8)
    assert math.isnan(gain["low"])
    assert math.isnan(gain["p"])


def test_within_group_by_hand():
    scores = split([1.0, 2.0, 3.0, 4.0, 4.0, 4.0], pairs=list("xxxyyy"))
    predicted = np.array([1.0, 3.0, 2.0, 5.0, 1.0, 1.0])
    inside = evaluation.within_group(scores, predicted)
    # x: 1 < 3 > 2 against 1 < 2 < 3; y has ties only, so no SRCC.
    assert inside["srcc"] == pytest.approx(0.5)
    assert inside["top1"] == 0.5
    assert inside["pairwise"] == pytest.approx(2 / 3)


def test_ties_in_the_prediction_count_half():
    inside = evaluation.within_group(split([1.0, 2.0]), np.array([3.0, 3.0]))
    assert inside["pairwise"] == 0.5


def test_difference_of_a_method_with_itself_is_zero():
    zero = {"difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    gain = evaluation.difference(BIG, GOOD, GOOD)
    assert gain == {"all": zero, "within_group": zero}


def test_difference_finds_the_better_method():
    for gain in evaluation.difference(BIG, GOOD, BAD).values():
        assert 0 < gain["low"] < gain["difference"] < gain["high"]
        assert gain["p"] == pytest.approx(2 / 1001)


def test_best_found_of_a_constant_is_chance_in_any_order():
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        scores = split(
            np.array([4.0, 2.0, 2.0, 1.0])[order], pairs=list("xxxx")
        )
        inside = evaluation.within_group(scores, np.full(4, 3.0))
        assert inside["top1"] == 0.25


def test_compare_judges_all_and_sets_one_against_those_that_rank(monkeypatch):
    monkeypatch.setattr(evaluation, "NUM_RESAMPLES", 10)
    predictions = {
        "ours": GOOD,
        "bad": BAD,
        "constant": np.full(80, 3.0),
        "mean": np.repeat([2.9, 3.0], 40),
    }
    results = evaluation.compare(BIG, predictions, "ours")
    assert set(results["methods"]) == set(predictions)
    assert results["methods"]["ours"] == evaluation.assess(BIG, GOOD)
    gains = results["gains"]
    assert set(gains) == {"bad"}
    for name, gain in evaluation.difference(BIG, GOOD, BAD).items():
        # Two differences, both at the floor of 2 / 11.
        assert gains["bad"][name] == gain | {"p_holm": pytest.approx(4 / 11)}


def test_all_differences_of_a_table_are_corrected_together(monkeypatch):
    monkeypatch.setattr(evaluation, "NUM_RESAMPLES", 99)
    others = {f"bad_{i}": np.roll(BAD, i) for i in range(3)}
    results = evaluation.compare(BIG, {"ours": GOOD, **others}, "ours")
    gains = [g for two in results["gains"].values() for g in two.values()]
    assert len(gains) == 6
    assert min(gain["p"] for gain in gains) == 0.02
    assert min(gain["p_holm"] for gain in gains) == pytest.approx(6 * 0.02)


def test_a_mean_never_ranks_not_even_over_pooled_folds(monkeypatch):
    monkeypatch.setattr(evaluation, "NUM_RESAMPLES", 10)
    # Two folds: the one with the better images was predicted by the mean of
    # the worse ones, as where algorithms are left out.
    better = BIG.mos > np.median(BIG.mos)
    means = np.where(better, BIG.mos[~better].mean(), BIG.mos[better].mean())
    predictions = {
        "ours": GOOD,
        "mean": means,
        "algorithm_modality_mean": means.copy(),
    }
    results = evaluation.compare(BIG, predictions, "ours")
    assert results["gains"] == {}
    for name in ("mean", "algorithm_modality_mean"):
        figures = results["methods"][name]
        for figure in ("plcc", "srcc", "krcc"):
            assert math.isnan(figures["raw"][figure])
        error = np.sqrt(np.mean((BIG.mos - means) ** 2)) / 4
        assert figures["raw"]["rmse"] == pytest.approx(error)
        limits = figures["interval"]["rmse"]
        assert limits["low"] <= error <= limits["high"]


def test_each_modality_is_judged_alone(monkeypatch):
    monkeypatch.setattr(evaluation, "NUM_RESAMPLES", 10)
    names = np.repeat(["CT", "PET"], 40)
    both = dataclasses.replace(BIG, modality=names)
    found = evaluation.compare(both, {"ours": GOOD, "bad": BAD}, "ours")
    assert list(found["by_modality"]) == ["CT", "PET"]
    for name, methods in found["by_modality"].items():
        rows = names == name
        alone = evaluation.assess(both.at(rows), GOOD[rows])
        assert methods["ours"]["images"] == 40
        assert methods["ours"]["raw"] == alone["raw"]
    assert evaluation.compare(BIG, {"o": GOOD}, "o")["by_modality"] == {}


def test_pairs_of_any_size_count_alike():
    scores = split(
        [1.0, 2.0, *range(1, 6)],
        pairs=["a"] * 2 + ["b"] * 5,
        algorithms="abcdefg",
    )
    right = scores.mos
    # Wrong in the pair of five, right in the pair of two.
    half = np.concatenate([scores.mos[:2], scores.mos[:1:-1]])
    gain = evaluation.difference(scores, right, half)["within_group"]
    inside = [evaluation.within_group(scores, x)["srcc"] for x in (right, half)]
    assert gain["difference"] == pytest.approx(inside[0] - inside[1])
    assert gain["difference"] == pytest.approx(1.0)


def test_resamples_draw_the_cases_of_each_modality():
    rows = {
        "pair_id": np.array(["a1", "a2", "b1", "c1"]),
        "case_id": np.array(["a", "a", "b", "b"]),
        "algorithm": np.array(["x"] * 4),
        "modality": np.array(["CT", "CT", "CT", "PET"]),
        "mos": np.arange(1.0, 5.0),
    }
    scores = evaluation.split_of(rows)
    assert scores.unit.tolist() == ["CT/a", "CT/a", "CT/b", "PET/b"]
    assert scores.drawn == "case"
    # Groups that were asked for are what is drawn.
    by_modality = evaluation.split_of(rows, "modality")
    assert by_modality.unit.tolist() == rows["modality"].tolist()
    assert by_modality.drawn == "group"


def test_near_copies_make_the_interval_no_narrower():
    """Ten slices of each of eight patients are eight and not eighty."""
    rng = np.random.default_rng(3)
    case = np.repeat([f"c{i}" for i in range(8)], 10)
    mos = np.repeat(rng.uniform(1, 5, 8), 10) + rng.normal(0, 0.01, 80)
    predicted = mos + np.repeat(rng.normal(0, 1, 8), 10)
    pairs = np.array([f"p{i}" for i in range(80)])
    whole = Split(pairs, pairs, np.full(80, "CT-MRI"), mos)
    by_case = dataclasses.replace(whole, case_id=case)
    widths = [
        np.ptp(
            [
                evaluation.assess(s, predicted)["interval"]["srcc"][e]
                for e in ("low", "high")
            ]
        )
        for s in (whole, by_case)
    ]
    assert widths[1] > 1.5 * widths[0]
