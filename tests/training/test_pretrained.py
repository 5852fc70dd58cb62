"""Pretrained VGG weights against an independent forward pass."""

import keras
import numpy as np
import pytest
import safetensors.numpy
from scipy import signal

from g2npan_tf.core.errors import InputError
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.training.pretrained import load_vgg_weights

# torchvision's vgg11: index in `features` and channels of each convolution.
VGG11 = {
    0: (3, 64),
    3: (64, 128),
    6: (128, 256),
    8: (256, 256),
    11: (256, 512),
    13: (512, 512),
    16: (512, 512),
    18: (512, 512),
}


@pytest.fixture(scope="module")
def tensors():
    rng = np.random.default_rng(0)
    made = {}
    for index, (inputs, outputs) in VGG11.items():
        scale = np.float32(np.sqrt(2 / (9 * inputs)))
        shape = (outputs, inputs, 3, 3)
        made[f"features.{index}.weight"] = scale * rng.standard_normal(
            shape, np.float32
        )
        made[f"features.{index}.bias"] = 0.1 * rng.standard_normal(
            outputs, np.float32
        )
    made["classifier.6.weight"] = np.zeros((10, 4), np.float32)
    return made


def write(path, tensors):
    safetensors.numpy.save_file(tensors, path)
    return path


def convolved(x, kernel, bias):
    """Cross-correlation with zero padding; x `[in, rows, columns]`."""
    planes = [
        sum(
            signal.correlate2d(plane, weights, mode="same")
            for plane, weights in zip(x, kernels, strict=True)
        )
        for kernels in kernel
    ]
    return np.stack(planes) + bias[:, None, None]


def pooled(x):
    return x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max((2, 4))


def test_activations_equal_an_independent_vgg(tensors, tmp_path):
    model = build_quality_network(ufw_shape=None, image_size=16)
    load_vgg_weights(model, "vgg11", write(tmp_path / "v.safetensors", tensors))
    image = np.random.default_rng(1).random((1, 16, 16, 3), np.float32)
    stem = keras.Model(model.inputs, model.get_layer("block1_pool").output)
    x = np.asarray(stem([image], training=False))[0].transpose(2, 0, 1)
    for index, pool in ((3, True), (6, False), (8, True)):
        kernel, bias = (
            tensors[f"features.{index}.{part}"] for part in ("weight", "bias")
        )
        x = np.maximum(convolved(x, kernel, bias), 0)
        x = pooled(x) if pool else x
    ours = keras.Model(model.inputs, model.get_layer("block3_pool").output)
    np.testing.assert_allclose(
        np.asarray(ours([image], training=False))[0].transpose(2, 0, 1),
        x,
        atol=1e-4,
        rtol=1e-4,
    )


def test_every_convolution_but_the_first_is_loaded(tensors, tmp_path):
    model = build_quality_network(image_size=32, ufw_shape=(8, 8, 8))
    before = model.get_layer("image_conv").get_weights()[0].copy()
    load_vgg_weights(model, "vgg11", write(tmp_path / "v.safetensors", tensors))
    layers = [
        layer
        for layer in model.layers
        if layer.name.startswith("block")
        and "conv" in layer.name
        and isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(layers) == 7
    for layer, index in zip(layers, list(VGG11)[1:], strict=True):
        np.testing.assert_array_equal(
            layer.get_weights()[0],
            tensors[f"features.{index}.weight"].transpose(2, 3, 1, 0),
        )
    np.testing.assert_array_equal(
        before, model.get_layer("image_conv").get_weights()[0]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.8.bias": None}, r"tensor features\.8\.bias is missing"),
        (
            {"features.3.weight": np.zeros((128, 64, 3, 1), np.float32)},
            r"features\.3\.weight has shape \(128, 64, 3, 1\)",
        ),
        (
            {"features.3.bias": np.zeros(7, np.float32)},
            r"features\.3\.bias has shape \(7,\)",
        ),
        (
            {"features.18.bias": np.full(512, np.nan, np.float32)},
            r"features\.18\.bias has values that are not finite",
        ),
    ],
)
def test_wrong_tensors_are_refused_by_name_and_nothing_is_loaded(
    tensors, tmp_path, change, message
):
    changed = {
        name: value
        for name, value in {**tensors, **change}.items()
        if value is not None
    }
    model = build_quality_network(ufw_shape=None, image_size=16)
    before = model.get_layer("block2_conv1").get_weights()[0].copy()
    path = write(tmp_path / "bad.safetensors", changed)
    with pytest.raises(InputError, match=message):
        load_vgg_weights(model, "vgg11", path)
    np.testing.assert_array_equal(
        before, model.get_layer("block2_conv1").get_weights()[0]
    )


def test_truncated_or_missing_files_are_refused(tensors, tmp_path):
    model = build_quality_network(ufw_shape=None, image_size=16)
    path = write(tmp_path / "cut.safetensors", tensors)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"cut\.safetensors: not readable"):
        load_vgg_weights(model, "vgg11", path)
    with pytest.raises(InputError, match="none"):
        load_vgg_weights(model, "vgg11", tmp_path / "none.safetensors")


def test_narrow_networks_are_refused(tensors, tmp_path):
    model = build_quality_network(width=0.25, ufw_shape=None, image_size=16)
    path = write(tmp_path / "v.safetensors", tensors)
    with pytest.raises(
        InputError, match=r"block2_conv1 needs \(32, 16, 3, 3\)"
    ):
        load_vgg_weights(model, "vgg11", path)
