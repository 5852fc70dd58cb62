import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from export import graph
from export.serving import status
from g2npan_tf.images import content
from g2npan_tf.images.read import resize
from tests.finished_runs import random_images
from tests.pictures import CONTENT
from tests.pictures import NO_CONTENT


def test_images_of_the_right_size_pass_unchanged():
    images = np.random.default_rng(0).integers(
        0, 256, (2, 128, 128, 3), np.uint8
    )
    np.testing.assert_array_equal(graph.to_scorer_size(images), images)


def test_a_larger_image_is_averaged_over_areas():
    # Quarters of 0, 10, 20 and 31 have the mean 15.25, which rounds to 15.
    cell = np.array([[0, 10], [20, 31]], np.uint8)
    image = np.tile(cell, (128, 128))[None, ..., None].repeat(3, axis=-1)
    np.testing.assert_array_equal(graph.to_scorer_size(image), 15)


@pytest.mark.parametrize(
    "size", [(256, 256), (200, 331), (64, 64), (16, 300), (129, 127), (1, 1)]
)
def test_every_size_becomes_what_the_image_policy_makes_of_it(size):
    images = random_images(2, size)
    resized = graph.to_scorer_size(images).numpy()
    assert resized.dtype == np.uint8
    for ours, image in zip(resized, images, strict=True):
        # OpenCV rounds in fixed point: a level may differ by one.
        difference = ours.astype(int) - resize(image)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("name", [*NO_CONTENT, *CONTENT])
def test_content_is_judged_as_elsewhere(name):
    pixels = (NO_CONTENT | CONTENT)[name]
    codes, scored = graph.judged_to_scorer_size(pixels[None], 128)
    no_content = status.NO_CONTENT if name in NO_CONTENT else 0
    assert codes.numpy().tolist() == [no_content]
    assert scored.shape == (1, 128, 128, 3)


@pytest.mark.parametrize("size", [(16, 20), (40, 40), (700, 17)])
def test_content_at_the_edge_of_the_rule_is_judged_as_elsewhere(size):
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (100, 12), np.uint8)
    places = np.minimum(rng.geometric(0.97, (100, *size, 3)) - 1, 11)
    images = np.stack(
        [row[index] for row, index in zip(levels, places, strict=True)]
    )
    expected = [content.has_content(image) for image in images]
    assert graph.has_content(images).numpy().tolist() == expected
    assert len(set(expected)) == 2


def test_a_written_graph_holds_variables_and_no_keras_object(tmp_path):
    inputs = keras.Input((4, 4, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    net = keras.Model(inputs, keras.layers.Conv2D(2, 1)(scaled))
    spec = tf.TensorSpec((None, 4, 4, 3), tf.uint8, name="image")
    functions = {"run": (lambda net, x: {"y": net(x, training=False)}, spec)}
    graph.write_signatures(net, functions, tmp_path / "graph")
    loaded = tf.saved_model.load(str(tmp_path / "graph"))
    for saved, own in zip(loaded.raw_variables, net.variables, strict=True):
        np.testing.assert_array_equal(saved, own)
    content = saved_model_pb2.SavedModel.FromString(
        (tmp_path / "graph" / "saved_model.pb").read_bytes()
    )
    root = content.meta_graphs[0].object_graph_def.nodes[0]
    tracked = {child.local_name for child in root.children}
    assert tracked == {"raw_variables", "signatures"}
