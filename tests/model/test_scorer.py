"""The blind path."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from g2npan_tf.model import scorer
from tests.tiny import GRID
from tests.tiny import SIZE
from tests.tiny import assert_same
from tests.tiny import saved_and_loaded
from tests.tiny import tiny_generator
from tests.tiny import tiny_quality_network

PIXELS = np.random.default_rng(0).integers(
    0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8
)


@pytest.fixture(scope="module")
def networks():
    """Quality network and generator."""
    keras.utils.set_random_seed(0)
    generator, quality_network = tiny_generator(), tiny_quality_network()
    return quality_network, generator


def test_discrepancy_is_the_absolute_difference():
    image = np.float32([[[[0.2, 0.9, 0.5]]]])
    made = np.float32([[[[0.5, 0.1, 0.5]]]])
    np.testing.assert_allclose(
        scorer.discrepancy_map(image, made)[0, 0, 0], [0.3, 0.8, 0.0]
    )


def test_predicted_quality_is_the_logistic_function():
    logits = np.float32([-90, -1, 0, 2.5, 90])
    np.testing.assert_allclose(
        scorer.predicted_quality(logits), special.expit(logits), rtol=1e-6
    )


def test_scorer_is_the_networks_in_a_row(networks):
    quality_network, generator = networks
    outputs = scorer.build_scorer(*networks)(PIXELS, training=False)
    image = PIXELS.astype(np.float32) / 255
    made = {
        name: np.asarray(value)
        for name, value in generator(image, training=False).items()
    }
    logit = quality_network(
        {
            "image": image,
            "discrepancy": np.abs(image - made["pseudo_reference"]),
            "ufw_features": made["ufw_features"],
        },
        training=False,
    )["quality_logit"]
    quality = special.expit(np.asarray(logit))
    np.testing.assert_allclose(outputs["quality"], quality, atol=1e-5)
    np.testing.assert_allclose(outputs["mos"], 1 + 4 * quality, atol=4e-5)
    np.testing.assert_allclose(
        outputs["reference"], made["pseudo_reference"], atol=1e-4
    )


def test_scores_do_not_depend_on_batch_mates(networks):
    model = scorer.build_scorer(*networks)
    together = model(PIXELS, training=False)["mos"]
    alone = [
        float(model(PIXELS[i : i + 1], training=False)["mos"][0])
        for i in range(3)
    ]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_tiles_are_cut_and_joined_row_by_row():
    image = np.arange(2 * 4 * 4 * 3, dtype=np.float32).reshape(2, 4, 4, 3)
    tiles = np.asarray(scorer.split_tiles(image, 2))
    assert tiles.shape == (8, 2, 2, 3)
    np.testing.assert_array_equal(tiles[1], image[0, :2, 2:])
    np.testing.assert_array_equal(tiles[6], image[1, 2:, :2])
    np.testing.assert_array_equal(scorer.join_tiles(tiles, 2), image)
    np.testing.assert_array_equal(
        scorer.join_tiles(tiles[..., 0], 2), image[..., 0]
    )


@pytest.mark.parametrize("tiles_per_side", [1, 2])
def test_a_score_is_the_mean_of_the_tiles_also_from_a_file(
    networks, tmp_path, tiles_per_side
):
    whole = scorer.build_scorer(*networks, tiles_per_side=tiles_per_side)
    tile = scorer.build_scorer(*networks)
    # Nowhere black, so that all tiles count alike.
    side = tiles_per_side * SIZE
    image = np.random.default_rng(1).integers(
        16, 256, (2, side, side, 3), dtype=np.uint8
    )
    outputs = whole(image, training=False)
    tiles = [
        tile(part, training=False)
        for half in np.split(image, tiles_per_side, axis=1)
        for part in np.split(half, tiles_per_side, axis=2)
    ]
    mean = np.mean([x["quality"] for x in tiles], axis=0)
    np.testing.assert_allclose(outputs["quality"], mean, atol=1e-5)
    np.testing.assert_allclose(
        outputs["reference"][:, -SIZE:, -SIZE:],
        tiles[-1]["reference"],
        atol=1e-5,
    )
    assert outputs["cam"].shape == (2, *(tiles_per_side * n for n in GRID))
    again = saved_and_loaded(whole, tmp_path)(image, training=False)
    assert_same(again, dict(outputs))


def test_tiles_count_by_what_is_not_black():
    # An empty tile, a full one, a quarter, and half of one.
    tiles = np.zeros((4, 4, 4, 3), np.float32)
    tiles[1] = 1.0
    tiles[2, :2, :2] = 0.5
    tiles[3, :2] = 0.5
    quality = np.float32([1.0, 0.2, 0.6, 0.4])
    expected = (0.2 + 0.25 * 0.6 + 0.5 * 0.4) / 1.75
    mean = scorer.mean_of_tiles(quality, scorer.tile_weights(tiles, 2))
    np.testing.assert_allclose(mean, [expected], atol=2e-3)
    weights = scorer.tile_weights(tiles * 0, 2)
    black = scorer.mean_of_tiles(quality, weights)
    np.testing.assert_allclose(black, [0.55], rtol=1e-5)


def test_without_gan_there_are_no_generated_maps():
    model = scorer.build_scorer(tiny_quality_network(ufw_shape=None))
    outputs = model(PIXELS, training=False)
    assert set(outputs) == {"mos", "quality", "cam"}
    assert outputs["cam"].shape == (3, *GRID)


@pytest.mark.parametrize("count", [1, 3])
def test_fewer_images_than_replicas_are_scored(count):
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy(
        [device.name for device in devices],
        tf.distribute.ReductionToOneDevice(),
    )
    with strategy.scope():
        keras.utils.set_random_seed(0)
        shared = scorer.build_scorer(tiny_quality_network(None))
    keras.utils.set_random_seed(0)
    alone = scorer.build_scorer(tiny_quality_network(None))
    assert shared.distribute_strategy.num_replicas_in_sync == 2
    expected = alone.predict(PIXELS[:count], verbose=0)
    # Batches of one image are too few for two replicas, too.
    found = scorer.predict(shared, PIXELS[:count], batch_size=1)
    assert found["mos"].shape == (count,)
    assert_same(found, dict(expected), atol=1e-5, rtol=1e-7)
