"""Strategies: what is refused, and that replicas change nothing.

Processes of several workers are in test_multi_worker.py.
"""

import json
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import WorkerLostError
from g2npan_tf.data import base
from g2npan_tf.data import batches as training_data
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.training import build
from g2npan_tf.training import distribution
from tests.tiny import random_batch
from tests.tiny import tiny_discriminator
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network

BATCH = 4
# Largest difference of a weight, a statistic or a moment after two steps.
TOLERANCE = 1e-5
WORKER = Config(distribute="multi_worker", batch_size=8)


def two_replicas():
    devices = [d.name for d in tf.config.list_logical_devices("CPU")]
    assert len(devices) == 2
    return tf.distribute.MirroredStrategy(
        devices, tf.distribute.ReductionToOneDevice()
    )


def test_mirrored_needs_a_divisible_batch():
    odd = Config(distribute="mirrored", batch_size=9)
    with pytest.raises(InputError, match="number of replicas, 2"):
        distribution.strategy(odd)


def tf_config(job="worker", index=0, **cluster):
    cluster = cluster or {"worker": ["a:1", "b:1"]}
    return json.dumps(
        {"cluster": cluster, "task": {"type": job, "index": index}}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "TF_CONFIG is not set"),
        ("{", "malformed .JSONDecodeError"),
        ("[]", "malformed .TypeError"),
        ('{"cluster": {"worker": ["a:1"]}}', "malformed .KeyError: 'task'"),
        (tf_config(worker="a:1,b:1"), "'a:1,b:1' is no list"),
        (tf_config(index="first"), "malformed .ValueError"),
        (tf_config(index=2), "task worker 2 is not .* worker 0..1"),
        (tf_config(index=-1), "task worker -1 is not"),
        (tf_config(job="chief"), "task chief 0 is not"),
        (tf_config(ps=["a:1"], worker=["b:1"]), "cluster has ps, worker"),
        (tf_config(chief=["a:1", "b:1"]), "at most one of type chief"),
        (tf_config(worker=["a:1"] * 3), "number of replicas, 3"),
    ],
)
def test_unusable_tf_config_is_refused_in_one_line(text, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with (
        mock.patch.object(tf.distribute, "MultiWorkerMirroredStrategy") as made,
        pytest.raises(InputError, match=message) as caught,
    ):
        distribution.strategy(WORKER)
    assert "\n" not in str(caught.value)
    made.assert_not_called()


def test_one_worker_trains_like_one_machine(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(worker=["a:1"]))
    alone = distribution.strategy(WORKER)
    assert isinstance(alone, tf.distribute.MirroredStrategy)
    assert distribution.is_chief(alone)


def test_one_process_writes_into_the_workdir_and_waits_for_nobody(tmp_path):
    alone = tf.distribute.get_strategy()
    assert distribution.own_folder(alone, tmp_path) == tmp_path
    assert distribution.chief_first(alone, lambda: 7) == 7
    distribution.check_agreement(alone, {"epoch": 3})


UNHEALTHY = (
    "{{function_node __wrapped__X_device_/job:worker/replica:0/task:0/"
    "device:CPU:0}} Collective ops is aborted by: Error reported from "
    "/job:worker/task:3: The following tasks are unhealthy:\n"
    "/job:worker/replica:0/task:3\n"
)


def test_lost_worker_is_named_in_one_line():
    with (
        pytest.raises(WorkerLostError, match=r"lost .* to worker 3,") as caught,
        distribution.lost_worker_named(WORKER),
    ):
        raise tf.errors.UnavailableError(None, None, UNHEALTHY)
    assert "\n" not in str(caught.value)


def test_errors_of_one_process_stay_what_they_are():
    with (
        pytest.raises(tf.errors.UnavailableError),
        distribution.lost_worker_named(Config()),
    ):
        raise tf.errors.UnavailableError(None, None, UNHEALTHY)


@pytest.fixture(scope="module")
def shares(data_dir):
    """A function: the first batches of one worker, from epoch 1."""
    config = Config(data_dir=data_dir, batch_size=8)
    builder = base.open_base(config)
    sources = base.training_sources(builder, None, config)

    def read(worker=0, workers=1, replicas=1, count=6):
        keras.utils.set_random_seed(config.seed)
        share = (worker, workers, replicas)
        stream, _ = training_data.training_batches(
            sources, build.sampling(config), (8, 8), 1, *share
        )
        return list(stream.take(count * replicas // workers))

    return read


def images(batches):
    return sorted(
        image.numpy().tobytes() for b in batches for image in b["image"]
    )


def test_shares_of_a_step_are_the_batch_of_one_process(shares):
    # Two workers with two replicas each, and the six steps of two epochs.
    whole = shares()
    parts = [shares(worker, workers=2, replicas=4) for worker in (0, 1)]
    for step, batch in enumerate(whole):
        mine = slice(2 * step, 2 * step + 2)
        of_step = [b for part in parts for b in part[mine]]
        assert [len(b["image"]) for b in of_step] == [2] * 4
        assert images(of_step) == images([batch])


def test_mirrored_replicas_share_the_batch_of_one_process(shares):
    two = two_replicas()
    batches = distribution.batches(two, shares_stream)
    first = two.experimental_local_results(next(iter(batches)))
    assert [x.numpy().tolist() for x in first] == [[0, 1], [2, 3]]


def shares_stream(worker, workers, replicas):
    assert (worker, workers, replicas) == (0, 1, 2)
    return tf.data.Dataset.range(8).batch(BATCH // replicas)


def adam():
    # Above the rounding errors, which Adam would divide by themselves where
    # a gradient is zero: a bias before a batch normalisation.
    return keras.optimizers.Adam(1e-3, epsilon=1e-2)


def model_under(strategy, synchronized=True):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = G2NPAN(
            tiny_generator(), tiny_discriminator(), tiny_quality_network()
        )
        # Eq. 10's second pass begins with the second step.
        objective = Objective(global_batch_size=BATCH, warmup_steps=1)
        model.compile(objective, adam(), adam(), adam())
    for net in (model.generator, model.discriminator, model.quality_network):
        for layer in net.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                assert layer.synchronized
                layer.synchronized = synchronized
    # Tracing two replicas takes a minute; the arithmetic is the same.
    model.run_eagerly = True
    return model


def trained(strategy, synchronized=True, steps=2):
    """Weights, statistics and moments by name, and the figures."""
    model = model_under(strategy, synchronized)
    whole = {
        name: np.concatenate([random_batch(seed=s)[name] for s in (0, 1)])
        for name in random_batch()
    }
    stream = tf.data.Dataset.from_tensor_slices(whole).repeat()
    batches = distribution.batches(
        strategy,
        lambda worker, workers, replicas: stream.batch(
            BATCH // replicas, drop_remainder=True
        ),
    )
    history = model.fit(
        batches, steps_per_epoch=steps, shuffle=False, verbose=0
    ).history
    state = {
        f"{name} {variable.path}": variable.numpy().copy()
        for name in (*model.NETWORKS, *model.OPTIMIZERS)
        for variable in getattr(model, name).variables
    }
    return state, history


def differences(one, two):
    assert len(one) == len(two)
    return {
        name: np.abs(a.astype(float) - b).max()
        for (name, a), b in zip(one.items(), two.values(), strict=True)
    }


def test_two_replicas_at_half_the_batch_equal_one():
    one, figures = trained(tf.distribute.get_strategy())
    two, of_two = trained(two_replicas())
    found = differences(one, two)
    for part in ("moving_mean", "momentum", "velocity", "iteration", "kernel"):
        assert any(part in name for name in found)
    worst = max(found, key=found.get)
    assert found[worst] < TOLERANCE, worst
    assert set(figures) == set(of_two)
    for name, values in figures.items():
        np.testing.assert_allclose(values, of_two[name], rtol=1e-4)


def test_replicas_differ_without_synchronised_batch_normalisation():
    one, apart = (
        trained(strategy, synchronized=False, steps=1)[0]
        for strategy in (tf.distribute.get_strategy(), two_replicas())
    )
    assert max(differences(one, apart).values()) > 100 * TOLERANCE
