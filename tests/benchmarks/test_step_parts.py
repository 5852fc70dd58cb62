"""The parts of a step are those of the step, and the table adds them up."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import step_parts
from benchmarks.timing import PIPELINE
from benchmarks.timing import STEP
from benchmarks.timing import Figure
from benchmarks.timing import Subject
from g2npan_tf.core.config import Config
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.training import dry_run
from tests import tiny

NETS = ("generator", "discriminator", "quality_network")


@pytest.fixture(scope="module")
def parts():
    """The model and its parts by name, not traced."""
    keras.utils.set_random_seed(1)
    model = G2NPAN(
        tiny.tiny_generator(),
        tiny.tiny_discriminator(),
        tiny.tiny_quality_network(),
    )
    model.compile(
        Objective(global_batch_size=4), *(keras.optimizers.SGD() for _ in NETS)
    )
    batch = {n: tf.constant(x) for n, x in tiny.random_batch().items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_parts, "compiled", lambda call: call)
        subjects = step_parts.part_subjects(
            model, Config(batch_size=4), batch, 2
        )
    return model, {subject.name: subject for subject in subjects}


def test_parts_count_what_the_step_counts(parts):
    model, subjects = parts
    counted = sum(subjects[name].gflop for name in step_parts.IN_STEP)
    step = dry_run.step_gflop(model)
    assert counted == pytest.approx(sum(step.values()))
    assert subjects[step_parts.FAST_PASS].gflop == pytest.approx(
        dry_run.forward_gflop(model.quality_network)
    )


def test_each_part_gives_the_gradients_of_its_network(parts):
    model, subjects = parts
    generator = subjects[step_parts.GENERATOR].call()
    assert len(generator) == len(model.generator.trainable_variables)
    for name, net in (
        (step_parts.DISCRIMINATOR, model.discriminator),
        (step_parts.QUALITY_NETWORK, model.quality_network),
    ):
        outputs = subjects[name].call()
        assert len(outputs["gradients"]) == len(net.trainable_variables)
        assert "pseudo_reference" in outputs["upstream"]
    assert all(gradient is not None for gradient in generator)


def test_the_fast_pass_is_another_than_the_full_one(parts):
    model, subjects = parts
    full, fast = (
        subjects[name].call().numpy()
        for name in (step_parts.SECOND_PASS, step_parts.FAST_PASS)
    )
    assert not np.allclose(full, fast)
    assert model.objective.perception_pass == "full"


def test_the_optimisers_move_every_network(parts):
    model, subjects = parts
    nets = [getattr(model, name) for name in NETS]
    before = [[w.numpy() for w in net.trainable_variables] for net in nets]
    subjects[step_parts.OPTIMISERS].call()
    for net, weights in zip(nets, before, strict=True):
        for variable, old in zip(net.trainable_variables, weights, strict=True):
            assert (variable.numpy() != old).all()


def test_table_adds_up_a_worked_example():
    def figure(name, seconds):
        seconds = np.array(seconds)
        subject = Subject(name, lambda: None, 16, 1.0, 2)
        return Figure(subject, seconds, seconds, seconds, seconds)

    names = (
        *step_parts.IN_STEP,
        step_parts.FAST_PASS,
        step_parts.QUALITY_MAP,
        step_parts.BLIND_TARGET,
        PIPELINE,
    )
    figures = {name: figure(name, [0.01, 0.02]) for name in names}
    figures[STEP] = figure(STEP, [0.1, 0.4])
    text = step_parts.table(figures)
    # 5 x 10 ms of 100 ms and 5 x 20 ms of 400 ms.
    assert "| Sum of these parts | 75.00 | 37.5% | 5.000 |" in text
    assert "| Whole step | 250.00 | 100.0% | 1.000 |" in text
    assert {line.count("|") for line in text.splitlines()} == {5}
