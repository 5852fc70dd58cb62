"""Cross-validation: what is run, what is pooled, what is shown and refused."""

import json
import os
import sys
import types

import numpy as np
import pytest
from scipy import stats

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.experiments import cross_validate
from g2npan_tf.scoring.assessor import Assessment
from tests.html_checks import check_page
from tests.made_up_runs import EVALUATE
from tests.made_up_runs import FACTS
from tests.made_up_runs import TRAIN
from tests.made_up_runs import judged as whole_test_part
from tests.made_up_runs import write_summary
from tests.tiny import run_python


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 10)


def runs(seeds=(0,), folds=(0, 1), **settings):
    return {
        (seed, fold): Config(seed=seed, fold=fold, **settings)
        for seed in seeds
        for fold in folds
    }


def drawn_split(fold, count=12):
    places = np.arange(count)
    return kept.Split(
        np.array([f"pair_{fold}_{i // 3}" for i in places]),
        np.array([f"method_{i % 3}" for i in places]),
        np.array([["CT", "PET"][i % 2] for i in places]),
        np.random.default_rng(fold).uniform(1, 5, count),
        np.array([f"case_{fold}"] * count),
    )


def write_run(output, seed, fold, split=None, config=None, facts=FACTS):
    """What a finished and evaluated run leaves, with drawn predictions."""
    folder = cross_validate.folder_of(output, seed, fold)
    (folder / "evaluation").mkdir(parents=True)
    config_module.save(config or Config(), facts, folder / "config.json")
    write_summary(folder, 3)
    (folder / "log.csv").write_text(
        "epoch,quality_loss,val_srcc\n1,0.6,0.1\n2,0.5,\n"
    )
    split = split or drawn_split(fold)
    count = len(split.mos)
    rng = np.random.default_rng(10 * seed + fold)
    predicted = split.mos + rng.normal(0, 1, count)
    means = 2.0 + np.arange(count) % 3
    trivial = {"mean": np.full(count, 3.0), "algorithm_modality_mean": means}
    grades = split.mos[:, None] + rng.normal(0, 0.3, (count, 3))
    rows = kept.Predictions(
        split.image, split, predicted, trivial, grades=grades
    )
    rows.write(folder / "evaluation" / "predictions.csv")
    kept.write(folder / "evaluation" / "results.json", whole_test_part())
    return split.mos, predicted


@pytest.fixture
def pooled(tmp_path):
    """Two folds of two seeds: what was drawn of seed 0, and the results."""
    drawn = [
        write_run(tmp_path, seed, fold) for seed in (0, 7) for fold in (0, 1)
    ]
    return drawn[:2], cross_validate.collect(runs(seeds=(0, 7)), tmp_path)


def test_figures_are_of_all_folds_together_and_seeds_are_not_mixed(pooled):
    drawn, results = pooled
    mos, predicted = (
        np.round(np.concatenate(x), 4) for x in zip(*drawn, strict=True)
    )
    judged, other = results.seeds.values()
    assert (judged.images, judged.pairs, judged.cases) == (24, 8, 2)
    assert judged.readers["one reader"].readers == 3
    assert 0.8 < judged.readers["one reader"].raw.srcc < 1
    srcc = judged.methods["g2npan"].raw.srcc
    assert srcc == pytest.approx(stats.spearmanr(mos, predicted).statistic)
    single = stats.spearmanr(*np.round(drawn[1], 4)).statistic
    assert results.folds["(0, 1)"] == pytest.approx(single)
    assert set(judged.gains) == {"algorithm_modality_mean"}
    assert other.images == 24
    assert other.methods["g2npan"].raw.srcc != srcc
    assert "Seed 7:" in cross_validate.table(results)


def test_a_seed_is_judged_once_however_many_folds(tmp_path, monkeypatch):
    sizes, judge = [], figures.judge

    def counted(split, *rest):
        sizes.append(len(split.mos))
        return judge(split, *rest)

    monkeypatch.setattr(figures, "judge", counted)
    monkeypatch.setattr(cross_validate, "_show", lambda *_: None)
    for fold in (0, 1):
        write_run(tmp_path, 0, fold)
    cross_validate.collect(runs(), tmp_path)
    assert sizes == [24]


