"""Tiny networks, random batches and the checks that every network shares."""

import csv
import pathlib
import subprocess
import sys

import h5py
import keras
import numpy as np

from g2npan_tf.model.discriminator import build_discriminator
from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.training import checkpoints
from g2npan_tf.training.workdir import Summary

SIZE = 32
GRID = (2, 2)
REPOSITORY = pathlib.Path(__file__).parent.parent
# Settings of a run that trains in seconds.
TINY = {
    "generator_filters": (4, 4, 8),
    "generator_strides": (2, 2, 1),
    "up_filters": (8, 4, 4),
    "up_scales": (1, 1, 2, 2),
    "num_ufw": 1,
    "discriminator_filters": (4, 4),
    "vgg_width": 0.0625,
    "vgg_batch_norm": True,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "epochs": 2,
}
# Of a run that has ended.
SUMMARY = Summary(
    data={"name": "fusion_quality/phantom/1.1.0", "scores": "simulated"},
    protocol="fold 0 left out",
    preset="compact",
    changes=[],
    epochs=7,
    best_epoch=4,
    best_val_srcc=0.512,
    ended="early stopping: no better validation SRCC in 3 epochs",
    calibration=None,
    interval=None,
    scope=None,
    images_per_second=10.0,
    wall_seconds=12.0,
    peak_memory_mib=900.0,
    quality_loss=[0.7, 0.5],
)


def run_python(*arguments, **options):
    """Runs this Python in the repository; what it printed is text."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
        **options,
    )


def arrays(file):
    """All arrays of a file of weights, by their path in it."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(file) as content:
        content.visititems(visit)
    return found


def log_of(workdir):
    """The rows of a run's log.csv."""
    with (workdir / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def tiny_generator(num_ufw=1, **options):
    return build_generator(
        filters=(4, 4, 8),
        strides=(2, 2, 1),
        up_filters=(8, 4, 4),
        up_scales=(1, 1, 2, 2),
        num_ufw=num_ufw,
        image_size=SIZE,
        **options,
    )


def tiny_discriminator():
    return build_discriminator(filters=(4, 8, 8, 8), image_size=SIZE)


def tiny_quality_network(ufw_shape=(8, 8, 8), **options):
    return build_quality_network(
        width=0.0625,
        use_batch_norm=True,
        ufw_shape=ufw_shape,
        image_size=SIZE,
        **options,
    )


def checkpoint_files(model):
    """What is saved of a model after its best epoch."""
    weights = checkpoints.content(model.save_weights, checkpoints.STATE)
    scorer = checkpoints.content(model.scorer.save, checkpoints.SCORER)
    return {
        checkpoints.STATE: weights,
        checkpoints.BEST: weights,
        checkpoints.SCORER: scorer,
    }


def random_batch(batch_size=4, seed=0):
    """Like those of `training_data`: patches of random grey, no meaning.

    Not white noise, whose images look all alike to a network, so that batch
    normalisation would divide by rounding errors.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (2, batch_size, 8, 8, 3), dtype=np.uint8)
    image, reference = np.repeat(np.repeat(coarse, 4, axis=2), 4, axis=3)
    return {
        "image": image,
        "reference": reference,
        "quality": rng.random(batch_size, dtype=np.float32),
        "cam_target": rng.random((batch_size, *GRID), dtype=np.float32),
        "group": np.arange(batch_size) // 2,
        "similarity": rng.random(batch_size, dtype=np.float32),
    }


def saved_and_loaded(model, folder):
    """The model as its file gives it, without custom objects."""
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


def assert_same(actual, expected, **tolerance):
    """Equal arrays in equal structures, or near ones with a tolerance."""
    keras.tree.map_structure(
        lambda a, b: np.testing.assert_allclose(
            a, b, **{"rtol": 0} | tolerance
        ),
        actual,
        expected,
    )


def check_net(net, inputs, output_shapes, num_parameters, tmp_path):
    """Properties that every network has, whatever it computes.

    Args:
        net: The network.
        inputs: Arrays (a dict or one) with a batch of two.
        output_shapes: Shape of each output without the batch axis (a dict or
            one tuple).
        num_parameters: Literal count; a change breaks old checkpoints.
        tmp_path: Where it may be saved.
    """

    def run(model, x):
        return keras.tree.map_structure(np.asarray, model(x, training=False))

    both = run(net, inputs)
    shapes = keras.tree.map_structure(lambda y: y.shape, both)
    with_batch = keras.tree.map_structure_up_to(
        both, lambda shape: (2, *shape), output_shapes
    )
    assert shapes == with_batch
    first, alone = (
        keras.tree.map_structure(lambda x: x[:1], y) for y in (both, inputs)
    )
    # Another batch size may take another kernel, which sums in another order.
    assert_same(run(net, alone), first, atol=1e-4, rtol=1e-7)
    # Matrix products may round otherwise where memory lies otherwise.
    loaded = saved_and_loaded(net, tmp_path)
    assert_same(run(loaded, inputs), both, atol=1e-6)
    assert net.count_params() == num_parameters
    names = [layer.name for layer in net.layers]
    assert len(names) == len(set(names))
