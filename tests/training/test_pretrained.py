"""Weights of others: Keras' files and torchvision's, and whose they are."""

import itertools
import json
import pathlib

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy
from keras import layers
from keras.src.applications import vgg16
from keras.src.applications import vgg19
from keras.src.legacy.saving import legacy_h5_format
from scipy import signal

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.model.quality_network import VGG_REPEATS
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.training import pretrained
from g2npan_tf.training import run
from tests.tiny import assert_same

# What a 3 x 3 convolution sees of the padding, and a second one behind it.
INSIDE = np.s_[:, 1:-1, 1:-1]
FURTHER_INSIDE = np.s_[:, 2:-2, 2:-2]


def config_of(path, backbone="vgg16", **changes):
    return Config(backbone=backbone, backbone_weights=str(path), **changes)


def random_weights(model):
    """Biases are 0 in a fresh model."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            bias = rng.normal(0, 10, bias.shape)
            layer.set_weights([kernel, bias])


def save_legacy(model, path):
    """As the files of Keras Applications were saved."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def save(model, path):
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        save_legacy(model, path)
    return path


def outputs_of(network, layer, inputs):
    model = keras.Model(network.input, network.get_layer(layer).output)
    return np.asarray(model(inputs, training=False))


def assert_loaded(network, vgg):
    """All convolutions but the first, which sees other units, are the VGG's."""
    convolutions = [x for x in vgg.layers if isinstance(x, layers.Conv2D)]
    assert len(convolutions) >= 8
    for layer in convolutions[1:]:
        ours = network.get_layer(layer.name).get_weights()
        assert_same(ours, layer.get_weights())


