"""A VGG that others have trained, as the start of the quality network's."""

import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Callable
from collections.abc import Iterable

import h5py
import keras
import numpy as np
import safetensors
import safetensors.numpy

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.data.base import first_line
from g2npan_tf.model.quality_network import VGG_FILTERS
from g2npan_tf.model.quality_network import VGG_REPEATS

# The value of --backbone_weights that names no file.
IMAGENET = "imagenet"
# Where Keras Applications has its weights, and the MD5 of each file.
URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
FILES = {
    "vgg16": (
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "6d6bbae143d832006294945121d1f1fc",
    ),
    "vgg19": (
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "253f8cb515780f3b799900260a226db6",
    ),
}
# A convolution's name in Keras Applications, as a part of a path.
_KERAS_NAME = re.compile(r"(?:^|/)(block\d+_conv\d+)(?=/|$)")
# Of a convolution whose name is not stored.
_KERAS_NUMBER = re.compile(r"layers/conv2d_?(\d*)/vars/\d")
# Numbers of the largest tensor of a VGG, a kernel of its last blocks.
_MOST_NUMBERS = 3 * 3 * VGG_FILTERS[-1] ** 2
_TORCH_NAME = re.compile(r"(features\.\d+)\.(?:weight|bias)")

# The tensors of one convolution by their rank: 4 is the kernel `[rows,
# columns, in, out]`, 1 the bias.
_Tensors = dict[int, np.ndarray]
# The kernel and the bias of each convolution by our layers' names.
_Weights = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class _Sight:
    """What a VGG sees of an image x: gain * (x - mean), in RGB or BGR.

    The values are those of x's channels: RGB, range [0, 1].
    """

    mean: tuple[float, float, float]
    gain: tuple[float, float, float]
    is_bgr: bool


# keras.applications.vgg16.preprocess_input, of an image of 8 bits.
_KERAS_SIGHT = _Sight(
    mean=(123.68 / 255, 116.779 / 255, 103.939 / 255),
    gain=(255.0, 255.0, 255.0),
    is_bgr=True,
)
# torchvision's ImageClassification transform, and timm's vgg11.tv_in1k.
_TORCH_SIGHT = _Sight(
    mean=(0.485, 0.456, 0.406),
    gain=(1 / 0.229, 1 / 0.224, 1 / 0.225),
    is_bgr=False,
)


def check(config: Config) -> None:
    """Refuses what `load` would refuse, before anything is built."""
    _read(config)


def load(quality_network: keras.Model, config: Config) -> None:
    """Gives the quality network's VGG the weights of `backbone_weights`.

    Choice: the stems share the first convolution's filters in their order, as
    the second one expects them: the image's take the first half and the
    nuance's the others (without GAN the image's take all). What the VGG was
    trained to see is folded into kernel and bias, so that features inside the
    image are the VGG's own. Where it ends, padded zeros are black here and the
    mean colour there, and no bias makes up for that. The nuance is a
    difference, in which means cancel: its half has the scale alone. Channels
    that a VGG does not know (`local_contrast`) start as without it.

    If `check` refuses, nothing is loaded.
    """
    weights, sight = _read(config)
    kernel, bias = weights.pop("block1_conv1")
    for name, values in weights.items():
        quality_network.get_layer(name).set_weights(values)
    kernel, shift = _folded(kernel, sight)
    stems = {"image_conv": bias + shift, "discrepancy_conv": bias}
    if "discrepancy" not in quality_network.input:
        del stems["discrepancy_conv"]
    start = 0
    for name, bias in stems.items():
        layer = quality_network.get_layer(name)
        share = slice(start, start := start + layer.filters)
        stem = np.array(layer.get_weights()[0])
        stem[:, :, :3] = kernel[..., share]
        layer.set_weights([stem, bias[share]])


def _folded(kernel: np.ndarray, sight: _Sight) -> tuple[np.ndarray, np.ndarray]:
    """The first convolution's kernel for RGB in [0, 1], and what its bias gets.

    `W * (gain (x - mean)) = (W gain) * x - sum of (W gain) mean`.
    """
    kernel = kernel.astype(np.float64)
    if sight.is_bgr:
        kernel = kernel[:, :, ::-1]
    kernel = kernel * np.reshape(sight.gain, (3, 1))
    return kernel, -np.einsum("rcio,i->o", kernel, sight.mean)


