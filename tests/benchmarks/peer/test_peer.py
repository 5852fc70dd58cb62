"""The engine of comparison: arrays, turns, errors and, if there, PyTorch."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import scipy.signal

from benchmarks.peer import compare
from benchmarks.peer import equality
from benchmarks.peer import process
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.model import losses
from tests.tiny import REPOSITORY

TINY = Config(
    generator_filters=(4, 4, 8),
    generator_strides=(2, 2, 1),
    up_filters=(8, 4, 4),
    up_scales=(1, 1, 2, 2),
    num_ufw=1,
    discriminator_filters=(4, 8, 8, 8),
    vgg_width=0.0625,
    vgg_batch_norm=True,
)


def test_exported_kernel_sums_the_same_pixels_of_the_mirrored_image():
    image = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(1, 3, strides=2, padding="same", name="one"),
        ],
        name="net",
    )
    exported = equality.exported(net, net.weights, net.get_weights())
    assert sorted(exported) == ["net.one.bias", "net.one.weight"]
    # PyTorch's padding=1 with stride 2, by another library.
    kernel = exported["net.one.weight"][0, 0]
    mirrored = image[::-1, ::-1]
    sums = scipy.signal.correlate2d(mirrored, kernel, mode="same")[::2, ::2]
    ours = np.asarray(net(image[None, ..., None]))[0, ..., 0]
    np.testing.assert_allclose(sums[::-1, ::-1], ours, atol=1e-6)


def test_every_weight_and_statistic_is_exported_once():
    model = equality.build(TINY, image_size=32)
    for net in equality.networks(model):
        exported = equality.exported(net, net.weights, net.get_weights())
        assert len(exported) == len(net.weights)
        assert {name.rpartition(".")[2] for name in exported} == {
            "weight",
            "bias",
            "running_mean",
            "running_var",
        }
    # The last one's: input and output channels first, in PyTorch's order.
    assert exported["quality_network.cam.weight"].shape == (1, 40, 1, 1)


def test_some_images_count_as_good_and_some_do_not():
    model = equality.build(TINY, image_size=32)
    batch = equality.random_batch(4, 32, seed=0)
    equality.randomize(model, batch, seed=0)
    results = equality.compute(
        model,
        Config(**{**TINY.to_json(), "batch_size": 4, "perception_warmup": 0}),
        batch,
    )
    # Start kernels are random, so that how many of each is left open.
    assert 0 < results["loss/perception_weight"] < 1


def test_deviation_of_a_gradient_is_relative_to_its_norm():
    ours = {
        "gradient/net.a.weight": np.array([30.0, 40.0]),
        # Zero but for rounding: compared with a thousandth of 50.
        "gradient/net.a.bias": np.array([1e-6]),
        "loss/cam_loss": np.array(0.5),
    }
    peers = {
        "gradient/net.a.weight": np.array([30.0, 40.5]),
        "gradient/net.a.bias": np.array([-1e-6]),
        "loss/cam_loss": np.array(np.nan),
    }
    found = equality.deviations(ours, peers)
    assert found["gradient/net.a.weight"] == pytest.approx(0.01)
    assert found["gradient/net.a.bias"] == pytest.approx(2e-6 / 0.05)
    assert found["loss/cam_loss"] == np.inf


def test_results_of_other_names_or_shapes_are_an_error():
    with pytest.raises(RuntimeError, match=r"only one engine has.*'b'"):
        equality.deviations({"a": np.zeros(2)}, {"b": np.zeros(2)})


def test_ratio_above_one_means_we_are_faster():
    cells = compare.row(
        2,
        compare.Contender("step", lambda seconds: (0, 0), 1, goal=1.3),
        np.array([[0.1, 0.2], [0.1, 0.2], [0.2, 0.2]]),
        compare.Contender("plain", lambda seconds: (0, 0), 1),
        np.array([[0.2, 0.2], [0.1, 0.2], [0.3, 0.2]]),
    )
    assert cells == [
        "step",
        "2",
        "10.0",
        "plain",
        "5.0",
        "**1.50** (1.00 to 2.00)",
        "**1.00** (1.00 to 1.00)",
        "1.3: reached",
    ]
    assert len(cells) == len(compare.HEAD)


def test_engines_take_turns_in_alternating_order(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    turns = []

    def contender(name, seconds):
        def turn(length):
            turns.append(name)
            return seconds, seconds

        return compare.Contender(name, turn, images=2, goal=1.0)

    monkeypatch.setattr(compare, "ROUNDS", 3)
    ours, peers = contender("A", 1.0), contender("B", 0.5)
    (row,) = compare.measure(1, [ours], [peers], seconds=1.0)
    # Warm-up, then the rounds.
    assert "".join(turns) == "ABABBAAB"
    assert row[2] == "2.0"
    assert row[4] == "4.0"
    assert row[-1] == "1: not reached"


@pytest.mark.parametrize(
    ("python", "message"),
    [("/no/python", "not an interpreter"), (sys.executable, "cannot import")],
)
def test_environment_without_pytorch_is_one_line_and_exit_code_2(
    python, message
):
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.peer.compare",
            f"--peer_python={python}",
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {python}: {message}")
    assert "benchmarks/peer/requirements.txt" in line
    assert not result.stdout


def test_a_worker_that_died_is_an_error_with_the_request():
    with subprocess.Popen(
        [sys.executable, "-c", ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as dead:
        dead.wait()
        peer = process.PeerProcess(dead)
        with pytest.raises(RuntimeError, match=r'failed at .*"describe"'):
            peer.ask("describe", threads=1)


@pytest.fixture
def peer():
    python = os.environ.get("G2NPAN_PEER_PYTHON")
    if not python:
        pytest.skip("G2NPAN_PEER_PYTHON names no interpreter with PyTorch")
    keras.utils.set_random_seed(0)
    settings = {**TINY.to_json(), "image_size": 32}
    try:
        with process.start(python, settings) as running:
            yield running
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_pytorch_gives_the_same_outputs_losses_and_gradients(peer, tmp_path):
    found = equality.check(TINY, peer, tmp_path)
    for net in ("generator", "discriminator", "quality_network"):
        assert found[f"gradient/{net}"] > 0


@pytest.mark.slow
def test_a_step_with_another_gradient_is_found(peer, tmp_path, monkeypatch):
    perceptual_loss = losses.perceptual_loss
    monkeypatch.setattr(
        losses,
        "perceptual_loss",
        lambda g, q, w: perceptual_loss(g, q, 0.9 * w),
    )
    # The loss alone would show it; so must the gradient.
    monkeypatch.setitem(equality.TOLERANCES, "loss", 1.0)
    with pytest.raises(RuntimeError, match="differ: gradient/generator"):
        equality.check(TINY, peer, tmp_path)
