"""Methods compared by the files of their predictions."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation.table import table
from g2npan_tf.experiments import compare
from tests.tiny import run_python

PAIRS, ALGORITHMS = 6, 5
FACTS = {"name": "fusion_quality/phantom/1.1.0", "scores": "simulated"}


def true_mos():
    return np.random.default_rng(0).uniform(1, 5, PAIRS * ALGORITHMS)


def write(
    folder,
    noise,
    seed,
    facts=FACTS,
    keep=slice(None),
    protocol=None,
    case=None,
    **columns,
):
    """Predictions that follow the scores as closely as `noise` lets them."""
    folder.mkdir()
    scores = true_mos()
    predicted = scores + np.random.default_rng(seed).normal(
        0, noise, len(scores)
    )
    split = kept.Split(
        np.repeat([f"p{i}" for i in range(PAIRS)], ALGORITHMS),
        np.tile([f"a{i}" for i in range(ALGORITHMS)], PAIRS),
        np.full(len(scores), "CT-MRI"),
        scores,
        case,
    )
    path = folder / "predictions.csv"
    rows = kept.Predictions(split.image, split, predicted, **columns)
    rows.at(np.arange(len(scores))[keep]).write(path)
    if facts:
        figures = {"data": facts} | ({"protocol": protocol} if protocol else {})
        (folder / "results.json").write_text(json.dumps(figures))
    return predicted


@pytest.fixture
def two(tmp_path):
    return write(tmp_path / "good", 0.3, 1), write(tmp_path / "poor", 3.0, 2)


def collect(folder, *names):
    return compare.collect([str(folder / name) for name in names])


def test_differences_are_those_of_the_evaluation(tmp_path, two):
    results = collect(tmp_path, "good", "poor")
    good, poor = two
    scores = true_mos()
    expected = (
        stats.spearmanr(scores, good)[0] - stats.spearmanr(scores, poor)[0]
    )
    gain = results.gains["poor"]["all"]
    assert gain.difference == pytest.approx(expected, abs=1e-6)
    assert gain.low > 0
    # The smallest that six pairs allow, for two differences.
    assert gain.p_holm == 2 * 2**-5
    assert list(results.methods) == ["good", "poor"]
    assert results.images == PAIRS * ALGORITHMS
    assert results.pairs == PAIRS
    assert results.data == FACTS


def test_only_images_that_all_scored_count(tmp_path, two):
    write(tmp_path / "part", 1.0, 3, keep=slice(5, 20))
    results = collect(tmp_path, "good", "part")
    assert results.images == 15
    assert results.pairs == 3
    assert "15 scored by some only are left out" in results.protocol
    alone = stats.spearmanr(true_mos()[5:20], two[0][5:20])[0]
    assert results.methods["good"].raw.srcc == pytest.approx(alone)


def test_trivial_baselines_come_from_the_first_file_that_has_them(
    tmp_path, two
):
    trivial = {"algorithm_modality_mean": true_mos()}
    write(tmp_path / "judged", 0.1, 4, trivial=trivial)
    for names in (("judged", "poor"), ("poor", "judged")):
        methods = collect(tmp_path, *names).methods
        srcc = methods["algorithm_modality_mean"].raw.srcc
        assert srcc == pytest.approx(1)
    without = collect(tmp_path, "good", "poor").methods
    assert "algorithm_modality_mean" not in without


def test_other_protocols_are_told(tmp_path):
    write(tmp_path / "a", 0.3, 1, protocol="group, test fold 0 of 5")
    write(tmp_path / "b", 0.3, 2, protocol="image (OPTIMISTIC)")
    write(tmp_path / "c", 0.3, 3, protocol="group, test fold 1 of 5, pooled")
    write(tmp_path / "d", 0.3, 4)
    for other, ending in (
        ("b", "the protocols DIFFER: a by group; b by image (OPTIMISTIC)"),
        ("c", "by protocol group"),
        ("d", "DIFFER: a by group; d by unknown"),
    ):
        assert collect(tmp_path, "a", other).protocol.endswith(ending)


def test_cases_are_drawn_and_folds_averaged_where_they_are_known(tmp_path):
    pairs = [f"p{i}" for i in range(PAIRS) for _ in range(ALGORITHMS)]
    cases = [f"c{pair[1:] if pair < 'p4' else 4}" for pair in pairs]
    folds = [str(int(pair[1:]) % 2) for pair in pairs]
    write(tmp_path / "a", 0.3, 1, case=np.array(cases), fold=np.array(folds))
    write(tmp_path / "b", 3.0, 2)
    results = collect(tmp_path, "b", "a")
    assert results.cases == results.units == PAIRS - 1
    assert results.drawn == "case"
    found = results.mean_of_folds
    assert found.methods["a"].srcc > found.methods["b"].srcc
    text = table(results)
    assert "bootstrap by case" in text
    assert "Only 5 cases to draw from" in text
    assert "no p can be below 0.0625" in text


def test_of_several_seeds_each_has_folds_of_its_own(tmp_path):
    count = PAIRS * ALGORITHMS
    case = np.repeat([f"c{i // 2}" for i in range(PAIRS)], ALGORITHMS)
    folds = np.tile(["0", "1"], count // 2)
    predicted = {}
    for name, noise in (("good", 0.3), ("poor", 3.0)):
        parts = []
        for seed in ("0", "1"):
            folder = tmp_path / f"{name}{seed}"
            write(folder, noise, int(seed), case=case)
            rows = kept.read_predictions(folder / "predictions.csv")
            parts.append(
                dataclasses.replace(rows, seed=np.full(count, seed), fold=folds)
            )
        (tmp_path / name).mkdir()
        kept.pooled(parts).write(tmp_path / name / "predictions.csv")
        predicted[name] = [part.predicted for part in parts]
    results = collect(tmp_path, "good", "poor")
    assert (results.images, results.pairs) == (2 * count, 2 * PAIRS)
    assert results.units == len(set(case))
    assert "once by each of the seeds 0, 1" in results.protocol
    scores = true_mos()
    for name, seeds in predicted.items():
        each = [
            stats.spearmanr(scores[folds == fold], x[folds == fold])[0]
            for x in seeds
            for fold in "01"
        ]
        mean = results.mean_of_folds.methods[name].srcc
        assert mean == pytest.approx(np.mean(each), abs=1e-3)


def test_a_name_may_be_given_and_a_runs_evaluation_is_found(tmp_path, two):
    run = tmp_path / "fold_0"
    run.mkdir()
    (tmp_path / "good").rename(run / "evaluation")
    file = run / "evaluation" / "predictions.csv"
    for place in (run, file):
        results = compare.collect([f"ours={place}", str(tmp_path / "poor")])
        assert list(results.methods) == ["ours", "poor"]


def changed(path, column, value):
    """Replaces a cell of the first image."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    rows[1][rows[0].index(column)] = value
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_real_and_simulated_scores_are_never_compared(tmp_path, two):
    real = {"name": "fusion_quality/reader_study/1.1.0", "scores": "real"}
    write(tmp_path / "real", 1.0, 5, facts=real)
    with pytest.raises(InputError, match="never put into one table"):
        collect(tmp_path, "good", "real")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("mos", "1.0", "expected predictions of one data set"),
        ("pair", "p9", "expected predictions of one data set"),
        ("id", "p0/a1", "for the second time"),
        ("predicted_mos", "nan", "expected a finite number"),
        ("mos", "good", "expected a number"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, two, column, value, message):
    changed(tmp_path / "poor" / "predictions.csv", column, value)
    with pytest.raises(InputError, match=message):
        collect(tmp_path, "good", "poor")


