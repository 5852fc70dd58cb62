"""`--epochs=0` tries everything and leaves nothing; GFLOP as profiled."""

import dataclasses
import math

import keras
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.python.framework import convert_to_constants

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.model.inference_form import inference_form
from g2npan_tf.model.scorer import build_scorer
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.model.train_step import PlainAssessment
from g2npan_tf.training import dry_run
from g2npan_tf.training import run
from tests import tiny
from tests.tiny import TINY


@pytest.fixture(scope="module")
def config(data_dir):
    return Config(**{**TINY, "epochs": 0}, data_dir=data_dir)


@pytest.fixture
def facts(config, eager_steps, tmp_path):
    """Of all three networks, beside an empty folder."""
    return run.measure(config, tmp_path / "run")


def test_a_dry_run_measures_everything_and_saves_nothing(
    facts, config, tmp_path
):
    assert not list(tmp_path.iterdir())
    assert facts.images == {"train": 21, "validation": 3, "test": 6}
    assert facts.steps_per_epoch == 21 // 8
    networks = {"generator", "discriminator", "quality_network"}
    assert set(facts.parameters) == networks
    forward = facts.forward_gflop
    # One more pass of two networks for Eq. 10.
    assert facts.step_gflop == pytest.approx(
        4 * forward["generator"]
        + 7 * forward["discriminator"]
        + 4 * forward["quality_network"]
    )
    memory = facts.memory
    # 1.3 MiB are 80,000 values of an image, which is what one block has.
    assert memory.activations > 8 * 1.3
    parameters = sum(facts.parameters.values())
    assert memory.weights == pytest.approx(16 * parameters / 2**20)
    assert 100 < memory.start <= memory.forward <= memory.step
    assert facts.images_per_second == 8 / facts.step > 0
    assert 1 <= facts.mos[0] <= facts.mos[1] <= 5
    text = str(facts)
    for part in (
        "21 train, 3 validate, 6 test; 2 steps of 8",
        f"{facts.parameters['generator']:,}",
        f"{facts.step_gflop:.3f}",
        "replicas: 1",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) < 200


def test_a_dry_run_also_tries_the_generator_alone(
    config, eager_steps, tmp_path
):
    staged = dataclasses.replace(config, generator_epochs=3, num_ufw=0)
    measured = run.measure(staged, tmp_path / "run")
    assert 0 < measured.step_alone
    assert f"alone: {measured.step_alone:.2f} s a step" in str(measured)


