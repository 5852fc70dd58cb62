"""Pretrained VGG weights, read without the framework that made them."""

import pathlib

import keras
import numpy as np
import safetensors
import safetensors.numpy

from g2npan_tf.core.errors import InputError
from g2npan_tf.model.quality_network import VGG_REPEATS


def load_vgg_weights(
    quality_network: keras.Model, backbone: str, path: pathlib.Path
) -> None:
    """Loads a VGG from its second convolution on into the quality network.

    The first convolution sees image and nuance apart, so that it has no
    pretrained counterpart.

    Args:
        quality_network: From `build_quality_network` with `width=1`.
        backbone: `vgg11`, `vgg16` or `vgg19`.
        path: A `.safetensors` file with torchvision's names
            (`features.3.weight` float32 `[out, in, 3, 3]`,
            `features.3.bias` `[out]`, ...); timm's `vgg11.tv_in1k` has the
            same. Other tensors in it are ignored.

    Raises:
        InputError: If the file is not readable, or a tensor is missing or has
            another shape than the network; nothing is loaded then.
    """
    tensors = _read(path)
    weights = {}
    for layer_name, index in _layers(backbone).items():
        layer = quality_network.get_layer(layer_name)
        name = f"features.{index}"
        kernel = _tensor(tensors, f"{name}.weight", path)
        bias = _tensor(tensors, f"{name}.bias", path)
        expected = tuple(layer.kernel.shape)
        # torchvision: [out, in, rows, columns]; Keras: [rows, columns, in, out]
        if kernel.ndim != 4 or kernel.transpose(2, 3, 1, 0).shape != expected:
            raise InputError(
                f"{path}: tensor {name}.weight has shape {kernel.shape}, "
                f"the network's {layer_name} needs "
                f"{tuple(expected[i] for i in (3, 2, 0, 1))} (another "
                "--backbone, --stem_filters, or --vgg_width is not 1?)"
            )
        if bias.shape != (expected[3],):
            raise InputError(
                f"{path}: tensor {name}.bias has shape {bias.shape}, "
                f"the network's {layer_name} needs {(expected[3],)}"
            )
        weights[layer] = [kernel.transpose(2, 3, 1, 0), bias]
    for layer, values in weights.items():
        layer.set_weights(values)


def _layers(backbone: str) -> dict[str, int]:
    """Our layer names and torchvision's indices, without the first layer.

    torchvision counts convolution and ReLU as one each, and each block's
    max-pool as one.
    """
    layers, index = {}, 0
    for block, repeats in enumerate(VGG_REPEATS[backbone], start=1):
        for number in range(1, repeats + 1):
            if index:
                layers[f"block{block}_conv{number}"] = index
            index += 2
        index += 1
    return layers


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """All tensors of a file."""
    try:
        return safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(
            f"{path}: not readable as .safetensors ({error})"
        ) from error


def _tensor(
    tensors: dict[str, np.ndarray], name: str, path: pathlib.Path
) -> np.ndarray:
    """One finite tensor by name, as float32."""
    if name not in tensors:
        raise InputError(f"{path}: tensor {name} is missing")
    values = np.asarray(tensors[name], np.float32)
    if not np.isfinite(values).all():
        raise InputError(
            f"{path}: tensor {name} has values that are not finite"
        )
    return values
