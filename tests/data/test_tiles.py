"""Images that are scored by tiles: crops in, means out, the same everywhere.

Whole way in one file, since train and serve must not differ.
"""

import dataclasses
import json

import numpy as np
import pytest

from export import finished_run
from export import saved_model
from export import tflite
from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from g2npan_tf.data import batches
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.training import build
from g2npan_tf.training import run as training
from tests.tiled_base import SIDE
from tests.tiled_base import TiledBase
from tests.tiny import TINY


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    made = TiledBase(data_dir=tmp_path_factory.mktemp("tiled"))
    made.download_and_prepare()
    return made


@pytest.fixture(scope="module")
def config(builder):
    return Config(
        **{**TINY, "batch_size": 4, "epochs": 1, "crops_per_image": 2},
        data="tiled_base",
        data_dir=str(builder.data_path.parent.parent),
        use_gan=False,
    )


def test_images_consist_of_two_tiles_a_side(builder):
    assert base.tiles_per_side(builder) == 2


def test_anchors_are_left_out(builder, config):
    rows = base.read(builder, base.divide(builder, config).test)
    assert rows["image"].shape == (4, SIDE, SIDE, 3)
    assert set(rows["algorithm"]) == {"a1", "a2"}


def test_batches_are_crops_of_image_and_reference_at_one_place(builder, config):
    places = base.divide(builder, config).train
    still = dataclasses.replace(config, augment=False)
    stream, steps = batches.training_batches(
        [base.Source(builder, places)], build.sampling(still), (8, 8)
    )
    assert steps == len(places) * 2 // 4
    corners = set()
    for batch in stream.take(steps).as_numpy_iterator():
        assert batch["image"].shape == (4, 128, 128, 3)
        assert batch["cam_target"].shape == (4, 8, 8)
        np.testing.assert_array_equal(
            batch["image"][..., :2], batch["reference"][..., :2]
        )
        corners |= {tuple(tile[0, 0, :2]) for tile in batch["image"]}
        steps_down = np.diff(batch["image"][..., 0].astype(int), axis=1)
        assert (steps_down == 1).all()
    assert len(corners) > 10


@pytest.fixture(scope="module")
def workdir(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    training.run(config, folder)
    return folder


def test_every_artefact_scores_whole_images_by_their_tiles(
    workdir, builder, config, tmp_path
):
    run = finished_run.load(workdir)
    assert run.facts["sampling"] == "tiles"
    assert run.scorer.input_shape == (None, SIDE, SIDE, 3)
    images = base.read(builder, base.divide(builder, config).test)["image"]
    expected = run.scorer.predict(images, verbose=0)["mos"]
    probe = finished_run.probe_from_base(run)
    for artefact in (
        workdir,
        saved_model.export(run, probe, tmp_path).path,
        tflite.export(run, probe, tmp_path).path,
    ):
        assessor = Assessor.load(artefact)
        assert assessor.size == SIDE
        np.testing.assert_allclose(
            assessor.score(list(images)), expected, atol=1e-4
        )


def test_full_int8_is_calibrated_through_the_tiles(workdir, tmp_path):
    run = finished_run.load(workdir)
    probe = finished_run.probe_from_base(run)
    exported = tflite.export(run, probe, tmp_path, precision="int8")
    card = json.loads(exported.path.with_suffix(".json").read_text())
    assert card["input"]["shape"] == [1, SIDE, SIDE, 3]
    assert card["calibration"]["images"] > 4
    assert "training part" in card["calibration"]["part"]
    scores = Assessor.load(exported.path).score(list(probe.images))
    expected = run.scorer.predict(probe.images, verbose=0)["mos"]
    np.testing.assert_allclose(scores, expected, atol=0.1)