def _read(config: Config) -> tuple[_Weights, _Sight]:
    """Reads the file that a configuration names, if it fits the network.

    A `.h5` file is of Keras Applications, or a model that has its VGG as a
    part (`block1_conv1`, ...), saved by whatever Keras. Another one is a
    `.safetensors` file with torchvision's names (`features.3.weight`
    `[out, in, 3, 3]`, `features.3.bias` `[out]`, ...); timm's `vgg11.tv_in1k`
    has the same. Other layers in them are ignored.
    """
    _check_network(config)
    backbone, path = config.backbone, pathlib.Path(config.backbone_weights)
    if config.backbone_weights == IMAGENET:
        path = fetch(backbone)
    if not path.is_file():
        raise InputError(
            f"{path}: not found; expected {IMAGENET}, or a file of weights"
        )
    is_keras = path.suffix.lower() in (".h5", ".hdf5")
    naming = _keras_names if is_keras else _torch_names
    found = _of_keras(path) if is_keras else _of_torch(path)
    _check_names(path, found.keys(), backbone, naming)
    shapes = _shapes(backbone)
    weights = {
        layer: _convolution(path, name, found[name], shape)
        for name, (layer, shape) in zip(
            naming(backbone), shapes.items(), strict=True
        )
    }
    return weights, _KERAS_SIGHT if is_keras else _TORCH_SIGHT


def fetch(backbone: str) -> pathlib.Path:
    """The file that Keras Applications has, from Keras' own cache or its site.

    The cache never holds a part of a file.
    """
    if backbone not in FILES:
        raise InputError(
            f"--backbone_weights={IMAGENET}: Keras has no weights of "
            f"{backbone}; expected --backbone={' or '.join(FILES)}, or a file"
        )
    name, md5 = FILES[backbone]
    home = os.path.expanduser(os.environ.get("KERAS_HOME", "~/.keras"))
    path = pathlib.Path(home, "models", name).absolute()
    url = f"{URL}{backbone}/{name}"
    if path.is_file() and hashlib.md5(path.read_bytes()).hexdigest() == md5:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(path) as aside:
            keras.utils.get_file(
                aside.name,
                url,
                file_hash=md5,
                cache_subdir=aside.parent,
                force_download=True,
            )
    except Exception as error:
        # A bare Exception where there is no network: "... URL ... -- reason".
        reason = first_line(error).rpartition(" -- ")[2]
        raise InputError(
            f"--backbone_weights={IMAGENET}: not fetched ({reason}); download "
            f"{url} elsewhere and save it as {path}, or name it by "
            "--backbone_weights=FILE"
        ) from error
    return path


def _check_network(config: Config) -> None:
    """Refuses networks that no VGG of others fits, whatever the file."""
    flag = f"--backbone_weights={config.backbone_weights}"
    if config.vgg_width != 1:
        raise InputError(
            f"{flag}: a VGG of full width does not fit "
            f"--vgg_width={config.vgg_width:g}; expected --vgg_width=1"
        )
    stems = config.stem_filters * (2 if config.use_gan else 1)
    if stems not in (0, VGG_FILTERS[0]):
        raise InputError(
            f"{flag}: {stems} filters of --stem_filters={config.stem_filters} "
            f"are not the VGG's {VGG_FILTERS[0]}; expected --stem_filters=0"
        )


