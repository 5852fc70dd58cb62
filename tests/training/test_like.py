"""What a run on every image takes from a cross-validation."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
from scipy import optimize
from scipy import special

from export import finished_run
from g2npan_tf.core import config as config_module
from g2npan_tf.core import folds as core_folds
from g2npan_tf.core import mos
from g2npan_tf.core import outputs
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.evaluation import run as evaluation
from g2npan_tf.scoring import model_facts
from g2npan_tf.training import calibration
from g2npan_tf.training import command
from g2npan_tf.training import like
from g2npan_tf.training import run
from g2npan_tf.training.calibration import Calibration
from tests import cross_validations
from tests.cross_validations import SETTINGS
from tests.tiny import run_python


@pytest.fixture(scope="module")
def cv(data_dir, tmp_path_factory):
    """A cross-validation on the phantoms; its best epochs have the mean 2.6."""
    config = Config(**{**SETTINGS, "data_dir": data_dir, "epochs": 9})
    facts = json.loads(json.dumps(base.facts(base.open_base(config))))
    return cross_validations.write(
        tmp_path_factory.mktemp("runs") / "cv",
        config,
        facts,
        best_epochs=(2, 1, 4, 3, 3),
    )


@pytest.fixture(scope="module")
def config(cv):
    return Config(**{**like.settings(cv), "protocol": "all", "like": str(cv)})


@pytest.fixture(scope="module")
def unseen(cv, config):
    return like.unseen(core_folds.finished(cv), base.open_base(config), 1)


@pytest.fixture(scope="module")
def trained(config, unseen, tmp_path_factory):
    """A run on every image, with its summary."""
    workdir = tmp_path_factory.mktemp("runs") / "all"
    with pytest.MonkeyPatch.context() as patch:
        # Once is enough.
        patch.setattr(like, "unseen", lambda *_: unseen)
        return workdir, run.run(config, workdir)


def test_settings_are_the_folds_and_epochs_the_mean_of_the_best(cv, config):
    first, _ = config_module.load(cv / "seed_0" / "fold_0" / "config.json")
    same = {"protocol": "group", "like": "", "epochs": 9}
    assert dataclasses.replace(config, **same) == first
    assert config.epochs == 3
    assert len(like.check(config)) == 5


def test_what_may_differ_is_not_refused(config):
    other = {"seed": 4, "validation_share": 0.3, "grace_seconds": 1}
    like.check(dataclasses.replace(config, **other, epochs=0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"vgg_width": 0.25, "augment": False},
            "augment=False here and True there, "
            "--vgg_width=0.25 here and 0.0625 there",
        ),
        ({"data": "fusion_quality/custom"}, "data=fusion_quality/custom here"),
        ({"epochs": 9}, "gives --epochs=3; .* Received: 9"),
    ],
)
def test_flags_that_differ_are_named(config, change, words):
    with pytest.raises(InputError, match=words):
        like.check(dataclasses.replace(config, **change))


def test_an_unfinished_cross_validation_is_refused(cv, config, tmp_path):
    copy = shutil.copytree(cv, tmp_path / "cv")
    (copy / "seed_0" / "fold_3" / "training.json").unlink()
    with pytest.raises(InputError, match=r"fold_3/training.json: not found"):
        like.check(dataclasses.replace(config, like=str(copy)))


def test_every_fold_predicts_its_own_test_part(cv, config, unseen):
    builder = base.open_base(config)
    rows, expected = base.judged(builder), []
    for fold in range(5):
        # The data set's own folds are those of the protocol.
        found = base.read(builder, rows["index"][rows["fold"] == fold])
        scorer = keras.saving.load_model(
            cv / "seed_0" / f"fold_{fold}" / "scorer.keras", compile=False
        )
        quality = scorer(found["image"], training=False)["quality"]
        truth = (found["mos"] - 1.0) / 4
        expected += zip(np.array(quality, np.float64), truth, strict=True)
    assert unseen.logits.shape == unseen.weights.shape == (30, 1)
    # In the folds' order, and within each in any.
    shown = special.expit(unseen.logits[:, 0])
    np.testing.assert_allclose(
        sorted(zip(shown, unseen.quality, strict=True)),
        sorted(expected),
        atol=1e-4,
    )


def test_the_interval_is_of_corrected_scores_of_unseen_images(
    unseen, monkeypatch
):
    monkeypatch.setattr(like, "unseen", lambda *_: unseen)
    assert unseen.cases.shape == (30,)
    last = Calibration(1.5, -0.25, 30)
    done = like.interval([], None, 1, last)
    shown = special.expit(1.5 * unseen.logits[:, 0] - 0.25)
    distances = 4 * np.abs(shown - unseen.quality)
    assert done.images == 30
    assert done.cases == len(set(unseen.cases))
    # Cases of as many images each: the rank is ceil(31 * .9).
    _, counts = np.unique(unseen.cases, return_counts=True)
    assert len(set(counts)) == 1
    assert done.half_width == pytest.approx(np.sort(distances)[27])


def test_all_of_them_together_are_calibrated(cv, config, unseen, monkeypatch):
    monkeypatch.setattr(like, "unseen", lambda *_: unseen)
    done = like.calibrate([], None, 1)
    assert (done.images, done.unseen) == (30, None)

    def error(values):
        scaled = special.expit(values[0] * unseen.logits[:, 0] + values[1])
        return np.sum((scaled - unseen.quality) ** 2)

    limits = [(0.1, 10), (-10, 10)]
    best = optimize.minimize(error, (1.0, 0.0), bounds=limits)
    assert error((done.scale, done.offset)) <= best.fun * 1.0001
    assert best.fun < 0.99 * error((1.0, 0.0))


@pytest.fixture
def last(unseen):
    return Calibration(
        *calibration.fit(unseen.logits, unseen.weights, unseen.quality), 30
    )


def test_every_image_trains_and_the_last_step_is_of_unseen_ones(
    config, trained, last
):
    workdir, summary = trained
    assert (summary.epochs, summary.best_epoch) == (3, 3)
    assert summary.best_val_srcc is None
    builder = base.open_base(config)
    parts = base.divide(builder, config)
    assert (len(parts.train), len(parts.known)) == (30, 30)
    done = summary.calibration
    assert (done.images, done.unseen) == (30, last)
    # Taken back, what is left is calibrated on what has trained.
    rows = base.read(builder, parts.train)
    scorer = keras.saving.load_model(workdir / "scorer.keras", compile=False)
    shown = np.array(scorer(rows["image"], training=False)["quality"])
    own = (special.logit(shown.astype(np.float64)) - last.offset) / last.scale
    truth = mos.to_quality(rows["mos"])

    def error(scale, offset):
        return np.sum((special.expit(scale * own + offset) - truth) ** 2)

    for scale, offset in ((1, 0.1), (1, -0.1), (1.1, 0), (0.9, 0)):
        assert error(1, 0) < error(scale, offset)
    # Asked again it is finished.
    assert run.run(config, workdir) == summary


def test_two_steps_are_one():
    own, last = Calibration(2.0, 0.5, 10), Calibration(0.5, -1.0, 7)
    both = own.then(last)
    assert both.scale * 3.0 + both.offset == 0.5 * (2.0 * 3.0 + 0.5) - 1.0
    assert (both.images, both.unseen.images) == (10, 7)
    assert own.then(None) is own
    assert Calibration.from_json(dataclasses.asdict(both)) == both
    old = {"scale": 2.0, "offset": 0.5, "images": 10}
    assert Calibration.from_json(old) == own


def test_card_and_facts_say_that_nothing_was_held_out(trained):
    workdir, summary = trained
    words = "EVERY scored image trains and none tests"
    assert words in summary.protocol
    card = (workdir / "model_card.md").read_text()
    training = card.partition("## Training")[2].partition("##")[0]
    assert words in training
    assert "left out" not in training
    assert "to what that cross-validation's runs predict of 30 im" in training
    assert "Figures of 5 other models, seed 0" in card
    assert "**Not of this model**" in card
    assert "| VGG11 | 0.500 | 0.600 (" in card
    assert "no figure of that data set is one of this very model" in card
    # No hub may list them as this model's.
    assert "model-index" not in card
    described = model_facts.describe(workdir, model_facts.read(workdir))
    assert described["Protocol"] == f"all, {words}"
    text = command.report(summary, workdir, False)
    assert "then on 30 that other runs tested" in text
    assert "figures:    none of its own; " in text
    assert "evaluation.command" not in text


def test_it_is_exported_by_images_that_trained(trained, config):
    workdir, _ = trained
    probe = finished_run.probe_from_base(finished_run.load(workdir))
    assert len(probe.images) == 30
    assert probe.source.startswith("training part of fusion_quality/phantom")
    assert probe.source.endswith("none tests")


def test_it_has_no_test_part_to_be_evaluated_on(trained):
    workdir, _ = trained
    with pytest.raises(InputError, match="--protocol=all has no test part"):
        evaluation.score(workdir, evaluation.Choice())
    scored = evaluation.score(workdir, evaluation.Choice(split="fold_1"))
    assert "includes 6 training images" in scored.results.protocol
    assert "none tests" in scored.results.protocol
    assert "left out" not in scored.results.protocol


def test_other_data_than_the_folds_is_refused(cv, config, trained, tmp_path):
    copy = shutil.copytree(cv, tmp_path / "cv")
    for path in copy.glob("seed_0/*/config.json"):
        content = json.loads(path.read_text())
        content["data"]["images"] = 31
        path.write_text(json.dumps(content))
    other = dataclasses.replace(config, like=str(copy))
    with pytest.raises(InputError, match="images=31"):
        run.run(other, tmp_path / "run")
    with pytest.raises(InputError, match=r"like=.*another --workdir"):
        run.run(other, trained[0])


def test_no_run_is_written_into_a_cross_validation(cv, config):
    files = {"workdir": outputs.run_files(cv / "all")}
    with pytest.raises(InputError, match="lies in the input"):
        outputs.check_settings(files, config)


TRAIN = ("train.py", "--workdir=x", "--protocol=all")
OTHERS = ("-m", "g2npan_tf.experiments.cross_validate", "--output=x")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (TRAIN, "leaves no unseen image to calibrate on; expected like="),
        ((*TRAIN, "--nocalibrate_scores"), "expected --like=CV_FOLDER, or --e"),
        (
            (*TRAIN, "--nocalibrate_scores", "--fold=1"),
            "fold must be at most 0 with protocol=all",
        ),
        ((*TRAIN, "--like=nowhere"), "nowhere/results.json: not found; "),
        (
            ("train.py", "--workdir=x", "--like={cv}"),
            "like must come with protocol=all. Received: protocol=group",
        ),
        ((*TRAIN, "--like={cv}", "--backbone=vgg16"), "--backbone=vgg16 here"),
        (
            (*OTHERS, "--protocol=all", "--nocalibrate_scores"),
            "--protocol=all has no test part",
        ),
    ],
)
def test_what_makes_no_sense_is_one_line(cv, words, message):
    done = run_python(*(word.format(cv=cv) for word in words))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
