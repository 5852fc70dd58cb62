"""What TensorBoard shows: figures, speed, and the same images all the time."""

import dataclasses
import types

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.training import run
from g2npan_tf.training import tensorboard
from tests.tiny import TINY

SIZE = 16
IMAGES = np.stack(
    [np.full((SIZE, SIZE, 3), v, np.uint8) for v in (10, 90, 200, 250)]
)


class Scorer:
    """Takes brightness for quality; the left half of an image is bad."""

    distribute_strategy = tf.distribute.get_strategy()

    def __init__(self, use_gan=True):
        self.use_gan = use_gan

    def predict(self, images, batch_size, verbose):
        cam = np.ones((len(images), 8, 8), np.float32)
        cam[:, :, :4] = 0
        maps = {"cam": cam}
        if self.use_gan:
            maps["reference"] = 1 - images / 255
            maps["nuance"] = np.full(images.shape, 0.1)
        return maps


def events(directory):
    """The values of all event files of a folder, by step and tag."""
    found = {}
    for path in sorted(directory.glob("events*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                found[event.step, value.tag] = tf.make_ndarray(value.tensor)
    return found


def test_panels_are_input_reference_brightened_nuance_and_cam():
    rows = tensorboard.panels(Scorer(), IMAGES)
    assert rows.shape == (4, SIZE, 4 * SIZE, 3)
    image, reference, nuance, cam = np.split(rows, 4, axis=2)
    np.testing.assert_array_equal(image, IMAGES)
    np.testing.assert_allclose(reference, 255 - IMAGES.astype(int), atol=1)
    assert set(nuance.ravel()) == {102}
    # Viridis: bad is dark and blue, good is bright and yellow.
    assert cam[0, 8, 0].tolist() == [68, 1, 84]
    assert cam[0, 8, -1, 0] > cam[0, 8, -1, 2] + 150
    without_gan = tensorboard.panels(Scorer(use_gan=False), IMAGES)
    np.testing.assert_array_equal(
        without_gan, np.concatenate([image, cam], axis=2)
    )


def test_panels_go_from_the_worst_to_the_best_image():
    scores = np.array([3.0, 5, 1, 2, 4, 2, 3])
    assert scores[tensorboard.panel_rows(scores)].tolist() == [1, 2, 3, 5]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_small_validation_part_is_shown_whole(count):
    assert sorted(tensorboard.panel_rows(np.ones(count))) == list(range(count))


def test_the_step_that_traces_does_not_count_as_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(tensorboard.time, "perf_counter", lambda: now[0])
    callback = tensorboard.StepTime(batch_size=8)
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    callback.set_model(types.SimpleNamespace(distribute_strategy=strategy))
    callback.on_epoch_begin(0)
    for batch, seconds in enumerate((60.0, 0.5, 0.5)):
        callback.on_train_batch_begin(batch)
        now[0] += seconds
        callback.on_train_batch_end(batch)
    callback.on_epoch_end(0)
    assert callback.figures == {
        "seconds_per_step": 0.5,
        "images_per_second": 16.0,
        "replicas": 2,
    }


def test_a_resumed_run_shows_the_same_images_its_speed_and_a_profile(
    data_dir, eager_steps, tmp_path
):
    config = Config(data_dir=data_dir, **TINY, use_gan=False, profile="2:2")
    run.run(dataclasses.replace(config, epochs=1, profile=""), tmp_path)
    run.run(config, tmp_path)
    found = events(tmp_path / "events")
    builder = base.open_base(config)
    shown = base.read(builder, base.divide(builder, config).validation)
    assert len(shown["mos"]) == 3
    expected = shown["image"][np.argsort(shown["mos"])]
    for epoch in (1, 2):
        # An image summary is its width, its height and PNG files.
        for png, image in zip(found[epoch, "panel"][2:], expected, strict=True):
            pixels = cv2.imdecode(np.frombuffer(png, np.uint8), 1)[..., ::-1]
            np.testing.assert_array_equal(pixels[:, :128], image)
        speed = {
            name: float(found[epoch, f"speed/{name}"])
            for name in ("seconds_per_step", "images_per_second", "replicas")
        }
        assert speed["replicas"] == 1
        assert speed["images_per_second"] * speed[
            "seconds_per_step"
        ] == pytest.approx(config.batch_size)
        assert {"quality_loss", "learning_rate", "val_srcc"} <= {
            tag for step, tag in found if step == epoch
        }
    # Where the profile plugin of TensorBoard looks for it.
    profiles = (tmp_path / "events").rglob("plugins/profile/*/*.xplane.pb")
    (trace,) = (path.read_bytes() for path in profiles)
    assert b"Conv2D" in trace
    assert b"Profiled batch" in trace


@pytest.mark.parametrize(
    ("text", "steps"), [("", None), ("3:3", (3, 3)), ("10:20", (10, 20))]
)
def test_steps_are_read(text, steps):
    assert tensorboard.profiled_steps(text) == steps


@pytest.mark.parametrize("text", ["3", "a:b", "0:4", "5:4", "1:2:3", "-1:2"])
def test_another_form_is_refused_in_one_line(text):
    with pytest.raises(InputError, match=f"START:END.*Received: {text}$"):
        tensorboard.profiled_steps(text)


def test_more_steps_than_there_are_are_refused_before_anything(
    data_dir, tmp_path
):
    config = Config(data_dir=data_dir, **TINY, use_gan=False, profile="2:99")
    with pytest.raises(InputError, match="this session has 4 steps"):
        run.run(config, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_session_that_ends_before_the_profile_says_so(tmp_path, capsys):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    (profiler,) = tensorboard.profiler("5:9", tmp_path)
    x = np.ones((2, 1))
    model.fit(x, x, 1, verbose=0, callbacks=[profiler])
    assert capsys.readouterr().out == (
        "no profile: this session had only 2 steps\n"
    )
