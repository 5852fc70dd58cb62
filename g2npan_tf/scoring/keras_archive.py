"""Looks into a `.keras` file before Keras builds what it describes.

Keras' safe mode refuses functions in a file, but it would build any class
that it can import. A scorer needs few, and no other is built here.
"""

import pathlib
import zipfile
from collections.abc import Iterator
from typing import Any

from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
MAX_BYTES = 2**31
MAX_CONFIG_BYTES = 2**24
# Module and names of the classes that scorers of any setting are made of; a
# test compares them with those of `build_scorer`.
CLASSES = {
    "keras": {"DTypePolicy"},
    "keras.initializers": {
        "Constant",
        "GlorotUniform",
        "HeNormal",
        "Ones",
        "Zeros",
    },
    "keras.layers": {
        "Activation",
        "Add",
        "AveragePooling2D",
        "BatchNormalization",
        "Concatenate",
        "Conv2D",
        "InputLayer",
        "LeakyReLU",
        "MaxPooling2D",
        "ReLU",
        "Rescaling",
        "Reshape",
        "UpSampling2D",
    },
    "keras.src.models.functional": {"Functional"},
    "keras.src.ops.core": {"Cast"},
    "keras.src.ops.nn": {"AveragePool", "Sigmoid"},
    "keras.src.ops.numpy": {
        "Absolute",
        "Add",
        "Clip",
        "Concatenate",
        "Greater",
        "Log",
        "Max",
        "Mean",
        "Multiply",
        "Reshape",
        # Only in scorers of 0.1.0's first local contrast.
        "Sqrt",
        "Square",
        "Subtract",
        "Sum",
        "Transpose",
        "TrueDivide",
    },
    # The mark of a tensor between two layers, not a class.
    None: {"__keras_tensor__"},
}


def check_keras_archive(path: pathlib.Path) -> None:
    """Refuses a `.keras` file that is more than a scorer.

    Args:
        path: The file; nothing of it is executed.

    Raises:
        InputError: If it is no zip archive of the three files that Keras
            writes, too large when unpacked, or names a class that no scorer
            has, e.g. `Lambda`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.infolist())
            config = plain_json.parse(archive.read("config.json"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        # What the parsers of hostile bytes raise is not listed anywhere.
        raise InputError(
            f"{path}: damaged, or not a scorer (no archive that Keras wrote)"
        ) from error
    for module, name in _classes(config):
        if name not in CLASSES.get(module, ()):
            raise InputError(
                f"{path}: names the class {module}.{name}; expected only "
                "those of a scorer of this project"
            )


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Compares names and sizes with what Keras writes."""
    if sorted(member.filename for member in members) != sorted(MEMBERS):
        raise InputError(f".keras file without just {', '.join(MEMBERS)}")
    size = sum(member.file_size for member in members)
    largest = {"config.json": MAX_CONFIG_BYTES}
    for member in members:
        if member.file_size > largest.get(member.filename, MAX_BYTES):
            raise InputError(f"{member.filename} is too large")
    if size > MAX_BYTES:
        raise InputError(f"{size:,} bytes; expected at most {MAX_BYTES:,}")


def _classes(config: Any) -> Iterator[tuple[Any, Any]]:
    """Module and name of all that Keras would look up."""
    waiting = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            if "class_name" in node or "module" in node:
                yield (
                    _plain(node.get("module")),
                    _plain(node.get("class_name")),
                )


def _plain(value: Any) -> str | None:
    """A name that can be looked up and printed."""
    return value if value is None or isinstance(value, str) else repr(value)
