"""Checkpoints go on bit for bit and survive damage."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf import checkpoints
from g2npan_tf.checkpoints import Progress
from g2npan_tf.errors import InputError
from tests.test_gan import g2npan
from tests.tiny import random_batch


def adam_model():
    model = g2npan()
    model.compile(model.objective, *(keras.optimizers.Adam() for _ in range(3)))
    return model


def steps(model, seeds):
    for seed in seeds:
        batch = random_batch(seed=seed)
        model.train_step({n: tf.constant(x) for n, x in batch.items()})


def state(model):
    values = [w.numpy() for w in model.weights]
    for name in ("generator", "discriminator", "quality"):
        optimizer = getattr(model, f"{name}_optimizer")
        values += [v.numpy() for v in optimizer.variables]
    return values


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    straight = adam_model()
    steps(straight, [0, 1])
    first = adam_model()
    steps(first, [0])
    checkpoints.save(first, Progress(1, 1, 0.5), tmp_path)
    second = adam_model()
    assert checkpoints.restore(second, tmp_path) == Progress(1, 1, 0.5)
    steps(second, [1])
    for a, b in zip(state(straight), state(second), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def two_saved(tmp_path):
    """A model and a folder with two checkpoints of it."""
    model = g2npan()
    for epoch in (1, 2):
        checkpoints.save(model, Progress(epoch, 1, 0.1), tmp_path)
    return model, tmp_path


def test_only_the_two_newest_are_kept(two_saved):
    model, directory = two_saved
    checkpoints.save(model, Progress(3, 1, 0.1), directory)
    names = sorted(path.name for path in directory.iterdir())
    assert names == ["epoch_000002", "epoch_000003"]


@pytest.mark.parametrize("file", ["state.weights.h5", "state.json"])
def test_a_damaged_newest_checkpoint_is_noticed(two_saved, file, capsys):
    model, directory = two_saved
    path = directory / "epoch_000002" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert checkpoints.restore(model, directory).epoch == 1
    assert "epoch_000002: damaged" in capsys.readouterr().err


def test_a_run_with_damaged_checkpoints_only_does_not_begin_anew(two_saved):
    model, directory = two_saved
    for path in directory.glob("*/state.json"):
        path.write_text("{}")
    with pytest.raises(InputError, match="every checkpoint is damaged"):
        checkpoints.restore(model, directory)


def test_a_save_that_was_killed_is_not_used(two_saved):
    model, directory = two_saved
    aside = directory / "epoch_000003.tmp"
    aside.mkdir()
    (aside / "state.json").write_text(json.dumps({"epoch": 3}))
    assert checkpoints.restore(model, directory).epoch == 2


def test_without_checkpoints_a_run_starts(tmp_path):
    assert checkpoints.restore(g2npan(), tmp_path / "none") == Progress()
