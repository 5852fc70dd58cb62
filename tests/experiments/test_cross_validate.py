"""Cross-validation: what is run, what is pooled, what is refused."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import results as kept
from g2npan_tf.experiments import cross_validate
from tests.made_up_runs import EVALUATE
from tests.made_up_runs import TRAIN
from tests.made_up_runs import judged as whole_test_part
from tests.made_up_runs import write_summary
from tests.tiny import REPOSITORY

FACTS = {"name": "fusion_quality/phantom/1.1.0", "scores": "simulated"}


def runs(seeds=(0,), folds=(0, 1), **settings):
    return {
        (seed, fold): Config(seed=seed, fold=fold, **settings)
        for seed in seeds
        for fold in folds
    }


def write_run(output, seed, fold, count=12, epochs=3):
    """What a finished run and evaluate.py leave, with drawn scores."""
    folder = cross_validate.folder_of(output, seed, fold)
    (folder / "evaluation").mkdir(parents=True)
    config_module.save(Config(), FACTS, folder / "config.json")
    write_summary(folder, epochs)
    (folder / "log.csv").write_text(
        "epoch,quality_loss,val_srcc\n1,0.6,0.1\n2,0.5,\n"
    )
    rng = np.random.default_rng(10 * seed + fold)
    mos = np.random.default_rng(fold).uniform(1, 5, count)
    places = np.arange(count)
    split = kept.Split(
        np.array([f"pair_{fold}_{i // 3}" for i in places]),
        np.array([f"method_{i % 3}" for i in places]),
        np.array([["CT", "PET"][i % 2] for i in places]),
        mos,
        np.array([f"case_{fold}"] * count),
    )
    predicted = mos + rng.normal(0, 1, count)
    kept.Predictions(
        split.image,
        split,
        predicted,
        {
            "mean": np.full(count, 3.0),
            "algorithm_modality_mean": np.array([2.0 + i % 3 for i in places]),
        },
        grades=mos[:, None] + rng.normal(0, 0.3, (count, 3)),
    ).write(folder / "evaluation" / "predictions.csv")
    kept.write(folder / "evaluation" / "results.json", whole_test_part())
    return mos, predicted


def test_figures_are_of_all_folds_together(tmp_path):
    parts = [write_run(tmp_path, 0, fold) for fold in (0, 1)]
    results = cross_validate.collect(runs(), tmp_path)
    mos, predicted = (
        np.round(np.concatenate(x), 4) for x in zip(*parts, strict=True)
    )
    judged = results.seeds["0"]
    assert judged.images == 24
    assert judged.pairs == 8
    reader = judged.readers["one reader"]
    assert reader.readers == 3
    assert 0.8 < reader.raw.srcc < 1
    assert judged.cases == 2
    figures = judged.methods["g2npan"].raw
    assert figures.srcc == pytest.approx(
        stats.spearmanr(mos, predicted).statistic
    )
    single = stats.spearmanr(*np.round(parts[1], 4)).statistic
    assert results.folds["(0, 1)"] == pytest.approx(single)
    assert set(judged.gains) == {"algorithm_modality_mean"}


def test_folds_of_an_earlier_version_are_pooled_too(tmp_path):
    for fold in (0, 1):
        write_run(tmp_path, 0, fold)
    path = tmp_path / "seed_0" / "fold_1" / "evaluation" / "predictions.csv"
    rows = kept.read_predictions(path)
    dataclasses.replace(rows, grades=None).write(path)
    results = cross_validate.collect(runs(), tmp_path)
    assert results.seeds["0"].images == 24
    assert results.seeds["0"].readers == {}


def test_seeds_are_not_mixed(tmp_path):
    for seed in (0, 7):
        for fold in (0, 1):
            write_run(tmp_path, seed, fold)
    results = cross_validate.collect(runs(seeds=(0, 7)), tmp_path)
    assert {s.images for s in results.seeds.values()} == {24}
    srcc = [s.methods["g2npan"].raw.srcc for s in results.seeds.values()]
    assert srcc[0] != srcc[1]
    assert "Seed 7:" in cross_validate.table(results)


def test_the_folder_says_what_was_measured(tmp_path):
    for fold in (0, 1):
        write_run(tmp_path, 0, fold)
    cross_validate.collect(runs(), tmp_path)
    text = (tmp_path / "table.md").read_text()
    assert "fusion_quality/phantom/1.1.0 (simulated scores)" in text
    assert "folds 0, 1 pooled" in text
    assert "| G2NPAN |" in text
    rows = kept.read_predictions(tmp_path / "predictions.csv")
    assert len(rows.image) == 24
    assert set(zip(rows.seed, rows.fold, strict=True)) == {
        ("0", "0"),
        ("0", "1"),
    }
    assert json.loads((tmp_path / "results.json").read_text())["settings"]
    for name in ("scatter", "algorithms", "curves"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


def test_finished_runs_are_not_repeated_and_others_are(tmp_path, monkeypatch):
    write_run(tmp_path, 0, 0)
    commands = []

    def record(command, **_):
        commands.append(command)
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(cross_validate.subprocess, "run", record)
    cross_validate.run_all(runs(epochs=3), tmp_path, jobs=2)
    assert [command[2] for command in commands] == [TRAIN, EVALUATE]
    assert "--fold=1" in commands[0]
    assert commands[0][0] == sys.executable
    commands.clear()
    cross_validate.run_all(runs(folds=(0,), epochs=4), tmp_path, jobs=1)
    assert len(commands) == 2
    commands.clear()
    # Ended early: the best epoch is the first of three.
    early = runs(folds=(0,), epochs=4, early_stopping_epochs=2)
    cross_validate.run_all(early, tmp_path, jobs=1)
    assert not commands


def test_a_run_of_other_settings_is_not_taken_for_done(tmp_path):
    write_run(tmp_path, 0, 0)
    (cross_validate.folder_of(tmp_path, 0, 0) / "checkpoints").mkdir()
    with pytest.raises(
        InputError, match=r"fold_0 holds a run with seed=0, .*9"
    ):
        cross_validate.is_done(
            Config(seed=9), cross_validate.folder_of(tmp_path, 0, 0)
        )


def test_an_evaluation_older_than_the_training_is_repeated(tmp_path):
    write_run(tmp_path, 0, 0)
    folder = cross_validate.folder_of(tmp_path, 0, 0)
    config = Config(epochs=3)
    assert cross_validate.is_done(config, folder)
    os.utime(folder / "evaluation" / "results.json", (1, 1))
    assert not cross_validate.is_done(config, folder)


@pytest.mark.parametrize(
    "narrowed",
    [
        {"excluded": ["algorithm:method_0"]},
        {"group_by": "case_id"},
        {"split": "all"},
    ],
)
def test_an_evaluation_of_other_images_or_groups_is_repeated(
    tmp_path, narrowed
):
    write_run(tmp_path, 0, 0)
    folder = cross_validate.folder_of(tmp_path, 0, 0)
    path = folder / "evaluation" / "results.json"
    whole = {"split": "test", "group_by": "pair_id", "excluded": []}
    kept.write(path, whole_test_part(**whole))
    assert cross_validate.is_done(Config(epochs=3), folder)
    kept.write(path, whole_test_part(**whole | narrowed))
    assert not cross_validate.is_done(Config(epochs=3), folder)


def test_a_run_that_fails_says_why(tmp_path):
    bad = runs(folds=(0,), data="no_such_base")
    with pytest.raises(
        InputError, match=r"training ended with code 2: .*no_su"
    ):
        cross_validate.run_all(bad, tmp_path, jobs=1)
    assert not (cross_validate.folder_of(tmp_path, 0, 0)).exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected --output=FOLDER"),
        (["--output=x", "--fold=1"], "--fold: expected --folds=..."),
        (["--output=x", "--folds=0,5"], "--folds=0,5: expected different"),
        (["--output=x", "--seeds=1,1"], "--seeds=1,1: expected different"),
        (
            ["--output=x", "--folds=25", "--protocol=leave_both_out"],
            "whole numbers from 0 to 24",
        ),
        (["--output=x", "--folds=a"], "whole numbers from 0 to 4"),
        (["--output=x", "--protocol=ratio"], "cannot be pooled"),
        (["--output=setup.cfg/x"], "--output=setup.cfg/x: [Errno 20] Not a"),
        (["--output=setup.cfg"], "--output=setup.cfg: [Errno 17] File exists"),
        (
            ["--output=x", "--protocol=leave_modality_out", "--folds=all"],
            "expected --folds=0,1,... with one number for each modality",
        ),
    ],
)
def test_bad_flags_are_one_line(flags, message):
    name = "g2npan_tf.experiments.cross_validate"
    done = subprocess.run(
        [sys.executable, "-m", name, *flags],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
