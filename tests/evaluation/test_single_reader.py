"""A single reader is judged by the others, on the images that were scored."""

import numpy as np
import pytest
from scipy import stats

from datasets.custom import agreement
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import single_reader

NAN = np.nan


def split_of(count, per_group=4):
    names = np.array([f"pair_{i // per_group}" for i in range(count)])
    kinds = np.array(["a", "b", "c", "d"] * count)[:count]
    return evaluation.Split(names, kinds, names, np.full(count, NAN))


def test_a_hand_made_case():
    # Reader 1 agrees with the others' mean in all pairs, reader 2 in two of
    # three, and so on: worked out by hand from the ranks.
    grades = np.array([[1.0, 2.0, 1.0], [2.0, 1.0, 2.0], [3.0, 3.0, 4.0]])
    figures = single_reader.judge(split_of(3), grades)["one reader"]
    # The others' means are (1.5, 1.5, 3.5), (1, 2, 3.5) and (1.5, 1.5, 3).
    srcc = (np.sqrt(0.75) + 0.5 + np.sqrt(0.75)) / 3
    assert figures["raw"]["srcc"] == pytest.approx(srcc)
    errors = [(-0.5, 0.5, -0.5), (1.0, -1.0, -0.5), (-0.5, 0.5, 1.0)]
    rmse = np.mean([np.sqrt(np.mean(np.square(e))) / 4 for e in errors])
    assert figures["raw"]["rmse"] == pytest.approx(rmse)
    assert figures["readers"] == 3


def test_figures_are_those_of_each_reader_alone():
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 5, 24)
    grades = truth[:, None] + rng.normal(0, 0.7, (24, 3))
    grades[3, 0] = NAN
    figures = single_reader.judge(split_of(24), grades)["one reader"]
    assert figures["raw"]["srcc"] == pytest.approx(
        agreement.agreement_with_others(grades).mean()
    )
    within = []
    for reader in range(3):
        others = np.nanmean(np.delete(grades, reader, axis=1), axis=1)
        known = np.isfinite(grades[:, reader])
        within.append(
            np.mean(
                [
                    stats.spearmanr(
                        others[i : i + 4][known[i : i + 4]],
                        grades[i : i + 4, reader][known[i : i + 4]],
                    ).statistic
                    for i in range(0, 24, 4)
                ]
            )
        )
    assert figures["within_group"]["srcc"] == pytest.approx(np.mean(within))
    limits = figures["interval"]["srcc"]
    assert limits["low"] < figures["raw"]["srcc"] < limits["high"]


def test_agreeing_readers_have_no_spread():
    grades = np.repeat(np.arange(8.0)[:, None], 3, axis=1)
    figures = single_reader.judge(split_of(8), grades)["one reader"]
    assert figures["raw"]["plcc"] == pytest.approx(1)
    assert figures["raw"]["rmse"] == pytest.approx(0)
    assert figures["interval"]["srcc"]["low"] == pytest.approx(1)


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
    assert single_reader.judge(split_of(len(grades)), grades) == {}


def test_grades_come_back_from_the_rows():
    grades = np.array([[1.0, NAN, 2.5], [3.0, 4.0, NAN]])
    columns = single_reader.columns(grades)
    assert columns["reader_2"] == ["", "4.0000"]
    rows = [
        {"id": "x", "reader_sd": "0.5"} | {k: v[i] for k, v in columns.items()}
        for i in range(2)
    ]
    assert single_reader.from_rows(rows) == pytest.approx(grades, nan_ok=True)
    without = [{"id": "x", "reader_sd": "0.5"}] * 2
    assert single_reader.from_rows(without).shape == (2, 0)