def _shapes(backbone: str) -> dict[str, tuple[int, ...]]:
    """The kernels' shapes by our layers' names, which are also Keras'."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 3
    blocks = zip(VGG_REPEATS[backbone], VGG_FILTERS, strict=True)
    for block, (repeats, filters) in enumerate(blocks, start=1):
        for number in range(1, repeats + 1):
            shapes[f"block{block}_conv{number}"] = (3, 3, inputs, filters)
            inputs = filters
    return shapes


def _keras_names(backbone: str) -> list[str]:
    return list(_shapes(backbone))


def _torch_names(backbone: str) -> list[str]:
    """Counts, as torchvision does, convolution, ReLU and each max-pool."""
    names, index = [], 0
    for repeats in VGG_REPEATS[backbone]:
        names += [f"features.{index + 2 * i}" for i in range(repeats)]
        index += 2 * repeats + 1
    return names


def _check_names(
    path: pathlib.Path,
    found: Iterable[str],
    backbone: str,
    naming: Callable[[str], list[str]],
) -> None:
    """Refuses another network: one VGG has all names of a smaller one."""
    wanted = naming(backbone)
    lacking = [name for name in wanted if name not in found]
    others = [x for x in VGG_REPEATS if {*naming(x)} == {*found}]
    if backbone in others:
        return
    if others:
        what = f"weights of {others[0]}"
    elif lacking:
        what = f"no {backbone}, lacks {', '.join(lacking[:3])}"
    else:
        beside = sorted({*found} - {*wanted})
        what = f"no {backbone}, has also {', '.join(beside[:3])}"
    raise InputError(
        f"{path}: {what}; expected weights of --backbone={backbone}"
    )


def _convolution(
    path: pathlib.Path, name: str, found: _Tensors, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a convolution, finite, as float32."""
    expected = {"kernel": shape, "bias": shape[-1:]}
    made = []
    for part, needed in expected.items():
        values = found.get(len(needed))
        if values is None:
            raise InputError(f"{path}: the {part} of {name} is missing")
        if values.shape != needed:
            raise InputError(
                f"{path}: the {part} of {name} has shape {values.shape}; "
                f"expected {needed}"
            )
        values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise InputError(
                f"{path}: the {part} of {name} has values that are not finite"
            )
        made.append(values)
    return made[0], made[1]


def _of_torch(path: pathlib.Path) -> dict[str, _Tensors]:
    """The layers `features.N` of a `.safetensors` file."""
    try:
        tensors = safetensors.numpy.load_file(path)
    except (OSError, AttributeError, safetensors.SafetensorError) as error:
        # An AttributeError is a type that NumPy has not: "float8_e4m3fn".
        raise InputError(
            f"{path}: not readable as .safetensors ({first_line(error)}); "
            "expected such a file, or .h5 of Keras"
        ) from error
    found: dict[str, _Tensors] = {}
    for name, values in tensors.items():
        if match := _TORCH_NAME.fullmatch(name):
            if values.ndim == 4:
                # From [out, in, rows, columns].
                values = values.transpose(2, 3, 1, 0)
            found.setdefault(match[1], {})[values.ndim] = values
    return found


def _of_keras(path: pathlib.Path) -> dict[str, _Tensors]:
    """The convolutions `blockM_convN` of an HDF5 file.

    Where no layer has such a name, those of a model that is as long as a VGG
    are taken in their order.
    """
    found: dict[str, _Tensors] = {}

    def visit(place: str, item: h5py.Group | h5py.Dataset) -> None:
        name = _keras_name(place, item)
        if name:
            tensors = found.setdefault(name, {})
            if item.ndim in tensors:
                raise ValueError(f"{place} is not the only one of its name")
            tensors[item.ndim] = _values(item)

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: not readable as Keras' HDF5 ({first_line(error)}); "
            "expected weights of a VGG"
        ) from error
    numbered = [found.pop(name) for name in sorted(found) if name.isdigit()]
    if not found:
        for names in map(_keras_names, VGG_REPEATS):
            if len(names) == len(numbered):
                return dict(zip(names, numbered, strict=True))
    return found


def _values(item: h5py.Dataset) -> np.ndarray:
    """What a VGG's tensor may be; a file can say that it has terabytes."""
    if item.dtype.kind != "f" or (item.size or 0) > _MOST_NUMBERS:
        raise ValueError(
            f"{item.name} is {item.dtype} {item.shape}, no tensor of a VGG"
        )
    return item[()]


def _keras_name(place: str, item: h5py.Group | h5py.Dataset) -> str:
    """Of which convolution a part of a file is; "" if of none.

    Older Keras has its name in the path, Keras 3 as an attribute, and Keras
    before 3.6 the layer's number alone.
    """
    # Optimisers have moments of each weight.
    if not isinstance(item, h5py.Dataset) or place.startswith("optim"):
        return ""
    folder = place.rpartition("/")[0]
    if match := _KERAS_NAME.search(f"{folder}/{item.parent.attrs.get('name')}"):
        return match[1]
    if match := _KERAS_NUMBER.fullmatch(place):
        return f"{int(match[1] or 0):03}"
    return ""
