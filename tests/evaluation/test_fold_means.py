"""Figures as the mean of the folds."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import fold_means

# Two folds of six pairs, four algorithms each; the second is the better one.
PAIR = np.tile(np.repeat([f"p{i}" for i in range(6)], 4), 2)
FOLD = np.repeat(["0", "1"], 24)
RNG = np.random.default_rng(0)
MOS = RNG.uniform(1, 3, 48) + np.repeat([0.0, 2.0], 24)
SPLIT = evaluation.Split(PAIR, PAIR, np.full(48, "CT-MRI"), MOS)
# Right within each fold, but told the wrong one of the two to be the better.
OURS = MOS + RNG.normal(0, 0.3, 48) - np.repeat([0.0, 4.0], 24)
OTHER = MOS + RNG.normal(0, 2.0, 48)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(evaluation, "NUM_RESAMPLES", 200)


def test_mean_is_of_the_folds_own_correlations():
    found = fold_means.judge(SPLIT, FOLD, {"ours": OURS, "other": OTHER})
    for name, values in (("ours", OURS), ("other", OTHER)):
        expected = np.mean(
            [
                stats.spearmanr(MOS[FOLD == f], values[FOLD == f]).statistic
                for f in ("0", "1")
            ]
        )
        figures = found["methods"][name]
        assert figures["srcc"] == pytest.approx(expected)
        assert figures["low"] < expected < figures["high"]
    # Pooled, the very same predictions have the order upside down.
    assert stats.spearmanr(MOS, OURS).statistic < 0
    assert found["methods"]["ours"]["srcc"] > 0.8


def test_differences_are_paired_and_corrected():
    found = fold_means.judge(
        SPLIT, FOLD, {"ours": OURS, "other": OTHER, "same": OURS.copy()}
    )
    gain = found["gains"]["other"]
    methods = found["methods"]
    assert gain["difference"] == pytest.approx(
        methods["ours"]["srcc"] - methods["other"]["srcc"]
    )
    assert 0 < gain["low"] < gain["difference"] < gain["high"]
    # Six pairs: no p below 2^-5; two differences.
    assert (gain["p"], gain["p_holm"]) == (2**-5, 2**-4)
    assert found["gains"]["same"]["difference"] == 0


def test_each_modality_has_its_own_mean():
    names = np.where(np.arange(48) % 24 < 12, "CT", "PET")
    both = dataclasses.replace(SPLIT, modality=names)
    found = fold_means.judge(both, FOLD, {"ours": OURS})["by_modality"]
    assert list(found) == ["CT", "PET"]
    rows = names == "PET"
    alone = fold_means.judge(both.at(rows), FOLD[rows], {"ours": OURS[rows]})
    assert found["PET"] == alone["methods"]
    assert fold_means.judge(SPLIT, FOLD, {"ours": OURS})["by_modality"] == {}


def test_what_is_constant_in_every_fold_is_left_out():
    means = np.where(FOLD == "0", 4.0, 2.0)
    found = fold_means.judge(SPLIT, FOLD, {"ours": OURS, "mean": means})
    assert set(found["methods"]) == {"ours"}
    assert found["gains"] == {}
    alone = fold_means.judge(SPLIT, FOLD, {"ours": means, "other": OTHER})
    assert alone["gains"] == {}


def test_a_fold_where_it_is_not_defined_does_not_count():
    flat = np.where(FOLD == "0", 3.0, OURS)
    found = fold_means.judge(SPLIT, FOLD, {"ours": flat})
    second = stats.spearmanr(MOS[FOLD == "1"], OURS[FOLD == "1"]).statistic
    assert found["methods"]["ours"]["srcc"] == pytest.approx(second)


def test_one_pair_has_a_mean_and_no_interval():
    one = PAIR == "p0"
    few = evaluation.Split(*(x[one] for x in (PAIR, PAIR, PAIR)), MOS[one])
    figures = fold_means.judge(few, FOLD[one], {"ours": OURS[one]})
    assert math.isfinite(figures["methods"]["ours"]["srcc"])
    assert math.isnan(figures["methods"]["ours"]["low"])
