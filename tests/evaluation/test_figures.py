"""The figures of methods, folds, readers and baselines on hand-made splits."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from datasets.custom import agreement
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.figures import HERE
from g2npan_tf.evaluation.figures import Part
from g2npan_tf.evaluation.results import ALGORITHM_MEAN
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Split


def split(mos, pairs=None, algorithms=None, group_by="pair_id"):
    count = len(mos)
    return Split(
        np.array(pairs or [f"p{i // 2}" for i in range(count)]),
        np.array(algorithms or ["a", "b"] * (count // 2)),
        np.array(["CT-MRI"] * count),
        np.array(mos, np.float64),
        group_by=group_by,
    )


@pytest.fixture
def few_resamples(monkeypatch):
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 50)


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
    assert figures.raw.rmse == pytest.approx(0.25)
    assert figures.raw.plcc == pytest.approx(1.0)


def test_interval_holds_the_figure_and_shrinks_with_agreement():
    good = evaluation.assess(BIG, GOOD)
    bad = evaluation.assess(BIG, BAD)
    for figures in (good, bad):
        limits = figures.interval["srcc"]
        assert limits.low <= figures.raw.srcc <= limits.high
    one, two = (f.interval["srcc"] for f in (good, bad))
    assert one.high - one.low < two.high - two.low


def test_within_group_by_hand():
    scores = split([1.0, 2.0, 3.0, 4.0, 4.0, 4.0], pairs=list("xxxyyy"))
    predicted = np.array([1.0, 3.0, 2.0, 5.0, 1.0, 1.0])
    inside = evaluation.within_group(scores, predicted)
    # x: 1 < 3 > 2 against 1 < 2 < 3; y has ties only, so no SRCC.
    assert inside.srcc == pytest.approx(0.5)
    assert inside.top1 == 0.5
    assert inside.pairwise == pytest.approx(2 / 3)


def test_a_constant_finds_the_best_by_chance_in_any_order():
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        mos = np.array([4.0, 2.0, 2.0, 1.0])[order]
        inside = evaluation.within_group(
            split(mos, pairs=list("xxxx")), np.full(4, 3.0)
        )
        assert (inside.top1, inside.pairwise) == (0.25, 0.5)


def test_difference_of_a_method_with_itself_is_zero():
    zero = statistics.Difference(0.0, 0.0, 0.0, 1.0)
    gain = evaluation.difference(BIG, GOOD, GOOD)
    assert gain == {"all": zero, "within_group": zero}


def test_difference_finds_the_better_method():
    for gain in evaluation.difference(BIG, GOOD, BAD).values():
        assert 0 < gain.low < gain.difference < gain.high
        assert gain.p == pytest.approx(2 / 1001)


def test_all_are_judged_and_one_is_set_against_those_that_rank(few_resamples):
    predictions = {
        "ours": GOOD,
        "bad": BAD,
        "worse": np.roll(BAD, 1),
        "constant": np.full(80, 3.0),
        "mean": np.repeat([2.9, 3.0], 40),
    }
    results = evaluation.judge(BIG, predictions, "ours")
    assert (results.images, results.pairs, results.cases) == (80, 40, None)
    assert set(results.methods) == set(predictions)
    assert results.methods["ours"] == evaluation.assess(BIG, GOOD)
    constant = results.methods["constant"].interval["srcc"]
    assert np.isnan([constant.low, constant.high]).all()
    assert set(results.gains) == {"bad", "worse"}
    for name, gains in results.gains.items():
        alone = evaluation.difference(BIG, GOOD, predictions[name])
        for scope, gain in gains.items():
            assert dataclasses.replace(gain, p_holm=None) == alone[scope]
            # Four differences, all at the floor of 2 / 51.
            assert gain.p_holm == pytest.approx(8 / 51)


def test_a_network_that_says_one_score_for_all_is_judged(few_resamples):
    predictions = {"ours": np.full(80, 3.0), "good": GOOD}
    gains = evaluation.judge(BIG, predictions, "ours").gains["good"]
    assert all(math.isnan(gain.difference) for gain in gains.values())


def test_a_mean_never_ranks_not_even_over_pooled_folds(few_resamples):
    # Two folds: the one with the better images was predicted by the mean of
    # the worse ones, as where algorithms are left out.
    better = BIG.mos > np.median(BIG.mos)
    means = np.where(better, BIG.mos[~better].mean(), BIG.mos[better].mean())
    predictions = {
        "ours": GOOD,
        "mean": means,
        "algorithm_modality_mean": means.copy(),
    }
    results = evaluation.judge(BIG, predictions, "ours")
    assert results.gains == {}
    for name in ("mean", "algorithm_modality_mean"):
        figures = results.methods[name]
        for figure in ("plcc", "srcc", "krcc"):
            assert math.isnan(figures.raw._asdict()[figure])
            assert np.isnan(dataclasses.astuple(figures.interval[figure])).all()
        error = np.sqrt(np.mean((BIG.mos - means) ** 2)) / 4
        assert figures.raw.rmse == pytest.approx(error)
        limits = figures.interval["rmse"]
        assert limits.low <= error <= limits.high


def test_each_modality_is_judged_alone(few_resamples):
    names = np.repeat(["CT", "PET"], 40)
    both = dataclasses.replace(BIG, modality=names)
    found = evaluation.judge(both, {"ours": GOOD, "bad": BAD}, "ours")
    assert list(found.by_modality) == ["CT", "PET"]
    for name, methods in found.by_modality.items():
        rows = names == name
        alone = evaluation.assess(both.at(rows), GOOD[rows])
        assert methods["ours"].images == 40
        assert methods["ours"].raw == alone.raw
    assert evaluation.judge(BIG, {"o": GOOD}, "o").by_modality == {}


def test_what_is_inside_an_interval_is_counted_by_hand(few_resamples):
    names = np.array(list("aabbcc"))
    modality = np.repeat(["CT", "MR"], [4, 2])
    scores = np.float64([1, 2, 3, 4, 5, 3])
    whole = Split(names, names, modality, scores, names)
    centre = np.full(6, 3.0)
    rows = Predictions(
        names,
        whole,
        centre,
        low=centre - 1,
        high=np.float64([4, 4, 4, 4, 5, 5]),
    )
    found = evaluation.inside(rows)
    shares = {name: one.share for name, one in found.items()}
    assert shares == pytest.approx({"all": 5 / 6, "CT": 0.75, "MR": 1.0})
    assert [one.images for one in found.values()] == [6, 4, 2]
    assert found["all"].width == pytest.approx(14 / 6)
    limits = found["all"].interval
    assert limits.low <= 5 / 6 <= limits.high
    assert found["all"].is_own
    assert evaluation.inside(Predictions(names, whole, centre)) == {}


def test_what_is_outside_is_counted_by_hand(few_resamples):
    names = np.array(list("aabbcc"))
    modality = np.repeat(["CT", "MR"], [4, 2])
    whole = Split(names, names, modality, np.full(6, 3.0), names)
    distance = np.float64([0, 99, 99.5, 100, 100, 50])
    rows = Predictions(names, whole, np.ones(6), distance=distance)
    found = evaluation.outside(rows)
    shares = {name: one.share for name, one in found.items()}
    assert shares == pytest.approx({"all": 0.5, "CT": 0.5, "MR": 0.5})
    assert [one.images for one in found.values()] == [6, 4, 2]
    limits = found["all"].interval
    assert limits.low < 0.5 < limits.high
    assert evaluation.outside(Predictions(names, whole, np.ones(6))) == {}


def test_without_an_interval_folds_have_that_of_the_others(few_resamples):
    names = np.arange(20).astype(str)
    scores = np.full(20, 3.0)
    whole = Split(names, names, np.full(20, "CT"), scores, names)
    # Of ten residuals the largest: .5 of fold 1, .2 of fold 0.
    errors = np.r_[np.full(9, 0.1), 0.2, np.full(6, 0.15), np.full(4, -0.5)]
    rows = Predictions(
        names, whole, scores + errors, fold=np.repeat(["0", "1"], 10)
    )
    (found,) = evaluation.inside(rows).values()
    assert found.share == pytest.approx(16 / 20)
    assert found.width == pytest.approx(0.7)
    assert not found.is_own
    alone = dataclasses.replace(rows, fold=np.full(20, "0"))
    assert evaluation.inside(alone) == {}


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
    inside = [evaluation.within_group(scores, x).srcc for x in (right, half)]
    assert gain.difference == pytest.approx(inside[0] - inside[1])
    assert gain.difference == pytest.approx(1.0)


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
    one, two = (
        evaluation.assess(s, predicted).interval["srcc"]
        for s in (whole, by_case)
    )
    assert two.high - two.low > 1.5 * (one.high - one.low)


# Two folds of six pairs, four algorithms each; the second is the better one.
PAIR = np.tile(np.repeat([f"p{i}" for i in range(6)], 4), 2)
FOLD = np.repeat(["0", "1"], 24)
DRAW = np.random.default_rng(0)
MOS = DRAW.uniform(1, 3, 48) + np.repeat([0.0, 2.0], 24)
SPLIT = Split(PAIR, PAIR, np.full(48, "CT-MRI"), MOS)
# Right within each fold, but told the wrong one of the two to be the better.
OURS = MOS + DRAW.normal(0, 0.3, 48) - np.repeat([0.0, 4.0], 24)
OTHER = MOS + DRAW.normal(0, 2.0, 48)


def test_mean_is_of_the_folds_own_correlations():
    found = evaluation.fold_means(SPLIT, FOLD, {"ours": OURS, "other": OTHER})
    for name, values in (("ours", OURS), ("other", OTHER)):
        both = [
            stats.spearmanr(MOS[FOLD == f], values[FOLD == f]).statistic
            for f in ("0", "1")
        ]
        expected = np.mean(both)
        figures = found.methods[name]
        assert figures.srcc == pytest.approx(expected)
        assert figures.low < expected < figures.high
    # Pooled, the very same predictions have the order upside down.
    assert stats.spearmanr(MOS, OURS).statistic < 0
    assert found.methods["ours"].srcc > 0.8


def test_differences_are_paired_and_corrected():
    found = evaluation.fold_means(
        SPLIT, FOLD, {"ours": OURS, "other": OTHER, "same": OURS.copy()}
    )
    gain = found.gains["other"]
    methods = found.methods
    assert gain.difference == pytest.approx(
        methods["ours"].srcc - methods["other"].srcc
    )
    assert 0 < gain.low < gain.difference < gain.high
    # Six pairs: no p below 2^-5; two differences.
    assert (gain.p, gain.p_holm) == (2**-5, 2**-4)
    assert found.gains["same"].difference == 0


def test_each_modality_has_its_own_mean():
    names = np.where(np.arange(48) % 24 < 12, "CT", "PET")
    both = dataclasses.replace(SPLIT, modality=names)
    found = evaluation.fold_means(both, FOLD, {"ours": OURS}).by_modality
    assert list(found) == ["CT", "PET"]
    rows = names == "PET"
    alone = evaluation.fold_means(
        both.at(rows), FOLD[rows], {"ours": OURS[rows]}
    )
    assert found["PET"] == alone.methods
    assert evaluation.fold_means(SPLIT, FOLD, {"ours": OURS}).by_modality == {}


def test_what_is_constant_in_every_fold_is_left_out():
    means = np.where(FOLD == "0", 4.0, 2.0)
    found = evaluation.fold_means(SPLIT, FOLD, {"ours": OURS, "mean": means})
    assert set(found.methods) == {"ours"}
    assert found.gains == {}
    alone = evaluation.fold_means(SPLIT, FOLD, {"ours": means, "other": OTHER})
    assert alone.gains == {}


def test_a_fold_where_it_is_not_defined_does_not_count():
    flat = np.where(FOLD == "0", 3.0, OURS)
    found = evaluation.fold_means(SPLIT, FOLD, {"ours": flat})
    second = stats.spearmanr(MOS[FOLD == "1"], OURS[FOLD == "1"]).statistic
    assert found.methods["ours"].srcc == pytest.approx(second)


def part(seed="0", draw="", noise=0.5, pairs=range(8), error=1):
    """Three images of each pair; their scores hang on the pair alone."""
    mos = [np.random.default_rng(p).uniform(1, 5, 3) for p in pairs]
    mos = np.concatenate(mos)
    drawn = np.random.default_rng(error).normal(0, noise, len(mos))
    names = np.array([f"{p}" for p in pairs for _ in range(3)])
    scores = Split(names, np.tile(list("abc"), len(pairs)), names, mos)
    trivial = {"mean": np.full(len(mos), 3.0)}
    images = Predictions(scores.image, scores, mos + drawn, trivial)
    return Part(seed, draw, images)


def srcc(one, rows=slice(None)):
    scores = one.images.split.mos[rows], one.images.predicted[rows]
    return stats.spearmanr(*scores).statistic


def test_figures_of_one_part_are_those_of_the_evaluation(few_resamples):
    one = part()
    judged = evaluation.judge_parts([one])
    assert (judged.images, judged.pairs, judged.units) == (24, 8, 8)
    whole = evaluation.assess(one.images.split, one.images.predicted)
    assert judged.raw == whole.raw
    assert judged.raw.srcc == pytest.approx(srcc(one))
    assert judged.rounded_krcc == whole.rounded_krcc
    for name, limits in whole.interval.items():
        expected = dataclasses.replace(limits, mean=None)
        assert judged.interval[name] == expected


def test_seeds_and_draws_are_averaged_not_pooled(few_resamples):
    parts = [part("0"), part("1", noise=2.0, error=2)]
    judged = evaluation.judge_parts(parts)
    assert judged.raw.srcc == pytest.approx(np.mean(list(map(srcc, parts))))
    assert judged.images == 24
    draws = [part(draw="0"), part(draw="1", pairs=range(4, 12))]
    assert evaluation.judge_parts(draws).pairs == 12


def test_difference_is_on_common_images_of_the_same_seed_and_draw(
    few_resamples,
):
    one = part(pairs=range(8), noise=0.1)
    two = part(pairs=range(4, 12), noise=2.0, error=3)
    gain = evaluation.gain([one], [two])
    assert gain.images == 12
    expected = srcc(one, slice(12, None)) - srcc(two, slice(12))
    assert gain.difference == pytest.approx(expected)
    assert 0 < gain.low <= gain.difference <= gain.high


def test_a_row_without_seeds_is_compared_with_every_seed(few_resamples):
    seeds = [part("0"), part("1", error=2)]
    method = part("", noise=2.0, error=3)
    gain = evaluation.gain([method], seeds).difference
    assert gain == pytest.approx(srcc(method) - np.mean(list(map(srcc, seeds))))


def test_no_difference_from_itself(few_resamples):
    gain = evaluation.gain([part()], [part()])
    assert gain.difference == gain.low == gain.high == 0.0
    assert gain.p == 1.0


def test_other_scores_or_images_are_refused():
    one, scored = part(), part()
    scored.images.split.mos[3] += 0.5
    for other in (scored, part(pairs=range(20, 22))):
        with pytest.raises(InputError, match="other images or scores"):
            evaluation.gain([one], [other])
    with pytest.raises(InputError, match="no seed or draw in common"):
        evaluation.gain([part("0")], [part("1")])


def test_trivial_baselines_are_the_same_for_all_seeds():
    parts = evaluation.trivial_parts([part("0"), part("1")], "mean")
    (only,) = parts
    assert only.seed == ""
    assert set(only.images.predicted) == {3.0}


NAN = np.nan


def of_groups(count):
    pairs = [f"pair_{i // 4}" for i in range(count)]
    return split([NAN] * count, pairs, (list("abcd") * count)[:count])


def test_a_hand_made_case():
    # Reader 1 agrees with the others' mean in all pairs, reader 2 in two of
    # three, and so on: worked out by hand from the ranks.
    grades = np.array([[1.0, 2.0, 1.0], [2.0, 1.0, 2.0], [3.0, 3.0, 4.0]])
    figures = evaluation.single_reader(of_groups(3), grades)["one reader"]
    # The others' means are (1.5, 1.5, 3.5), (1, 2, 3.5) and (1.5, 1.5, 3).
    srcc = (np.sqrt(0.75) + 0.5 + np.sqrt(0.75)) / 3
    assert figures.raw.srcc == pytest.approx(srcc)
    errors = [(-0.5, 0.5, -0.5), (1.0, -1.0, -0.5), (-0.5, 0.5, 1.0)]
    rmse = np.mean([np.sqrt(np.mean(np.square(e))) / 4 for e in errors])
    assert figures.raw.rmse == pytest.approx(rmse)
    assert figures.readers == 3


def test_figures_are_those_of_each_reader_alone():
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 5, 24)
    grades = truth[:, None] + rng.normal(0, 0.7, (24, 3))
    grades[3, 0] = NAN
    figures = evaluation.single_reader(of_groups(24), grades)["one reader"]
    assert figures.raw.srcc == pytest.approx(
        agreement.agreement_with_others(grades).mean()
    )
    within = []
    for reader in range(3):
        others = np.nanmean(np.delete(grades, reader, axis=1), axis=1)
        known = np.isfinite(grades[:, reader])
        for i in range(0, 24, 4):
            rows = i + np.flatnonzero(known[i : i + 4])
            found = stats.spearmanr(others[rows], grades[rows, reader])
            within.append(found.statistic)
    assert figures.within_group.srcc == pytest.approx(np.mean(within))
    limits = figures.interval["srcc"]
    assert limits.low < figures.raw.srcc < limits.high


def test_a_reader_is_drawn_like_the_network_by_all_units(monkeypatch):
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 10)
    drawn, bootstrap = [], statistics.bootstrap

    def kept(units, statistic):
        drawn.append(bootstrap(units, statistic))
        return drawn[-1]

    monkeypatch.setattr(statistics, "bootstrap", kept)
    grades = np.random.default_rng(0).uniform(1, 5, (24, 3))
    # The last group was graded by nobody.
    grades[20:] = NAN
    assert evaluation.single_reader(of_groups(24), grades)
    assert [one.units for one in drawn] == [6]


def test_agreeing_readers_have_no_spread():
    grades = np.repeat(np.arange(8.0)[:, None], 3, axis=1)
    figures = evaluation.single_reader(of_groups(8), grades)["one reader"]
    assert figures.raw.plcc == pytest.approx(1)
    assert figures.raw.rmse == pytest.approx(0)
    assert figures.interval["srcc"].low == pytest.approx(1)


@pytest.mark.parametrize(
    "grades",
    [
        np.ones((5, 0)),
        np.ones((5, 1)),
        np.array([[1.0, 2.0], [2.0, 1.0]]),
        np.array([[1.0, NAN]] * 3 + [[NAN, 2.0]] * 3),
    ],
    ids=["no readers", "one reader", "two images", "none in common"],
)
def test_where_nobody_can_be_judged_there_is_nothing(grades):
    assert evaluation.single_reader(of_groups(len(grades)), grades) == {}


def test_left_out_means_by_hand():
    scores = split(
        [1.0, 2.0, 3.0, 5.0, 4.0, 4.0], list("xxyyyz"), list("abaaac")
    )
    # x: a of y; b is nowhere else, so all of y and z. y: one a only, so all
    # of x and z. z: c is nowhere else.
    expected = [4.0, 4.0, *[7 / 3] * 3, 3.0]
    assert evaluation.left_out_means(scores).tolist() == expected


def test_no_image_tells_of_its_own_group():
    scores = split([1.0, 2.0, 3.0, 4.0])
    before = evaluation.left_out_means(scores)
    scores.mos[:2] = 5.0
    after = evaluation.left_out_means(scores)
    assert after[:2].tolist() == before[:2].tolist()
    assert after[2:].tolist() == [5.0, 5.0]


KNOWN = split([1.0, 4.0] * 3, list("qqqqqq"))
SHARED = split([2.0, 3.0, 4.0, 5.0], algorithms=["a", "new"] * 2)
OTHERS = split([2.0, 3.0, 4.0, 5.0], algorithms=["x", "y"] * 2)
ONE_GROUP = split([2.0, 3.0], group_by="modality")


@pytest.mark.parametrize(
    ("known", "here", "is_test", "names", "note"),
    [
        (KNOWN, SHARED, False, {"mean", ALGORITHM_MEAN, HERE}, ""),
        (
            KNOWN,
            OTHERS,
            False,
            {"mean", "modality_mean", HERE},
            f"baselines: no {ALGORITHM_MEAN}",
        ),
        (
            None,
            OTHERS,
            False,
            {HERE},
            "baselines: none of training, whose data",
        ),
        (
            KNOWN,
            ONE_GROUP,
            False,
            {"mean", ALGORITHM_MEAN},
            "groups: one modal",
        ),
        # The test part of a run has the baselines of its protocol.
        (KNOWN, OTHERS, True, {"mean", "modality_mean"}, ""),
    ],
)
def test_baselines_are_those_that_can_be_and_what_is_left_out_is_said(
    known, here, is_test, names, note
):
    values, notes = evaluation.external_baselines(known, here, is_test)
    assert set(values) == names
    assert [line[: len(note)] for line in notes] == [note] * bool(note)
    if here is SHARED:
        assert values[ALGORITHM_MEAN].tolist() == [1.0, 2.5, 1.0, 2.5]