@pytest.fixture(scope="module")
def keras_vgg():
    model = keras.applications.VGG16(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    random_weights(model)
    return model


@pytest.fixture(scope="module", params=["vgg16_notop.h5", "vgg16.weights.h5"])
def keras_file(request, keras_vgg, tmp_path_factory):
    return save(keras_vgg, tmp_path_factory.mktemp("keras") / request.param)


def test_blocks_of_keras_see_the_same_image(keras_vgg, keras_file):
    network = build_quality_network("vgg16", ufw_shape=None, image_size=32)
    pretrained.load(network, config_of(keras_file, use_gan=False))
    image = np.random.default_rng(1).random((2, 32, 32, 3), np.float32)
    seen = keras.applications.vgg16.preprocess_input(255 * image)
    for ours, theirs, inside in (
        ("stem_relu", "block1_conv1", INSIDE),
        ("block1_conv2_relu", "block1_conv2", FURTHER_INSIDE),
    ):
        expected = outputs_of(keras_vgg, theirs, seen)[inside]
        found = outputs_of(network, ours, {"image": image})[inside]
        assert expected.max() > 10
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert_loaded(network, keras_vgg)


def test_image_and_nuance_share_the_first_filters(keras_vgg, keras_file):
    network = build_quality_network("vgg16", ufw_shape=(8, 8, 8), image_size=32)
    pretrained.load(network, config_of(keras_file))
    darker, image = np.sort(
        np.random.default_rng(1).random((2, 1, 32, 32, 3), np.float32), axis=0
    )
    of_image, of_darker = (
        keras.applications.vgg16.preprocess_input(255 * x)
        for x in (image, darker)
    )
    first = keras_vgg.get_layer("block1_conv1")
    inputs = {
        "image": image,
        "discrepancy": image - darker,
        "ufw_features": np.zeros((1, 8, 8, 8), np.float32),
    }
    # Without the ReLU. The mean cancels in the difference of two images.
    stem = outputs_of(network, "stem", inputs)
    for seen, half in (
        (of_image, np.s_[..., :32]),
        (of_image - of_darker, np.s_[..., 32:]),
    ):
        expected = keras.ops.conv(seen, first.kernel, padding="same")
        expected = np.asarray(expected + first.bias)
        np.testing.assert_allclose(
            stem[INSIDE][half], expected[INSIDE][half], rtol=1e-4, atol=1e-3
        )


def test_vgg19_of_keras_is_known(tmp_path):
    model = keras.applications.VGG19(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    random_weights(model)
    path = save(model, tmp_path / "vgg19.weights.h5")
    network = build_quality_network("vgg19", ufw_shape=None, image_size=32)
    pretrained.load(network, config_of(path, "vgg19", use_gan=False))
    assert_loaded(network, model)


def small_vgg(backbone):
    """A VGG of two channels everywhere, by its layers' names in Keras."""
    model = keras.Sequential([keras.Input((32, 32, 3))], name="trunk")
    for block, repeats in enumerate(VGG_REPEATS[backbone], start=1):
        for number in range(1, repeats + 1):
            name = f"block{block}_conv{number}"
            model.add(layers.Conv2D(2, 3, padding="same", name=name))
        model.add(layers.MaxPooling2D())
    random_weights(model)
    return model


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(pretrained, "VGG_FILTERS", (2,) * 5)


def small_network(backbone="vgg16", **arguments):
    return build_quality_network(
        backbone, width=1e-3, ufw_shape=None, image_size=32, **arguments
    )


@pytest.mark.parametrize("name", ["small.h5", "small.weights.h5"])
@pytest.mark.parametrize("backbone", VGG_REPEATS)
def test_every_backbone_has_two_kinds_of_files(small, tmp_path, backbone, name):
    model = small_vgg(backbone)
    path = save(model, tmp_path / name)
    network = small_network(backbone)
    pretrained.load(network, config_of(path, backbone, use_gan=False))
    assert_loaded(network, model)
    for other in {*VGG_REPEATS} - {backbone}:
        message = f"{name}: weights of {backbone}; .* --backbone={other}"
        with pytest.raises(InputError, match=message):
            pretrained.check(config_of(path, other))


@pytest.mark.parametrize("name", ["whole.h5", "whole.weights.h5"])
def test_a_vgg_within_a_trained_model_is_found(small, tmp_path, name):
    trunk = small_vgg("vgg16")
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(5, 3, padding="same")(trunk(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    path = tmp_path / name
    if name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)
    network = small_network()
    pretrained.load(network, config_of(path, use_gan=False))
    assert_loaded(network, trunk)


def test_layers_without_names_are_taken_in_their_order(small, tmp_path):
    model = small_vgg("vgg16")
    path = save(model, tmp_path / "early.weights.h5")
    with h5py.File(path, "r+") as file:
        file.visititems(lambda _, item: item.attrs.clear())
    network = small_network()
    pretrained.load(network, config_of(path, use_gan=False))
    assert_loaded(network, model)
    with pytest.raises(InputError, match="weights of vgg16; expected"):
        pretrained.check(config_of(path, "vgg19"))


def test_channels_that_a_vgg_does_not_know_start_as_without_it(small, tmp_path):
    model = small_vgg("vgg16")
    path = save(model, tmp_path / "small.h5")
    network = small_network(use_local_contrast=True)
    before = network.get_layer("image_conv").get_weights()[0].copy()
    pretrained.load(network, config_of(path, use_gan=False))
    after = network.get_layer("image_conv").get_weights()[0]
    np.testing.assert_array_equal(after[:, :, 3:], before[:, :, 3:])
    kernel = np.asarray(model.get_layer("block1_conv1").kernel)
    expected = 255 * kernel[:, :, ::-1]
    np.testing.assert_allclose(after[:, :, :3], expected, rtol=1e-6)


def changed(change):
    def apply(path):
        with h5py.File(path, "r+") as file:
            change(file)

    return apply


def put(file, name, values):
    del file[name]
    file[name] = np.asarray(values, np.float32)


def replace(file, name, **options):
    del file[name]
    file.create_dataset(name, **options)


KERNEL = "block3_conv1/trunk/block3_conv1/kernel"
BIAS = "block3_conv1/trunk/block3_conv1/bias"
NO_VGG = "lacks block1_conv1, block1_conv2, block2_conv1; expected weights of "


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda path: path.write_bytes(path.read_bytes()[:9_000]),
            r"not readable as Keras' HDF5 \(.*truncated",
        ),
        (lambda path: path.write_text("<html>"), "not readable as Keras' HDF5"),
        (pathlib.Path.unlink, "not found; expected imagenet, or a file"),
        (changed(h5py.File.clear), NO_VGG),
        (
            changed(lambda file: file.pop("block3_conv1")),
            "no vgg16, lacks block3_conv1; expected weights",
        ),
        (
            changed(lambda file: file.copy("block5_conv1", "block6_conv1")),
            "no vgg16, has also block6_conv1; expected weights",
        ),
        (
            changed(lambda file: file.copy("block5_conv1", "x/block5_conv1")),
            "block5_conv1/.* is not the only one of its name",
        ),
        (
            changed(lambda file: file.pop(BIAS)),
            "the bias of block3_conv1 is missing",
        ),
        (
            changed(lambda file: put(file, KERNEL, np.zeros((3, 3, 1, 2)))),
            r"kernel of block3_conv1 has shape \(3, 3, 1, 2\); expected \(3,",
        ),
        (
            changed(lambda file: put(file, BIAS, [0, np.nan])),
            "bias of block3_conv1 has values that are not finite",
        ),
        (
            changed(lambda file: replace(file, BIAS, data=[b"a", b"b"])),
            r"/bias is object \(2,\), no tensor of a VGG",
        ),
        (
            # Terabytes, of which a file has none.
            changed(lambda file: replace(file, BIAS, shape=2**45, dtype="f4")),
            r"/bias is float32 \(35184372088832,\), no tensor of a VGG",
        ),
    ],
)
def test_a_file_of_something_else_is_refused_in_a_line(
    small, tmp_path, damage, message
):
    path = save(small_vgg("vgg16"), tmp_path / "wrong.h5")
    damage(path)
    network = small_network()
    before = network.get_weights()
    with pytest.raises(InputError, match=message) as caught:
        pretrained.load(network, config_of(path, use_gan=False))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert_same(network.get_weights(), before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vgg_width": 0.375}, "vgg_width=0.375; expected --vgg_width=1"),
        ({"stem_filters": 64}, "128 filters of --stem_filters=64 are not"),
        (
            {"stem_filters": 32, "use_gan": False},
            "32 filters .* expected --stem_filters=0",
        ),
    ],
)
def test_other_networks_are_refused_whatever_the_file(changes, message):
    with pytest.raises(InputError, match=message):
        pretrained.check(config_of("vgg16.h5", **changes))