def test_bad_words_are_one_line(tmp_path, two):
    good = str(tmp_path / "good")
    write(tmp_path / "first", 1.0, 6, keep=slice(0, 5))
    write(tmp_path / "last", 1.0, 7, keep=slice(5, 10))
    for words, message in (
        ([good], "at least two"),
        ([good, good], "different names"),
        ([good, f"mean={tmp_path / 'poor'}"], "different names"),
        ([good, str(tmp_path / "absent")], "no predictions.csv there"),
        ([str(tmp_path / x) for x in ("first", "last")], "no image is in all"),
    ):
        with pytest.raises(InputError, match=message):
            compare.collect(words)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("predictions.csv", b"\x98\xff\x00", "no CSV file"),
        ("predictions.csv", b"id\n" + 200000 * b"x", "no CSV file"),
        ("predictions.csv", b"id,mos\nx,1\n", "no column algorithm"),
        ("results.json", b"{}", r"results\.json: no figures"),
        ("results.json", b'{"data": "x"}', r"results\.json: no figures"),
        (
            "results.json",
            b'{"data": {}, "protocol": 5}',
            r"results\.json: no figures",
        ),
    ],
)
def test_broken_files_are_one_line(tmp_path, two, file, content, message):
    (tmp_path / "poor" / file).write_bytes(content)
    with pytest.raises(InputError, match=message):
        collect(tmp_path, "good", "poor")


def command(*words):
    return run_python("-m", "g2npan_tf.experiments.compare", *words)


def test_command_prints_the_table_and_writes_the_figures(tmp_path, two):
    words = [tmp_path / "good", tmp_path / "poor"]
    done = command(*words, f"--output={tmp_path / 'figures.json'}")
    assert done.returncode == 0, done.stderr
    assert "| good |" in done.stdout
    assert "Against poor (paired bootstrap by pair" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["gains"]["poor"]["all"]["low"] > 0


def test_a_place_that_cannot_be_written_loses_no_figure(tmp_path, two):
    words = [tmp_path / "good", tmp_path / "poor"]
    done = command(*words, f"--output={tmp_path / 'absent' / 'x.json'}")
    assert done.returncode == 2
    assert "| good |" in done.stdout
    assert done.stderr.endswith("x.json: No such file or directory\n")
    assert done.stderr.count("\n") == 1
