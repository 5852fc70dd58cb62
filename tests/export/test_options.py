"""Both artefacts of runs with averaged generator and in mixed precision."""

import keras
import numpy as np
import pytest

from export import finished_run
from export import saved_model
from export import tflite
from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.training import build
from g2npan_tf.training import callbacks
from g2npan_tf.training.checkpoints import Progress
from tests.finished_runs import FACTS
from tests.finished_runs import probe
from tests.finished_runs import random_images
from tests.tiny import TINY


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
    run = finished_run.load(tmp_path)
    images = random_images(3)
    expected = model.scorer.predict(images, verbose=0)
    for export in (saved_model.export, tflite.export):
        exported = export(run, probe(2), tmp_path / "models")
        assessor = Assessor.load(exported.path)
        mos = assessor.score(images)
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
