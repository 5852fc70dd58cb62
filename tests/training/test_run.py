"""The whole way: train, go on, evaluate; each as a user calls it."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core import config_flags
from g2npan_tf.core import mos
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.evaluation import results
from g2npan_tf.evaluation import run as evaluation
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.training import calibration
from g2npan_tf.training import checkpoints
from g2npan_tf.training import run
from g2npan_tf.training import start_weights
from tests import extra_base
from tests.tiny import REPOSITORY
from tests.tiny import TINY
from tests.tiny import log_of
from tests.tiny import run_python


@pytest.fixture(scope="session")
def config(data_dir):
    return Config(data_dir=data_dir, **TINY)


@pytest.fixture(scope="session")
def plain_config(config):
    """Without GAN: traced in seconds, and enough for what runs share."""
    return dataclasses.replace(config, use_gan=False)


@pytest.fixture(scope="session")
def finished(config, tmp_path_factory):
    """A finished run of all three networks."""
    workdir = tmp_path_factory.mktemp("finished")
    run.run(config, workdir)
    return workdir


def test_a_run_leaves_everything_that_is_promised(finished, config):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.json",
        "log.csv",
        "events",
        "checkpoints",
        "best.weights.h5",
        "scorer.keras",
        "training.json",
    }
    saved, facts = config_module.load(finished / "config.json")
    assert saved == config
    assert facts["scores"] == "simulated"
    summary = json.loads((finished / "training.json").read_text())
    assert summary["epochs"] == 2
    assert summary["peak_memory_mib"] > 100
    # The scorer needs no custom objects.
    scorer = keras.saving.load_model(finished / "scorer.keras", safe_mode=True)
    blank = np.zeros((1, 128, 128, 3), np.uint8)
    assert 1 <= scorer.predict(blank, verbose=0)["mos"][0] <= 5


def test_the_log_has_every_loss_rate_and_figure(finished):
    rows = log_of(finished)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    losses = (
        "reconstruction generator discriminator cam quality assessment "
        "perceptual"
    )
    figures = ("plcc", "srcc", "krcc", "rmse")
    assert rows[0].keys() >= {
        "perception_weight",
        "learning_rate",
        *(f"{name}_loss" for name in losses.split()),
        *(f"val_{name}" for name in figures),
    }


def test_scores_are_calibrated_on_what_is_known_and_stay_so(
    plain_config, tmp_path
):
    config = dataclasses.replace(plain_config, calibrate_scores=True, epochs=1)
    summary = run.run(config, tmp_path)
    builder = base.open_base(config)
    known = base.divide(builder, config).known
    assert summary.calibration.images == len(known)
    unseen = base.divide(builder, config).validation
    assert summary.interval.images == len(unseen) > 0
    assert not np.intersect1d(known, base.divide(builder, config).test).size
    path = tmp_path / "scorer.keras"
    published = path.read_bytes()
    newest = checkpoints.newest(tmp_path / "checkpoints")
    assert (newest / "scorer.keras").read_bytes() == published
    # What is published needs no calibration any more.
    rows = base.read(builder, known)

    def offset_left():
        quality = mos.to_quality(rows["mos"])
        found = calibration.recalibrate(path, rows["image"], quality, 1)
        return found[1].offset

    assert offset_left() == pytest.approx(0.0, abs=0.02)
    # Asked a second time, and when the run goes on, it is not undone.
    assert run.run(config, tmp_path) == summary
    assert path.read_bytes() == published
    # The validation part's MOS are within what it was found from.
    held = base.read(builder, unseen)
    found = Assessor.load(path, check_content=False).numbers(held["image"])
    above = held["mos"] - found["mos_low"] >= -1e-4
    below = found["mos_high"] - held["mos"] >= -1e-4
    assert np.mean(above & below) >= 0.9
    # What trained is nearer than what is no fused image.
    config_parts = base.divide(builder, config)
    trained = base.read(builder, config_parts.train)["image"]
    assert summary.scope.images == len(trained)
    noise = np.random.default_rng(0).integers(0, 256, trained.shape, np.uint8)
    near, far = (
        Assessor.load(path, check_content=False).numbers(x)["distance"]
        for x in (trained, noise)
    )
    assert near.mean() < 90
    assert (far > 99).all()
    longer = run.run(dataclasses.replace(config, epochs=2), tmp_path)
    assert longer.calibration.images == len(known)
    assert offset_left() == pytest.approx(0.0, abs=0.02)


def test_what_trains_alone_also_calibrates_and_need_not_be_there_to_evaluate(
    plain_config, tmp_path, eager_steps
):
    data_dir, workdir = tmp_path / "tfds", tmp_path / "run"
    shutil.copytree(plain_config.data_dir, data_dir)
    extra = extra_base.ExtraBase(data_dir=data_dir)
    extra.download_and_prepare()
    config = dataclasses.replace(
        plain_config,
        data_dir=str(data_dir),
        extra_data="extra_base",
        extra_only=True,
        calibrate_scores=True,
        epochs=1,
    )
    measured = run.measure(dataclasses.replace(config, epochs=0), workdir)
    summary = run.run(config, workdir)
    sources = base.training_sources(base.open_base(config), extra, config)
    count = len(sources[0].places)
    assert summary.calibration.images == count == measured.images["train"]
    _, facts = config_module.load(workdir / "config.json")
    assert summary.data["extra_data"] == facts["extra_data"]
    assert facts["extra_data"]["name"] == "extra_base/1.0.0"
    assert "extra_data=extra_base" in summary.changes
    longer = dataclasses.replace(config, epochs=2)
    with pytest.raises(InputError, match="extra_only=True"):
        run.run(dataclasses.replace(longer, extra_only=False), workdir)
    shutil.rmtree(data_dir / "extra_base")
    with pytest.raises(InputError, match=r"extra_base/1.0.0: .* any more"):
        run.run(longer, workdir)
    scored = evaluation.score(workdir, evaluation.Choice())
    assert scored.results.images == 6
    assert scored.results.trained_on["extra_data"] == facts["extra_data"]


def test_evaluate_prints_the_table_and_writes_the_files(finished):
    done = run_python("evaluate.py", f"--workdir={finished}")
    assert done.returncode == 0, done.stderr
    for text in (
        "simulated scores",
        "test fold 0 of 5",
        "| algorithm_modality",
    ):
        assert text in done.stdout
    folder = finished / "evaluation"
    kept = results.read(folder / "results.json", results.Results)
    assert kept.images == 6
    assert set(kept.methods) == {"g2npan", "mean", "algorithm_modality_mean"}
    predictions = results.read_predictions(folder / "predictions.csv")
    assert predictions.grades.shape == (6, 8)
    assert {"g2npan", *predictions.trivial} == set(kept.methods)
    assert len(set(predictions.image)) == len(predictions.spread) == 6


def test_a_generator_alone_may_stop_and_go_on_with_all(
    config, eager_steps, tmp_path
):
    both = dataclasses.replace(
        config, generator_epochs=1, spectral_weight=0.1, num_ufw=0, seed=3
    )
    first = run.run(dataclasses.replace(both, epochs=1), tmp_path / "stopped")
    assert first.best_val_srcc is None
    assert not first.quality_loss
    ended = run.run(both, tmp_path / "stopped")
    assert ended.best_epoch == 2
    assert len(ended.quality_loss) == 2
    run.run(both, tmp_path / "straight")
    alone, later = log_of(tmp_path / "stopped")
    filled = {name for name, value in alone.items() if value}
    losses = {"reconstruction_loss", "spectral_loss"}
    assert filled == {"epoch", "learning_rate", *losses}
    assert all(later.values())
    for mine, its in zip(
        (alone, later), log_of(tmp_path / "straight"), strict=True
    ):
        assert mine.keys() == its.keys()
        for name, value in mine.items():
            if value or its[name]:
                wanted = pytest.approx(float(its[name]), rel=1e-4, abs=1e-6)
                assert float(value) == wanted, name


@pytest.mark.parametrize(
    "stem",
    [
        {"use_spectrum": True, "spectrum_filters": 4},
        {"use_scene_statistics": True, "statistics_filters": 4},
    ],
    ids=["spectra", "statistics"],
)
def test_a_run_with_a_stem_resumes_calibrates_and_is_scored_elsewhere(
    stem, config, tmp_path
):
    config = dataclasses.replace(config, **stem, calibrate_scores=True)
    run.run(dataclasses.replace(config, epochs=1), tmp_path)
    run.run(config, tmp_path)
    model = start_weights.read_networks(config, tmp_path / "best.weights.h5")
    standard = model.quality_network.get_layer("spectrum_standard")
    mean, variance = standard.get_weights()
    # Of training images, and no start values.
    assert abs(mean).max() > 0.1
    assert -16 < mean.min() < mean.max() < 5
    assert variance.min() >= 0
    assert variance.max() != 1
    # In another process, whose operations' names begin anew.
    done = run_python("evaluate.py", f"--workdir={tmp_path}")
    assert done.returncode == 0, done.stderr


def test_a_mirrored_run_trains_validates_and_saves(plain_config, tmp_path):
    mirrored = dataclasses.replace(
        plain_config, distribute="mirrored", epochs=1
    )
    assert run.run(mirrored, tmp_path).epochs == 1
    keras.saving.load_model(tmp_path / "scorer.keras", safe_mode=True)


def test_a_refused_first_call_does_not_claim_the_workdir(config, tmp_path):
    bad = dataclasses.replace(config, batch_size=99)
    with pytest.raises(InputError, match="only"):
        run.run(bad, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_does_not_go_on_with_another_version_of_its_base(
    plain_config, tmp_path
):
    once = dataclasses.replace(plain_config, epochs=1)
    run.run(once, tmp_path)
    path = tmp_path / "config.json"
    before = path.read_text()
    path.write_text(before.replace("phantom/1.", "phantom/0."))
    with pytest.raises(InputError, match=r"phantom/0\..* any more"):
        run.run(plain_config, tmp_path)
    # Nor with other images in the same version.
    path.write_text(before.replace('"images": ', '"images": 9'))
    with pytest.raises(InputError, match=r"images=9.* the same data set"):
        run.run(plain_config, tmp_path)


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(plain_config, tmp_path):
    given = [f"--workdir={tmp_path}", *config_flags.to_flags(plain_config)]
    process = subprocess.Popen(
        [sys.executable, "train.py", *given, "--epochs=10000"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        # Ignored in what a shell starts in the background, tests included.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(1800):
        if (tmp_path / "checkpoints" / "epoch_000001").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "rerun the same command to resume" in err
    assert "Traceback" not in err
