"""The generator."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.training_form import training_form
from tests.tiny import SIZE
from tests.tiny import assert_same
from tests.tiny import check_net
from tests.tiny import tiny_generator


def images():
    return np.random.default_rng(0).random((2, SIZE, SIZE, 3), np.float32)


@pytest.mark.parametrize("use_skip", [False, True])
def test_generator_keeps_the_contract_of_a_network(use_skip, tmp_path):
    model = tiny_generator(use_skip=use_skip)
    shapes = {"pseudo_reference": (SIZE, SIZE, 3), "ufw_features": (8, 8, 8)}
    check_net(model, images(), shapes, 8167, tmp_path)
    image = model(images(), training=False)["pseudo_reference"]
    assert 0 <= np.min(image)
    assert np.max(image) <= 1


def test_with_details_it_is_a_network_of_its_own_size(tmp_path):
    model = tiny_generator(use_detail=True)
    shapes = {"pseudo_reference": (SIZE, SIZE, 3), "ufw_features": (8, 8, 8)}
    # A block of 4 at full size, and 4 -> 4 and 4 -> 3 channels side by side.
    more = (3 * 9 * 4 + 4 + 4 * 4) + (4 * 9 * 4 + 4) + (4 * 9 * 3 + 3)
    check_net(model, images(), shapes, 8167 + more, tmp_path)
    image = images()
    assert_same(
        training_form(model)(image, training=False),
        model(image, training=False),
        atol=1e-5,
    )


def influence(model):
    """How far I_hq depends on the finest wave that an image can have."""
    fine = np.indices((SIZE, SIZE)).sum(axis=0)[None, ..., None] % 2 - 0.5
    flat = np.full((1, SIZE, SIZE, 3), 0.5, np.float32)
    made = [
        model(np.float32(flat + x), training=False)["pseudo_reference"].numpy()
        for x in (0.2 * fine, -0.2 * fine)
    ]
    return np.std(made[0] - made[1])


def test_fine_texture_passes_beside_the_grid():
    keras.utils.set_random_seed(0)
    with_detail, without = (tiny_generator(use_detail=x) for x in (True, False))
    # Nothing passes through the grid any more.
    for model in (with_detail, without):
        model.get_layer("up1_bn").gamma.assign(np.zeros(8))
    assert influence(with_detail) > 0.01
    assert influence(without) == 0


def test_paper_s_size_is_three_down_five_ufw_four_up():
    model = build_generator()
    names = [layer.name for layer in model.layers]
    convs = [name for name in names if name.endswith("_conv")]
    assert sum(name.startswith("down") for name in convs) == 3
    assert {name[:4] for name in names if name.startswith("ufw")} == {
        f"ufw{i}" for i in range(1, 6)
    }
    assert sum(name.startswith("up") for name in convs) == 4
    residual = [name for name in names if "_residual_conv" in name]
    assert len(residual) == 9
    assert model.output["ufw_features"].shape == (None, 32, 32, 128)
    kernels = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert {layer.kernel_size for layer in kernels} == {(3, 3)}


def test_without_warehouse_the_encoder_gives_the_features():
    model = tiny_generator(num_ufw=0)
    assert not any(layer.name.startswith("ufw") for layer in model.layers)
    assert model.output["ufw_features"].shape == (None, 8, 8, 8)


def test_every_weight_gets_a_gradient():
    model = tiny_generator()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            model(images(), training=True)["pseudo_reference"] ** 2
        )
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"strides": (1, 2)}, "one value per down block"),
        ({"up_scales": (2, 2)}, "one value more"),
        ({"strides": (2, 2, 2)}, "same product"),
    ],
)
def test_lists_that_do_not_fit_are_refused(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        build_generator(**arguments)


def test_with_a_skip_it_begins_near_the_image():
    image = images()
    skipped, drawn = (
        np.std(
            tiny_generator(use_skip=use_skip)(image, training=True)[
                "pseudo_reference"
            ]
            - image
        )
        for use_skip in (True, False)
    )
    # A change of deviation .1 in logits is at most .1 / 4 of the range.
    assert 0.005 < skipped < 0.03
    assert drawn > 0.2


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_a_skip_keeps_each_level_where_nothing_is_changed(level):
    model = tiny_generator(use_skip=True)
    last = model.get_layer("up4_bn")
    last.gamma.assign(np.zeros(3))
    flat = np.full((1, SIZE, SIZE, 3), level / 255, np.float32)
    made = model(flat, training=False)["pseudo_reference"]
    expected = np.clip(level, 0.5, 254.5) / 255
    np.testing.assert_allclose(made, np.full_like(flat, expected), atol=1e-6)