def test_a_run_refuses_a_file_before_it_makes_a_folder(tmp_path):
    config = config_of(tmp_path / "none.h5", data_dir=str(tmp_path / "data"))
    with pytest.raises(InputError, match=r"none\.h5: not found"):
        run.run(config, tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def site(small, tmp_path, monkeypatch):
    """A place like Keras', and an empty cache."""
    folder = tmp_path / "site" / "vgg16"
    folder.mkdir(parents=True)
    name, _ = pretrained.FILES["vgg16"]
    path = save(small_vgg("vgg16"), folder / name)
    with path.open("rb") as file:
        md5 = pretrained.hashlib.file_digest(file, "md5").hexdigest()
    monkeypatch.setitem(pretrained.FILES, "vgg16", (name, md5))
    monkeypatch.setattr(pretrained, "URL", f"{folder.parent.as_uri()}/")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return path


def cached(tmp_path):
    return sorted((tmp_path / "home" / "models").iterdir())


def test_imagenet_is_fetched_once_as_keras_does(site, tmp_path):
    config = config_of("imagenet", use_gan=False)
    network, same = small_network(), small_network()
    pretrained.load(network, config)
    pretrained.load(same, config_of(site, use_gan=False))
    name = "block5_conv3"
    ours, expected = (x.get_layer(name).get_weights() for x in (network, same))
    assert_same(ours, expected)
    assert cached(tmp_path) == [tmp_path / "home" / "models" / site.name]
    site.unlink()
    pretrained.check(config)
    # What is damaged is fetched again.
    cached(tmp_path)[0].write_bytes(b"half")
    with pytest.raises(InputError, match="imagenet: "):
        pretrained.check(config)


def interrupted(_, target, *__):
    pathlib.Path(target).write_bytes(b"half")
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("what", "raised", "message"),
    [
        ("gone", InputError, r"not fetched \(.*No such file.*\); down"),
        ("changed", InputError, "Incomplete or corrupted file detected"),
        ("interrupted", KeyboardInterrupt, None),
    ],
)
def test_what_is_not_fetched_leaves_nothing(
    site, tmp_path, monkeypatch, what, raised, message
):
    if what == "gone":
        site.unlink()
    elif what == "changed":
        site.write_bytes(site.read_bytes()[:-1])
    else:
        monkeypatch.setattr(
            "keras.src.utils.file_utils.urlretrieve", interrupted
        )
    with pytest.raises(raised, match=message) as caught:
        pretrained.check(config_of("imagenet"))
    assert not cached(tmp_path)
    if raised is InputError:
        line = str(caught.value)
        assert f"download {site.as_uri()} elsewhere" in line
        assert f"save it as {tmp_path}/home/models/{site.name}" in line
        assert "\n" not in line


