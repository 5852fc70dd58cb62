"""What both artefacts have in common: SavedModel and LiteRT."""

import json

import keras
import numpy as np
import pytest

from export import finished_run as runs
from export import saved_model
from export import tflite
from export.parity import ParityError
from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.training import build
from g2npan_tf.training import callbacks
from g2npan_tf.training.checkpoints import Progress
from tests.finished_runs import FACTS
from tests.finished_runs import finished_run
from tests.finished_runs import probe
from tests.finished_runs import random_images
from tests.finished_runs import tamper
from tests.training.test_run import TINY

MAPS = {"mos", "quality", "cam"}
# What runs an artefact before it is moved to its place.
RUNNERS = {saved_model: "run_in_python", tflite: "run_file"}
MAKERS = {saved_model: "write", tflite: "convert"}


@pytest.fixture(scope="module", params=RUNNERS, ids=lambda k: k.__name__)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def exported(kind, tmp_path_factory):
    output = tmp_path_factory.mktemp("exported")
    return kind.export(finished_run(), probe(), output)


def test_the_assessor_scores_with_it(exported):
    images = random_images(2)
    mos = Assessor.load(exported.path).score(images)
    expected = finished_run().scorer.predict(images, verbose=0)["mos"]
    np.testing.assert_allclose(mos, expected, atol=1e-4)


def test_parity_says_how_exact_it_is_and_on_what(exported):
    path = exported.path
    written = path / "parity.json" if path.is_dir() else None
    written = written or path.with_suffix(".parity.json")
    content = json.loads(written.read_text())
    assert content["outputs"] == exported.differences
    assert content["images"] == "smooth noise"
    assert content["num_images"] == 5
    assert content["data"] == FACTS
    assert set(content["outputs"]) == MAPS | {"reference", "nuance"}
    for found in content["outputs"].values():
        assert 0 <= found["mean"] <= found["max"] <= found["tolerance"]


def files(folder):
    """Everything below a folder."""
    return {
        path: path.is_file() and path.read_bytes() for path in folder.rglob("*")
    }


def test_a_scorer_that_differs_or_a_stop_changes_nothing(
    kind, exported, monkeypatch
):
    output = exported.path.parents[exported.path.is_dir()]
    before = files(output)
    with monkeypatch.context() as patch:
        tamper(patch, kind, MAKERS[kind])
        with pytest.raises(ParityError, match="mos by"):
            kind.export(finished_run(False), probe(), output)
    assert files(output) == before

    def interrupt(path, images):
        assert path.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(kind, RUNNERS[kind], interrupt)
    with pytest.raises(KeyboardInterrupt):
        kind.export(finished_run(False), probe(1), output)
    assert files(output) == before


def test_a_run_without_gan_has_no_generated_maps(kind, tmp_path):
    found = kind.export(finished_run(use_gan=False), probe(2), tmp_path, "n")
    assert set(found.differences) == MAPS


def left_run(config, workdir):
    """What train.py leaves after an epoch, and the model that it trained."""
    keras.utils.set_random_seed(7)
    model = build.build(config)
    build.compile_model(model, config, steps=1)
    if config.generator_ema:
        rng = np.random.default_rng(3)
        for mean in model.averaged_generator.variables:
            mean.assign(mean * rng.uniform(0.5, 1.5, mean.shape))
    config_module.save(config, FACTS, workdir / "config.json")
    keeper = callbacks.Keeper(workdir, Progress(), {})
    keeper.set_model(model)
    keeper.on_epoch_end(0, {})
    return model


@pytest.mark.parametrize(
    "options",
    [
        {"generator_ema": 0.9, "precision": "mixed_float16"},
        {"use_gan": False, "precision": "mixed_bfloat16"},
    ],
    ids=str,
)
def test_artefacts_are_those_of_the_trained_scorer_in_float32(
    options, tmp_path
):
    model = left_run(Config(**TINY, **options), tmp_path)
    run = runs.load(tmp_path)
    images = random_images(3)
    expected = model.scorer.predict(images, verbose=0)
    for kind in RUNNERS:
        found = kind.export(run, probe(2), tmp_path / "models")
        mos = Assessor.load(found.path).score(images)
        assert mos.dtype == np.float32
        np.testing.assert_allclose(mos, expected["mos"], atol=0.05)
    found = tflite.run_file(tmp_path / "models" / "g2npan.tflite", images)
    assert set(found) == set(expected)
    assert {values.dtype for values in found.values()} == {np.dtype("float32")}
    if "generator_ema" in options:
        image = images / np.float32(255)
        raw = model.generator.predict(image, verbose=0)["pseudo_reference"]
        to_average = np.abs(found["reference"] - expected["reference"]).mean()
        to_raw = np.abs(found["reference"] - raw).mean()
        assert to_average < 0.01 < to_raw
