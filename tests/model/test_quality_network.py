"""The quality network and its class activation map."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.model import quality_network
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.scene_statistics import cell_statistics
from g2npan_tf.model.spectrum import log_power
from g2npan_tf.model.spectrum import neighbourhood_mean
from tests.tiny import GRID
from tests.tiny import SIZE
from tests.tiny import check_net
from tests.tiny import tiny_quality_network

TINY_PARAMETERS = 37113
# Options with which cells count differently.
STEMS = {"spectrum_filters", "statistics_filters"}


def inputs(with_spectrum=False):
    rng = np.random.default_rng(0)
    made = {
        "image": rng.random((2, SIZE, SIZE, 3), np.float32),
        "discrepancy": rng.random((2, SIZE, SIZE, 3), np.float32),
        "ufw_features": rng.random((2, 8, 8, 8), np.float32),
    }
    if with_spectrum:
        signed = rng.uniform(-1, 1, (2, SIZE, SIZE, 3))
        made["signed_discrepancy"] = signed.astype(np.float32)
    return made


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, 0),
        # Eight channels more for two filters of 3 x 3.
        ({"use_local_contrast": True}, 8 * 2 * 9),
        # Two filters of 3 x 3 x 3 and a bias more in each of two, four
        # normalised channels more, and as many inputs for the next
        # convolution's eight filters.
        ({"stem_filters": 4}, 2 * 2 * (27 + 1) + 4 * 4 + 4 * 9 * 8),
        # Statistics of 135 bands of image and nuance, four units on both, and
        # four more for the CAM.
        ({"spectrum_filters": 4}, 2 * 2 * 135 + (2 * 135 + 1) * 4 + 4),
        # Statistics of 480 statistics, twice four units, four for the CAM.
        ({"statistics_filters": 4}, 2 * 480 + 481 * 4 + 5 * 4 + 4),
    ],
    ids=str,
)
def test_quality_network_keeps_the_contract_of_a_network(
    options, more, tmp_path
):
    check_net(
        tiny_quality_network(**options),
        inputs(bool(options.get("spectrum_filters"))),
        {"cam_logits": GRID, "quality_logit": ()}
        | ({"cell_weights": GRID} if STEMS & options.keys() else {}),
        TINY_PARAMETERS + more,
        tmp_path,
    )


def test_a_wider_stem_gives_the_image_as_many_filters_as_no_gan():
    model = tiny_quality_network(stem_filters=4)
    alone = tiny_quality_network(ufw_shape=None)
    for net, name in (
        (model, "image_conv"),
        (model, "discrepancy_conv"),
        (alone, "image_conv"),
    ):
        assert net.get_layer(name).filters == 4


def test_it_is_pooling_and_one_dense_unit_and_the_cam_decomposes_it():
    model = tiny_quality_network()
    cam = model.get_layer("cam")
    features = keras.Model(model.inputs, cam.input)(
        [inputs()[x.name] for x in model.inputs], training=False
    )
    kernel, bias = cam.get_weights()
    dense = np.mean(features, axis=(1, 2)) @ kernel[0, 0] + bias
    outputs = model(inputs(), training=False)
    logit = outputs["quality_logit"]
    np.testing.assert_allclose(dense[:, 0], logit, rtol=1e-4)
    cam_mean = np.mean(outputs["cam_logits"], axis=(1, 2))
    np.testing.assert_allclose(cam_mean, logit, rtol=1e-5)


@pytest.mark.parametrize("name", ["image", "discrepancy", "ufw_features"])
def test_every_input_matters(name):
    # Two filters of a stem may both be below 0 everywhere by chance.
    keras.utils.set_random_seed(0)
    model, changed = tiny_quality_network(), inputs()
    before = model(changed, training=False)["quality_logit"]
    changed[name] = changed[name] * 0
    assert not np.allclose(
        before, model(changed, training=False)["quality_logit"]
    )


@pytest.mark.parametrize(
    ("backbone", "convolutions"), [("vgg11", 8), ("vgg16", 13), ("vgg19", 16)]
)
def test_backbones_have_the_convolutions_of_simonyan_and_zisserman(
    backbone, convolutions
):
    model = tiny_quality_network(ufw_shape=None, backbone=backbone)
    assert set(model.input) == {"image"}
    convs = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert len([x for x in convs if x.kernel_size == (3, 3)]) == convolutions


def test_full_width_has_an_8_by_8_map_and_512_channels():
    model = build_quality_network()
    assert model.output["cam_logits"].shape == (None, 8, 8)
    assert model.get_layer("block5_conv2").filters == 512
    assert model.get_layer("image_conv").filters == 32


def test_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="Received: backbone=resnet"):
        build_quality_network(backbone="resnet")


def mean_in_window(x, side):
    """By counting what is there: scipy has no such border."""
    total, count = (
        ndimage.uniform_filter(y, side, mode="constant") for y in (x, x * 0 + 1)
    )
    return total / count


def test_local_contrast_is_bands_and_their_power():
    rng = np.random.default_rng(0)
    image = rng.random((1, SIZE, SIZE, 3), np.float32)
    result = np.asarray(quality_network.local_contrast(image))[0]
    finer = grey = image[0].mean(axis=-1, dtype=np.float64)
    expected = []
    for side in (3, 5, 9, 17):
        coarser = mean_in_window(grey, side)
        band = finer - coarser
        power = mean_in_window(band**2, 9)
        expected += [
            band / 0.05,
            (np.log(power + (0.8 / 255) ** 2) + 7) / 2,
        ]
        finer = coarser
    np.testing.assert_allclose(result, np.stack(expected, -1), atol=1e-3)


def test_noise_shows_in_the_bands_of_its_scale():
    rng = np.random.default_rng(0)
    fine = rng.normal(0, 0.05, (SIZE, SIZE))
    coarse = ndimage.gaussian_filter(fine, 3)
    coarse *= fine.std() / coarse.std()
    levels = [
        np.asarray(
            quality_network.local_contrast(
                np.repeat(0.5 + x[None, ..., None], 3, -1).astype(np.float32)
            )
        )[..., 1::2].mean((0, 1, 2))
        for x in (fine, coarse)
    ]
    assert levels[0].argmax() == 0
    assert levels[1].argmax() >= 2
    # Equal deviations: what is above in one band is below in another.
    assert levels[0][0] > levels[1][0]
    assert levels[0][-1] < levels[1][-1]


def test_local_contrast_does_not_see_brightness():
    image = np.random.default_rng(0).random((1, SIZE, SIZE, 3), np.float32) / 2
    np.testing.assert_allclose(
        quality_network.local_contrast(image),
        quality_network.local_contrast(image + 0.25),
        atol=1e-3,
    )


def test_warehouse_features_are_normalised_as_the_backbone_s_are():
    model = tiny_quality_network()
    features = keras.Model(
        model.inputs, model.get_layer("ufw_projection_bn").output
    )
    large = inputs() | {"ufw_features": 1000 * inputs()["ufw_features"]}
    seen = np.asarray(
        features([large[x.name] for x in model.inputs], training=True)
    )
    np.testing.assert_allclose(seen.mean((0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(seen.std((0, 1, 2)), 1, atol=1e-3)
    bare = build_quality_network(
        width=0.0625, ufw_shape=(8, 8, 8), image_size=SIZE
    )
    assert not any(layer.name.endswith("_bn") for layer in bare.layers)


def test_the_spectrum_is_standardised_by_what_it_was_adapted_to():
    model = tiny_quality_network(spectrum_filters=4)
    rng = np.random.default_rng(0)
    scales = rng.uniform(0.1, 1, (9, 1, 1, 1))
    images = (scales * rng.random((9, SIZE, SIZE, 3))).astype(np.float32)
    quality_network.adapt(model, images)
    standard = model.get_layer(quality_network.STANDARD)
    weights = np.array(quality_network.weights_of_cells(model)(images))
    levels = log_power(images)
    cells = np.array(standard(neighbourhood_mean(levels, weights)))
    cells, weights = cells.reshape(-1, cells.shape[-1]), weights.ravel()
    mean = np.average(cells, axis=0, weights=weights)
    np.testing.assert_allclose(mean, 0, atol=1e-3)
    # Keras adds 0.001 to the variance.
    square = np.average(cells**2, axis=0, weights=weights)
    np.testing.assert_allclose(square, 1, atol=0.05)
    assert not standard.trainable_weights


def test_scene_statistics_are_standardised_and_no_outlier_goes_far():
    model = tiny_quality_network(statistics_filters=4)
    images = np.random.default_rng(0).random((9, SIZE, SIZE, 3), np.float32)
    images *= np.linspace(0.2, 1, 9, dtype=np.float32)[:, None, None, None]
    quality_network.adapt(model, images)
    standard = model.get_layer(quality_network.STANDARD)
    values, weights = cell_statistics(images)
    cells = np.array(standard(neighbourhood_mean(values, weights)))
    mean = np.average(cells, axis=(0, 1, 2))
    np.testing.assert_allclose(mean, 0, atol=0.02)
    assert 0.5 < cells.std(axis=(0, 1, 2)).max() < 1.05
    units = model.get_layer("statistics_features1")
    inverted = keras.Model(model.input["image"], units.input)(1 - images)
    assert np.abs(inverted).max() == 4


def test_a_network_without_spectrum_has_nothing_to_adapt():
    model = tiny_quality_network()
    before = model.get_weights()
    quality_network.adapt(model, inputs()["image"])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_with_spectra_the_logit_is_the_map_over_what_the_body_fills():
    model = tiny_quality_network(spectrum_filters=4)
    seen = inputs(with_spectrum=True)
    seen["image"][:, : SIZE // 2] = 0.0
    outputs = model(seen, training=False)
    weights = np.array(outputs["cell_weights"])
    assert weights[:, : GRID[0] // 2].max() < 1e-3
    cam = np.array(outputs["cam_logits"])
    mean = np.average(cam[0], weights=weights[0])
    np.testing.assert_allclose(outputs["quality_logit"][0], mean, rtol=1e-4)
    counted = quality_network.weights_of_cells(model)(seen["image"])
    np.testing.assert_allclose(counted, weights, rtol=1e-4)