def test_a_cache_that_cannot_be_made_is_named(site, tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(InputError, match="--backbone_weights=FILE"):
        pretrained.check(config_of("imagenet"))


def test_keras_has_no_vgg11():
    with pytest.raises(InputError, match="expected --backbone=vgg16 or vgg19"):
        pretrained.check(config_of("imagenet", "vgg11"))


@pytest.mark.parametrize("module", [vgg16, vgg19])
def test_files_are_those_that_keras_fetches(module, monkeypatch):
    def fetched(name, url, *, cache_subdir, file_hash):
        found.append((name, url, cache_subdir, file_hash))
        raise EOFError

    found = []
    monkeypatch.setattr(module.file_utils, "get_file", fetched)
    backbone = module.__name__.rpartition(".")[2]
    with pytest.raises(EOFError):
        getattr(module, backbone.upper())(include_top=False)
    name, md5 = pretrained.FILES[backbone]
    url = f"{pretrained.URL}{backbone}/{name}"
    assert found == [(name, url, "models", md5)]


# torchvision's vgg11: index in `features` and channels of each convolution.
CHANNELS = (3, 64, 128, 256, 256, 512, 512, 512, 512)
VGG11 = dict(
    zip((0, 3, 6, 8, 11, 13, 16, 18), itertools.pairwise(CHANNELS), strict=True)
)


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


def write_tensors(path, tensors):
    safetensors.numpy.save_file(tensors, path)
    return path


@pytest.fixture
def vgg_file(tensors, tmp_path):
    return write_tensors(tmp_path / "vgg.safetensors", tensors)


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


def test_activations_equal_an_independent_vgg(tensors, vgg_file):
    network = build_quality_network(ufw_shape=None, image_size=16)
    pretrained.load(network, config_of(vgg_file, "vgg11", use_gan=False))
    image = np.random.default_rng(1).random((1, 16, 16, 3), np.float32)
    # torchvision.models.VGG11_Weights.IMAGENET1K_V1.transforms()
    x = (image[0] - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    first = convolved(
        x.transpose(2, 0, 1),
        tensors["features.0.weight"],
        tensors["features.0.bias"],
    )
    stem = outputs_of(network, "image_conv", {"image": image})
    np.testing.assert_allclose(
        stem[INSIDE], first.transpose(1, 2, 0)[None][INSIDE], atol=1e-4
    )
    x = pooled(np.maximum(stem[0].transpose(2, 0, 1), 0))
    for index, pool in ((3, True), (6, False), (8, True)):
        kernel, bias = (
            tensors[f"features.{index}.{part}"] for part in ("weight", "bias")
        )
        x = np.maximum(convolved(x, kernel, bias), 0)
        x = pooled(x) if pool else x
    found = outputs_of(network, "block3_pool", {"image": image})
    np.testing.assert_allclose(
        found[0].transpose(2, 0, 1), x, atol=1e-3, rtol=1e-4
    )


def test_every_convolution_is_loaded(tensors, vgg_file):
    network = build_quality_network(image_size=32, ufw_shape=(8, 8, 8))
    pretrained.load(network, config_of(vgg_file, "vgg11"))
    convolutions = (x for x in network.layers if isinstance(x, layers.Conv2D))
    loaded = [x for x in convolutions if x.name.startswith("block")]
    assert len(loaded) == 7
    for layer, index in zip(loaded, list(VGG11)[1:], strict=True):
        np.testing.assert_array_equal(
            layer.get_weights()[0],
            tensors[f"features.{index}.weight"].transpose(2, 3, 1, 0),
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.8.bias": None}, r"bias of features\.8 is missing"),
        ({"features.8.weight": None}, r"kernel of features\.8 is missing"),
        (
            {"features.8.bias": None, "features.8.weight": None},
            r"no vgg11, lacks features\.8; expected weights of --backbone=vgg1",
        ),
        (
            {"features.3.weight": np.zeros((128, 64, 3, 1))},
            r"kernel of features\.3 has shape \(3, 1, 64, 128\); expected \(3,",
        ),
        ({"features.3.bias": np.zeros(7)}, r"features\.3 has shape \(7,\)"),
        ({"features.18.bias": np.full(512, np.nan)}, r"\.18 .* not finite"),
    ],
)
def test_wrong_tensors_are_refused_by_name_and_nothing_is_loaded(
    tensors, tmp_path, change, message
):
    made = {
        name: value
        for name, value in {**tensors, **change}.items()
        if value is not None
    }
    path = write_tensors(tmp_path / "bad.safetensors", made)
    network = build_quality_network(ufw_shape=None, image_size=16)
    before = network.get_layer("block2_conv1").get_weights()[0].copy()
    with pytest.raises(InputError, match=message):
        pretrained.load(network, config_of(path, "vgg11", use_gan=False))
    np.testing.assert_array_equal(
        before, network.get_layer("block2_conv1").get_weights()[0]
    )


def test_truncated_safetensors_are_refused(vgg_file):
    vgg_file.write_bytes(vgg_file.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"vgg\.safetensors: not readable"):
        pretrained.check(config_of(vgg_file, "vgg11"))


def test_numbers_that_numpy_has_not_are_refused(tmp_path):
    entry = {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}
    header = json.dumps({"features.0.bias": entry}).encode()
    path = tmp_path / "eighth.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(InputError, match=r"not readable as \.safetensors"):
        pretrained.check(config_of(path, "vgg11"))


def test_tensors_of_another_vgg_are_named(vgg_file):
    with pytest.raises(InputError, match=r"weights of vgg11; .*=vgg16"):
        pretrained.check(config_of(vgg_file, "vgg16"))