def test_the_folder_says_what_was_measured(pooled, tmp_path):
    text = (tmp_path / "table.md").read_text()
    assert "fusion_quality/phantom/1.1.0 (simulated scores)" in text
    assert "folds 0, 1 pooled" in text
    assert "| G2NPAN |" in text
    rows = kept.read_predictions(tmp_path / "predictions.csv")
    assert len(rows.image) == 48
    places = set(zip(rows.seed, rows.fold, strict=True))
    assert places == {("0", "0"), ("0", "1"), ("7", "0"), ("7", "1")}
    assert json.loads((tmp_path / "results.json").read_text())["settings"]
    for name in ("scatter", "algorithms", "curves"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    report = check_page((tmp_path / "report.html").read_text())
    for words in ("Figures, seed 0", "Figures, seed 7", "Not shown: "):
        assert words in report.text


class FoldAssessor:
    """Remembers which folder explained which images."""

    asked = ()

    def __init__(self, folder):
        self.folder = folder

    @classmethod
    def load(cls, folder, **options):
        return cls(folder)

    def explain(self, images):
        FoldAssessor.asked = (*FoldAssessor.asked, self.folder.name)
        maps = np.full((8, 8), 0.5, np.float32)
        return [Assessment(3.0, 0.5, maps) for _ in images]


def test_images_have_maps_of_the_models_that_never_saw_them(
    data_dir, tmp_path, monkeypatch
):
    wanted = runs(data_dir=data_dir)
    for (seed, fold), settings in wanted.items():
        builder = base.open_base(settings)
        rows = base.read_scores(builder, base.divide(builder, settings).test)
        split, facts = figures.split_of(rows), base.facts(builder)
        write_run(tmp_path, seed, fold, split, settings, facts)
    monkeypatch.setattr(cross_validate, "Assessor", FoldAssessor)
    cross_validate.collect(wanted, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "seed 0, fold 1" in text
    # Image and map of four best and four worst predictions of two folds, of
    # which each has only two pairs, so that both models explain.
    shown = [
        i for i in check_page(text).find("img") if i.get("class") != "plot"
    ]
    assert len(shown) == 16
    assert sorted(FoldAssessor.asked) == ["fold_0", "fold_1"]


def test_pixels_are_those_of_the_named_images_of_the_same_data(data_dir):
    settings = Config(data_dir=data_dir)
    builder = base.open_base(settings)
    rows = base.read(builder, np.array([4, 17]))
    names = cross_validate._names(rows)
    facts = base.facts(builder)
    pixels = cross_validate._pixels(settings, facts, names[::-1])
    for name, image in zip(names, rows["image"], strict=True):
        np.testing.assert_array_equal(pixels[name], image)
    with pytest.raises(InputError, match="began on one with bytes=1"):
        cross_validate._pixels(settings, facts | {"bytes": 1}, names)


def test_finished_runs_are_not_repeated_and_others_are(tmp_path, monkeypatch):
    write_run(tmp_path, 0, 0)
    commands = []

    def record(command, **_):
        commands.append(command)
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(cross_validate.subprocess, "run", record)
    cross_validate.run_all(runs(epochs=3), tmp_path, jobs=2)
    assert [command[2] for command in commands] == [TRAIN, EVALUATE]
    assert "--fold=1" in commands[0]
    assert commands[0][:2] == [sys.executable, "-m"]
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
    folder = cross_validate.folder_of(tmp_path, 0, 0)
    (folder / "checkpoints").mkdir()
    with pytest.raises(InputError, match=r"fold_0 .*seed=0.*9"):
        cross_validate.is_done(Config(seed=9), folder)


def test_an_evaluation_of_old_weights_or_other_images_is_repeated(tmp_path):
    write_run(tmp_path, 0, 0)
    folder = cross_validate.folder_of(tmp_path, 0, 0)
    path, config = folder / "evaluation" / "results.json", Config(epochs=3)
    whole = {"split": "test", "group_by": "pair_id", "excluded": []}
    for narrowed in (
        {"excluded": ["algorithm:method_0"]},
        {"group_by": "case_id"},
        {"split": "all"},
    ):
        kept.write(path, whole_test_part(**whole | narrowed))
        assert not cross_validate.is_done(config, folder)
    kept.write(path, whole_test_part(**whole))
    assert cross_validate.is_done(config, folder)
    os.utime(path, (1, 1))
    assert not cross_validate.is_done(config, folder)


def test_a_run_that_fails_says_why(tmp_path):
    bad = runs(folds=(0,), data="no_such_base")
    with pytest.raises(
        InputError, match=r"training ended with code 2: .*no_su"
    ):
        cross_validate.run_all(bad, tmp_path, jobs=1)
    assert not cross_validate.folder_of(tmp_path, 0, 0).exists()


def test_all_parts_of_a_protocol_are_its_folds():
    both = Config(protocol="leave_both_out")
    for config, count in ((Config(), 5), (both, 25)):
        folds = cross_validate.fold_numbers(config, ["all"])
        assert folds == list(range(count))
    for config, words, message in (
        (Config(), ["0", "5"], "--folds=0,5: expected different"),
        (Config(), ["1", "1"], "--folds=1,1: expected different"),
        (Config(), ["a"], "whole numbers from 0 to 4"),
        (both, ["25"], "whole numbers from 0 to 24"),
        (Config(protocol="leave_modality_out"), ["all"], "each modality"),
    ):
        with pytest.raises(InputError, match=message):
            cross_validate.fold_numbers(config, words)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected --output=FOLDER"),
        (["--output=x", "--fold=1"], "--fold: expected --folds=..."),
        (["--output=x", "--seeds=1,1"], "--seeds=1,1: expected different"),
        (["--output=x", "--protocol=ratio"], "cannot be pooled"),
        (["--output=x", "--protocol=leave_modality_out"], "each modality"),
        (["--output=setup.cfg/x"], "--output=setup.cfg/x: [Errno 20] Not a"),
    ],
)
def test_bad_flags_are_one_line(flags, message):
    done = run_python("-m", "g2npan_tf.experiments.cross_validate", *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
