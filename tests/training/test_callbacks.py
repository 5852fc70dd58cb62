"""What an epoch leaves behind, and what ends a run before its last."""

import dataclasses
import math
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.data import batches as training_data
from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.model.train_step import PlainAssessment
from g2npan_tf.training import callbacks
from g2npan_tf.training import checkpoints
from g2npan_tf.training import run
from tests.tiny import TINY
from tests.tiny import log_of


class Scorer:
    """Predicts the mean brightness; counts how often it was saved."""

    distribute_strategy = tf.distribute.get_strategy()

    def __init__(self):
        self.saved = 0

    def predict(self, images, batch_size=None, verbose=0):
        quality = images.mean(axis=(1, 2, 3)) / 255
        return {"quality": quality}

    def save(self, path):
        self.saved += 1
        path.write(b"scorer")


def attached(callback):
    callback.set_model(
        types.SimpleNamespace(
            scorer=Scorer(),
            save_weights=lambda path: path.write(b"weights"),
            generator_alone=False,
        )
    )
    return callback


IMAGES = np.stack(
    [np.full((16, 16, 3), value, np.uint8) for value in (10, 90, 200, 250)]
)


def test_validation_figures_are_over_the_whole_part():
    callback = attached(
        callbacks.ValidationFigures(IMAGES, np.array([1.0, 3, 2, 5]), 2)
    )
    logs = {"quality_loss": 1.0}
    callback.on_epoch_end(0, logs)
    assert logs["val_srcc"] == pytest.approx(0.8)
    error = np.array([0, 0.5, 0.25, 1]) - np.array([10, 90, 200, 250]) / 255
    assert logs["val_rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    names = {f"val_{name}" for name in ("plcc", "srcc", "krcc", "rmse")}
    assert set(logs) == {"quality_loss", *names}


def test_log_file_replaces_epochs_that_are_repeated(tmp_path):
    log = callbacks.LogFile(tmp_path / "log.csv")
    for epoch, loss in ((0, 3.0), (1, 2.0), (2, 1.0), (1, 1.5)):
        log.on_epoch_end(epoch, {"quality_loss": loss})
    rows = [(row["epoch"], row["quality_loss"]) for row in log_of(tmp_path)]
    assert rows == [("1", "3.0"), ("2", "1.5")]


def test_log_file_keeps_epochs_with_fewer_columns(tmp_path):
    log = callbacks.LogFile(tmp_path / "log.csv")
    for epoch, name in ((0, "reconstruction_loss"), (1, "quality_loss")):
        log.on_epoch_end(epoch, {name: 1.0})
    alone = {"epoch": "1", "quality_loss": "", "reconstruction_loss": "1.0"}
    assert log_of(tmp_path)[0] == alone
    # The second epoch is lost and the first one repeated.
    log.on_epoch_end(0, {"reconstruction_loss": 2.0})
    log.on_epoch_end(1, {"reconstruction_loss": 3.0})
    losses = [row["reconstruction_loss"] for row in log_of(tmp_path)]
    assert losses == ["2.0", "3.0"]


@pytest.mark.parametrize(
    ("epochs_alone", "first", "wanted"),
    [
        (2, 0, [(0, True), (2, False)]),
        (2, 1, [(1, True), (2, False)]),
        # The model must share its loss scales, which were saved apart.
        (2, 2, [(2, False)]),
        (0, 0, []),
    ],
)
def test_the_generator_is_alone_in_the_first_epochs(
    epochs_alone, first, wanted
):
    asked = []
    model = types.SimpleNamespace(generator_alone=False)

    def train_generator_alone(alone):
        model.generator_alone = alone
        asked.append((epoch, alone))

    model.train_generator_alone = train_generator_alone
    stages = callbacks.Stages(epochs_alone)
    stages.set_model(model)
    for epoch in range(first, 4):
        stages.on_epoch_begin(epoch)
    assert asked == wanted


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    # The scorer is no network here.
    monkeypatch.setattr(callbacks.precision, "in_float32", lambda model: model)
    monkeypatch.setattr(checkpoints, "save", lambda *arguments: None)
    return attached(callbacks.Keeper(tmp_path, checkpoints.Progress(), {}))


@pytest.mark.parametrize(
    ("figures", "counts", "progress"),
    [
        ([0.2, 0.5, 0.4, math.nan, 0.6], [1, 2, 2, 2, 3], (5, 5, 0.6)),
        # A scorer is saved even if no figure is defined yet.
        ([math.nan, -0.3], [1, 2], (2, 2, -0.3)),
        # Without validation the last epoch is kept.
        ([None] * 3, [1, 2, 3], (3, 3, 2.0)),
    ],
)
def test_keeper_saves_only_better_epochs(keeper, figures, counts, progress):
    saved = []
    for epoch, figure in enumerate(figures):
        keeper.on_epoch_end(epoch, {"val_srcc": figure} if figure else {})
        saved.append(keeper.model.scorer.saved)
    assert saved == counts
    assert keeper.progress == checkpoints.Progress(*progress)
    assert (keeper.workdir / "scorer.keras").read_text() == "scorer"


@pytest.mark.parametrize("has_validation", [True, False])
def test_no_epoch_of_a_generator_alone_is_the_best_for_long(
    keeper, has_validation
):
    keeper.model.generator_alone = True
    for epoch in range(9):
        keeper.on_epoch_end(epoch, {})
        assert keeper.progress.best_epoch == epoch + 1
        assert not keeper.progress.gains_no_more(1)
    keeper.model.generator_alone = False
    keeper.on_epoch_end(9, {"val_srcc": -0.9} if has_validation else {})
    assert keeper.progress.best_epoch == 10


def test_a_generator_alone_has_no_validation_figures():
    callback = attached(callbacks.ValidationFigures(IMAGES, np.arange(4), 2))
    callback.model.generator_alone = True
    logs = {}
    callback.on_epoch_end(0, logs)
    assert not logs


def test_a_lost_epochs_scorer_gives_way_to_the_checkpoints(keeper):
    keeper.on_epoch_end(0, {"val_srcc": 0.5})
    # As if an epoch that is trained again had been the best.
    (keeper.workdir / "scorer.keras").write_text("lost")
    (keeper.workdir / "best.weights.h5").unlink()
    after = callbacks.Keeper(keeper.workdir, keeper.progress, keeper.best)
    after.publish()
    assert (keeper.workdir / "scorer.keras").read_text() == "scorer"
    assert (keeper.workdir / "best.weights.h5").read_text() == "weights"


@pytest.fixture(scope="module")
def config(data_dir):
    return Config(data_dir=data_dir, **TINY, use_gan=False)


def watched(directory=None):
    """The callback at the beginning of epoch 3 of a small network."""
    callback = callbacks.StopOnNonFinite(directory)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.trackers = [
        types.SimpleNamespace(name=name)
        for name in ("reconstruction_loss", "cam_loss", "assessment_loss")
    ]
    callback.set_model(model)
    callback.on_epoch_begin(2)
    return callback


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_cause_is_named_before_what_follows_from_it(value):
    # Keras hands the logs over in the order of the alphabet.
    logs = {"assessment_loss": math.nan, "cam_loss": value}
    with pytest.raises(
        FloatingPointError,
        match=rf"^epoch 3, step 7: cam_loss is {value}; no checkpoint yet$",
    ):
        watched().on_train_batch_end(6, logs)


def test_finite_losses_and_undefined_figures_go_on():
    callback = watched()
    callback.on_train_batch_end(0, {"cam_loss": 1e38})
    callback.on_epoch_end(2, {"cam_loss": 1.0, "val_srcc": math.nan})
    assert callback.step == 1


def test_weights_that_the_last_step_spoiled_are_not_saved():
    callback = watched()
    callback.on_train_batch_end(4, {"cam_loss": 1.0})
    callback.model.layers[0].bias.assign([math.inf])
    with pytest.raises(
        FloatingPointError, match=r"step 5: the step left .*bias not finite"
    ):
        callback.on_epoch_end(2, {"cam_loss": 1.0})


def poison(monkeypatch, step, row):
    """Makes the readers' quality of one image of one step NaN."""
    original = training_data.training_batches

    def training_batches(*arguments):
        batches, steps = original(*arguments)

        def spoil(index, batch):
            # With several replicas a batch is one replica's share of a step.
            size = tf.shape(batch["quality"], tf.int64)[0]
            place = index * size + tf.range(size)
            hit = place == step * TINY["batch_size"] + row
            quality = tf.where(hit, math.nan, batch["quality"])
            return {**batch, "quality": quality}

        return batches.enumerate().map(spoil), steps

    monkeypatch.setattr(training_data, "training_batches", training_batches)


@pytest.mark.parametrize("distribute", ["none", "mirrored"])
def test_a_nan_stops_the_run_at_its_step_and_saves_nothing_of_the_epoch(
    config, distribute, eager_steps, monkeypatch, tmp_path
):
    # The last image of a batch is the second replica's.
    poison(monkeypatch, step=3, row=TINY["batch_size"] - 1)
    poisoned = dataclasses.replace(config, distribute=distribute, epochs=4)
    with pytest.raises(FloatingPointError) as error:
        run.run(poisoned, tmp_path)
    good = tmp_path / "checkpoints" / "epoch_000001"
    assert str(error.value) == (
        f"epoch 2, step 2: quality_loss is nan; last good checkpoint: {good}"
    )
    assert [p.name for p in good.parent.iterdir()] == [good.name]
    assert [row["epoch"] for row in log_of(tmp_path)] == ["1"]
    assert not (tmp_path / "training.json").exists()


@pytest.fixture
def scripted(monkeypatch, eager_steps):
    """Steps that train nothing; the validation SRCC of the next epochs."""
    figures = []
    monkeypatch.setattr(
        PlainAssessment,
        "train_step",
        lambda self, _: {t.name: tf.constant(0.5) for t in self.trackers},
    )
    monkeypatch.setattr(
        "g2npan_tf.evaluation.statistics.figures",
        lambda *_: Figures(*[figures.pop(0)] * 4),
    )
    return figures


def patient(config, epochs=9):
    return dataclasses.replace(config, early_stopping_epochs=2, epochs=epochs)


def epochs_of(workdir):
    return [int(row["epoch"]) for row in log_of(workdir)]


def test_early_stopping_counts_on_over_a_resume_and_is_final(
    config, scripted, tmp_path, capsys
):
    scripted[:] = [0.2, 0.5, 0.4]
    run.run(patient(config, epochs=3), tmp_path)
    # One epoch without gain is behind it: the next one is the last.
    scripted[:] = [0.5, 0.9, 0.9, 0.9, 0.9, 0.9]
    stale = (tmp_path / "training.json").read_text()
    run.run(patient(config), tmp_path)
    assert epochs_of(tmp_path) == [1, 2, 3, 4]
    # As if it had been killed before it wrote its summary.
    (tmp_path / "training.json").write_text(stale)
    summary = run.run(patient(config), tmp_path)
    assert (summary.epochs, summary.best_epoch) == (4, 2)
    assert summary.ended.startswith("early stopping")
    capsys.readouterr()
    assert run.run(patient(config), tmp_path) == summary
    assert "finished before (early stopping" in capsys.readouterr().out
    assert epochs_of(tmp_path) == [1, 2, 3, 4]


def test_more_patience_goes_on_with_a_run_that_ended_early(
    config, scripted, tmp_path
):
    scripted[:] = [0.5, 0.4, 0.4]
    run.run(patient(config), tmp_path)
    scripted[:] = [0.6]
    more = dataclasses.replace(
        patient(config, epochs=4), early_stopping_epochs=3
    )
    summary = run.run(more, tmp_path)
    assert (summary.best_epoch, summary.ended) == (4, "all epochs")


def test_without_validation_one_line_says_that_nothing_stops_early(
    config, scripted, tmp_path, capsys
):
    scripted[:] = [0.5] * 3
    whole = dataclasses.replace(patient(config, epochs=3), validation_share=0.0)
    assert run.run(whole, tmp_path).epochs == 3
    err = capsys.readouterr().err
    assert err.count("no validation part: no early stopping\n") == 1
