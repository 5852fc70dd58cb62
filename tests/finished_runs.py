"""A finished run with a tiny scorer, for the tests of the exports."""

import functools

import keras
import numpy as np

from export.finished_run import FinishedRun
from export.finished_run import Probe
from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.scorer import build_scorer

FACTS = {"name": "tiny_fusion/1.0.0", "scores": "simulated"}


@functools.cache
def finished_run(use_gan=True):
    """Never trained, but every variable counts."""
    keras.utils.set_random_seed(7)
    generator, features = None, None
    if use_gan:
        generator = build_generator(
            filters=(4, 4, 8),
            strides=(2, 2, 1),
            up_filters=(8, 4, 4),
            up_scales=(1, 1, 2, 2),
            num_ufw=1,
        )
        features = tuple(generator.output["ufw_features"].shape[1:])
    quality_network = build_quality_network(
        width=0.05, use_batch_norm=True, ufw_shape=features
    )
    scorer = build_scorer(quality_network, generator)
    rng = np.random.default_rng(3)
    for variable in scorer.variables:
        if "kernel" not in variable.name:
            # Variances must be positive.
            variable.assign(rng.uniform(0.2, 0.9, variable.shape))
    return FinishedRun(Config(use_gan=use_gan, epochs=1), FACTS, scorer)


def random_images(count, size=(128, 128), seed=0):
    """Smooth noise, which is more like an image than white noise is."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)
    smooth = keras.ops.image.resize(
        coarse.astype(np.float32), size, interpolation="bilinear"
    )
    return np.asarray(smooth).astype(np.uint8)


def probe(count=5):
    """Images for a comparison."""
    return Probe(random_images(count), "smooth noise")


def save_run(run, workdir):
    """Writes what train.py leaves for an export."""
    workdir.mkdir(exist_ok=True)
    config_module.save(run.config, run.facts, workdir / "config.json")
    run.scorer.save(workdir / "scorer.keras")
    return workdir


def assert_outputs_close(actual, expected, atol):
    """Compares named outputs."""
    assert set(actual) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, atol=atol, rtol=0)


def tamper(monkeypatch, module, name):
    """Makes `module.name` see a scorer that scores a little too high."""
    original = getattr(module, name)

    def changed(scorer, *arguments):
        layer = scorer.get_layer("quality_network").get_layer("cam")
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias + 0.01])
        try:
            return original(scorer, *arguments)
        finally:
            layer.set_weights([kernel, bias])

    monkeypatch.setattr(module, name, changed)