def test_a_dry_run_does_not_claim_the_folder_nor_touch_a_run(
    config, eager_steps, tmp_path
):
    plain = dataclasses.replace(config, use_gan=False)
    run.measure(plain, tmp_path)
    other = dataclasses.replace(plain, epochs=1, learning_rate=1e-4)
    run.run(other, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    run.measure(dataclasses.replace(other, epochs=0), tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
    # It says what the real command would say.
    with pytest.raises(InputError, match=r"with learning_rate=0\.0001, but"):
        run.measure(plain, tmp_path)


# What TensorFlow's profiler calls the products that are counted here.
PRODUCTS = ("Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput", "MatMul")


def small_network():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(image)
    x = layers.BatchNormalization()(x)
    return keras.Model(image, layers.Dense(5)(layers.Flatten()(x)))


def profiled_gflop(graph):
    """What TensorFlow itself counts, without what it prunes before it runs."""
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    profile = tf.compat.v1.profiler.profile(
        graph,
        cmd="scope",
        options=options(options.float_operation()).with_empty_output().build(),
    )
    live = live_products(graph)
    total, nodes = 0, [profile]
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        total += node.float_ops if node.name in live else 0
    return total * 1e-9


def live_products(graph):
    """Names of the products that a result or a variable depends on."""
    live = set()
    operations = [x.op for x in graph.outputs] + list(graph.control_outputs)
    while operations:
        operation = operations.pop()
        if operation not in live:
            live.add(operation)
            operations += [x.op for x in operation.inputs]
            operations += operation.control_inputs
    return {op.name for op in live if op.type in PRODUCTS}


def frozen(model):
    """The model's graph for one image, weights as constants."""
    specs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in model.inputs]
    function = tf.function(
        lambda *inputs: model(
            dict(zip(model.input, inputs, strict=True))
            if isinstance(model.input, dict)
            else inputs[0],
            training=False,
        )
    ).get_concrete_function(*specs)
    return convert_to_constants.convert_variables_to_constants_v2(
        function
    ).graph


def test_a_model_of_models_counts_as_its_parts():
    generator, network = tiny.tiny_generator(), tiny.tiny_quality_network()
    scorer = build_scorer(network, generator)
    parts = [dry_run.forward_gflop(net) for net in (generator, network)]
    assert min(parts) > 0
    assert dry_run.forward_gflop(scorer) == pytest.approx(sum(parts))


def test_a_layer_that_is_not_counted_is_refused():
    net = keras.Sequential([keras.Input((8, 8, 3)), layers.DepthwiseConv2D(3)])
    with pytest.raises(InputError, match="Received: DepthwiseConv2D"):
        dry_run.forward_gflop(net)


TINY_NETWORKS = (
    tiny.tiny_generator,
    tiny.tiny_discriminator,
    tiny.tiny_quality_network,
)


@pytest.mark.parametrize("build", [small_network, *TINY_NETWORKS])
def test_count_equals_the_profilers(build):
    model = build()
    assert dry_run.forward_gflop(model) == pytest.approx(
        profiled_gflop(frozen(model)), rel=1e-9
    )


def tiny_model():
    model = G2NPAN(*(build() for build in TINY_NETWORKS))
    model.objective = Objective(global_batch_size=2)
    return model


def test_options_change_the_count_of_a_step():
    model = tiny_model()
    g, d, q = (
        dry_run.forward_gflop(net)
        for net in (model.generator, model.discriminator, model.quality_network)
    )
    whole = 4 * g + 7 * d + 4 * q
    for options, difference in (
        ({}, 0.0),
        ({"perception_pass": "fast"}, -g),
        ({"use_perception_weight": False}, -g - q),
        ({"cam_target": "reference"}, g + q),
    ):
        model.objective = Objective(global_batch_size=2, **options)
        parts = dry_run.step_gflop(model)
        assert sum(parts.values()) == pytest.approx(whole + difference)


@pytest.mark.parametrize(
    ("target", "passes"), [("quality_map", 3), ("reference", 4)]
)
def test_a_step_without_gan_is_of_the_quality_network_alone(target, passes):
    network = tiny.tiny_quality_network(ufw_shape=None)
    model = PlainAssessment(network)
    model.objective = Objective(global_batch_size=2, cam_target=target)
    assert sum(dry_run.step_gflop(model).values()) == pytest.approx(
        passes * dry_run.forward_gflop(network)
    )


@pytest.mark.slow
def test_step_count_is_the_profilers_and_what_a_step_spares():
    model = tiny_model()
    model.compile(model.objective, *(keras.optimizers.Adam() for _ in range(3)))
    batch = tiny.random_batch(2)
    specs = {k: tf.TensorSpec(x.shape, x.dtype) for k, x in batch.items()}
    graph = tf.function(model.train_step).get_concrete_function(specs).graph

    def first(net, name):
        layer = net.get_layer(name)
        one = keras.Sequential([keras.Input(layer.input.shape[1:]), layer])
        return dry_run.forward_gflop(one)

    # Nothing is learned about pixels of the image and of the reference.
    spared = (
        first(model.generator, "down1_conv")
        + first(model.quality_network, "image_conv")
        + 2 * first(model.discriminator, "block1_conv")
    )
    # Up-sampling is joined with the convolution after it, in both directions.
    joined = inference_form(model.generator)
    spared += 3 * (
        dry_run.forward_gflop(model.generator) - dry_run.forward_gflop(joined)
    )
    # The profiler counts both of their gradients on the padded map.
    for layer in joined.layers:
        if getattr(layer, "kernel_size", None) == (2, 2):
            side = layer.output.shape[1]
            more = (side + 1) ** 2 - side**2
            spared -= 2 * 2e-9 * math.prod(layer.kernel.shape) * more
    parts = dry_run.step_gflop(model)
    # In a branch, which the profiler does not enter.
    assert parts.pop("Eq. 10") > 0
    assert profiled_gflop(graph) / 2 == pytest.approx(
        sum(parts.values()) - spared, rel=1e-6
    )
