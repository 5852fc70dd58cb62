"""Figures over seeds and draws, against scipy."""

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import figures
from g2npan_tf.experiments import table_figures
from g2npan_tf.experiments.table_figures import Part


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(figures, "NUM_RESAMPLES", 50)


def part(seed="0", draw="", noise=0.5, pairs=range(8), error=1):
    """Three images of each pair; their scores hang on the pair alone."""
    mos = [np.random.default_rng(p).uniform(1, 5, 3) for p in pairs]
    mos = np.concatenate(mos)
    drawn = np.random.default_rng(error).normal(0, noise, len(mos))
    return Part(
        seed=seed,
        draw=draw,
        image=np.array([f"{p}/{i}" for p in pairs for i in range(3)]),
        pair=np.array([f"{p}" for p in pairs for _ in range(3)]),
        unit=np.array([f"{p}" for p in pairs for _ in range(3)]),
        mos=mos,
        predicted=mos + drawn,
        trivial={"mean": np.full(len(mos), 3.0)},
    )


def srcc(one):
    return stats.spearmanr(one.mos, one.predicted).statistic


def test_figures_of_one_seed_are_scipys():
    one = part()
    judged = table_figures.judge([one])
    assert judged["images"] == 24
    assert judged["pairs"] == 8
    assert judged["raw"]["srcc"] == pytest.approx(srcc(one))
    rmse = np.sqrt(np.mean((one.mos - one.predicted) ** 2)) / 4
    assert judged["raw"]["rmse"] == pytest.approx(rmse)
    limits = judged["interval"]["srcc"]
    assert limits["low"] < judged["raw"]["srcc"] < limits["high"]


def test_interval_is_that_of_the_evaluation():
    one = part()
    split = figures.Split(one.pair, one.pair, one.pair, one.mos)
    whole = figures.assess(split, one.predicted)["interval"]["krcc"]
    ours = table_figures.judge([one])["interval"]["krcc"]
    assert ours == {"low": whole["low"], "high": whole["high"]}


def test_seeds_and_draws_are_averaged_not_pooled():
    parts = [part("0"), part("1", noise=2.0, error=2)]
    judged = table_figures.judge(parts)
    assert judged["raw"]["srcc"] == pytest.approx(
        np.mean(list(map(srcc, parts)))
    )
    assert judged["images"] == 24
    draws = [part(draw="0"), part(draw="1", pairs=range(4, 12))]
    assert table_figures.judge(draws)["pairs"] == 12


def test_difference_is_on_common_images_of_the_same_seed_and_draw():
    one = part(pairs=range(8), noise=0.1)
    two = part(pairs=range(4, 12), noise=2.0, error=3)
    gain = table_figures.gain([one], [two])
    assert gain["images"] == 12
    mine = stats.spearmanr(one.mos[12:], one.predicted[12:]).statistic
    other = stats.spearmanr(two.mos[:12], two.predicted[:12]).statistic
    assert gain["difference"] == pytest.approx(mine - other)
    assert gain["low"] <= gain["difference"] <= gain["high"]
    assert gain["low"] > 0


def test_a_row_without_seeds_is_compared_with_every_seed():
    seeds = [part("0"), part("1", error=2)]
    method = part("", noise=2.0, error=3)
    gain = table_figures.gain([method], seeds)["difference"]
    assert gain == pytest.approx(srcc(method) - np.mean(list(map(srcc, seeds))))


def test_no_difference_from_itself():
    gain = table_figures.gain([part()], [part()])
    assert gain["difference"] == gain["low"] == gain["high"] == 0.0
    assert gain["p"] == 1.0


def test_other_scores_or_images_are_refused():
    one = part()
    scored = part()
    scored.mos[3] += 0.5
    for other in (scored, part(pairs=range(20, 22))):
        with pytest.raises(InputError, match="other images or scores"):
            table_figures.gain([one], [other])
    with pytest.raises(InputError, match="no seed or draw in common"):
        table_figures.gain([part("0")], [part("1")])


def test_trivial_baselines_are_the_same_for_all_seeds():
    (only,) = table_figures.trivial([part("0"), part("1")], "mean")
    assert only.seed == ""
    assert set(only.predicted) == {3.0}
