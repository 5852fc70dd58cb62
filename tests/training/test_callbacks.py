"""What an epoch leaves behind."""

import csv
import math
import types

import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.training import callbacks
from g2npan_tf.training import checkpoints


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
    assert set(logs) == {
        "quality_loss",
        "val_plcc",
        "val_srcc",
        "val_krcc",
        "val_rmse",
    }


def test_log_file_replaces_epochs_that_are_repeated(tmp_path):
    log = callbacks.LogFile(tmp_path / "log.csv")
    for epoch, loss in ((0, 3.0), (1, 2.0), (2, 1.0), (1, 1.5)):
        log.on_epoch_end(epoch, {"quality_loss": loss})
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["epoch"], r["quality_loss"]) for r in rows] == [
        ("1", "3.0"),
        ("2", "1.5"),
    ]


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    # The scorer is no network here.
    monkeypatch.setattr(callbacks.precision, "in_float32", lambda model: model)
    monkeypatch.setattr(checkpoints, "save", lambda *arguments: None)
    return attached(callbacks.Keeper(tmp_path, checkpoints.Progress(), {}))


def test_keeper_saves_only_better_epochs(keeper):
    saved = []
    for epoch, figure in enumerate((0.2, 0.5, 0.4, math.nan, 0.6)):
        keeper.on_epoch_end(epoch, {"val_srcc": figure})
        saved.append(keeper.model.scorer.saved)
    assert saved == [1, 2, 2, 2, 3]
    assert keeper.progress == checkpoints.Progress(5, 5, 0.6)
    assert (keeper.workdir / "scorer.keras").read_text() == "scorer"


def test_keeper_saves_a_scorer_even_if_no_figure_is_defined(keeper):
    keeper.on_epoch_end(0, {"val_srcc": math.nan})
    keeper.on_epoch_end(1, {"val_srcc": -0.3})
    assert keeper.model.scorer.saved == 2


def test_without_validation_the_last_epoch_is_kept(keeper):
    for epoch in range(3):
        keeper.on_epoch_end(epoch, {})
    assert keeper.model.scorer.saved == 3
    assert keeper.progress.best_epoch == 3


def test_a_lost_epochs_scorer_gives_way_to_the_checkpoints(keeper):
    keeper.on_epoch_end(0, {"val_srcc": 0.5})
    # As if an epoch that is trained again had been the best.
    (keeper.workdir / "scorer.keras").write_text("lost")
    (keeper.workdir / "best.weights.h5").unlink()
    after = callbacks.Keeper(keeper.workdir, keeper.progress, keeper.best)
    after.publish()
    assert (keeper.workdir / "scorer.keras").read_text() == "scorer"
    assert (keeper.workdir / "best.weights.h5").read_text() == "weights"


def test_progress_is_a_line_an_epoch_without_a_terminal(capsys):
    bar = attached(callbacks.ProgressBar(epochs=3, steps=2, first_epoch=1))
    bar.on_train_begin()
    bar.on_train_batch_end(0)
    bar.on_epoch_end(1, {"quality_loss": 0.51234, "val_srcc": 0.7})
    bar.on_train_end()
    out = capsys.readouterr()
    assert "epoch 2/3  quality_loss 0.5123  val_srcc 0.7" in out.out
    assert "min left" in out.out
    assert out.err == ""
