"""Turns a scorer into the content of a LiteRT file, in four precisions."""

import pathlib
import re
import tempfile
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from g2npan_tf.core import command
from g2npan_tf.images.content import NEAR_LEVELS

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from export.finished_run import FinishedRun

SIGNATURE = "serving_default"
# Weights in float16, computed in float32; weights in int8, activations
# quantised for each image as it comes; all in int8 with fixed ranges.
PRECISIONS = ("float32", "float16", "dynamic", "int8")
# Operations of the inner layers, which full int8 quantises: of the generator
# from its first residual block on (and all but the last two up-sampling
# blocks), and of the quality network from VGG's second block on.
_INNER = (r"down1_residual", r"down[2-9]", r"ufw\d", r"block[2-9]_")
# Images of 128 x 128 pixels on which the ranges of int8 are found; more change
# them little and take longer. Images that are scored by tiles have 4 or more.
NUM_IMAGES = 200
NUM_TILED_IMAGES = 32


def convert(
    scorer: "keras.Model",
    precision: str = "float32",
    images: np.ndarray | None = None,
) -> bytes:
    """Converts a scorer to LiteRT.

    It goes by way of a SavedModel of raw variables, since the converter fails
    on the Keras model itself. The batch is fixed, since up-sampling an open
    one needs many more operations.

    Args:
        scorer: From `g2npan_tf.model.scorer.build_scorer`.
        precision: One of `PRECISIONS`.
        images: For `int8`, from `calibration`.

    Returns:
        Content of the file: signature `serving_default` from `image`, uint8
        `[1, size, size, 3]`, to the scorer's outputs, float32, whatever the
        precision is. Built-in operations only. A blank image has MOS 1,
        quality 0 and maps of zeros.
    """
    import tensorflow as tf

    from export import graph

    def explain(
        net: "keras.Model", image: "tf.Tensor"
    ) -> dict[str, "tf.Tensor"]:
        outputs = net(image, training=False)
        # No built-in operation makes histograms: callers must find masks.
        levels = tf.cast(image, tf.float32)
        highest = tf.reduce_max(levels, axis=(1, 2))
        spread = highest - tf.reduce_min(levels, axis=(1, 2))
        shown = tf.reduce_any(spread >= NEAR_LEVELS, axis=-1)
        return graph.worst_unless(shown, outputs)

    with tempfile.TemporaryDirectory() as aside:
        folder = pathlib.Path(aside, "graph")
        shape = (1, *scorer.input_shape[1:])
        image = tf.TensorSpec(shape, tf.uint8, name="image")
        graph.write_signatures(
            scorer,
            {SIGNATURE: (explain, image)},
            folder,
            use_products=precision == "float32",
        )
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(folder), signature_keys=[SIGNATURE]
        )
        builtins = tf.lite.OpsSet.TFLITE_BUILTINS
        converter.target_spec.supported_ops = [builtins]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        with command.quiet_stderr(), warnings.catch_warnings():
            # TensorFlow calibrates with its own, deprecated interpreter.
            warnings.simplefilter("ignore")
            if precision == "int8":
                return _full_int8(converter, scorer, images)
            return converter.convert()


def calibration(run: "FinishedRun") -> tuple[np.ndarray, dict[str, Any]]:
    """Takes equally many training images of each kind.

    A kind is an algorithm and a modality. Images of one kind are spread over
    the training part; nothing is random, so that two exports are equal.

    Returns:
        uint8 `[n, size, size, 3]`, RGB, as the scorer takes them, so that they
        pass its scaling and its division into tiles; and facts for the card.

    Raises:
        InputError: If the run's data set no longer exists.
    """
    # They load TensorFlow.
    from g2npan_tf.data import base
    from g2npan_tf.data import protocols

    builder = base.reopen(run.config, run.facts)
    places = np.sort(base.divide(builder, run.config).train)
    scores = base.read_scores(builder, places)
    kinds = np.char.add(
        np.char.add(scores["algorithm"], " "), scores["modality"]
    )
    tiled = base.is_tiled(builder)
    chosen = spread(kinds, NUM_TILED_IMAGES if tiled else NUM_IMAGES)
    return base.read(builder, places[chosen])["image"], {
        "images": len(chosen),
        "part": f"training part, {protocols.describe(run.config)}",
        "data": run.facts["name"],
        "kinds": len(np.unique(kinds)),
    }


def spread(kinds: np.ndarray, count: int) -> np.ndarray:
    """Chooses rows, kind by kind in turn, evenly within each kind.

    Args:
        kinds: Text `[n]`.
        count: How many rows to choose, if there are so many.

    Returns:
        Their places, int64 `[min(count, n)]`, ascending. No kind has more
        than one row above another that has rows left.
    """
    members = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    quotas = [0] * len(members)
    left = min(count, len(kinds))
    while left:
        for index, rows in enumerate(members):
            if left and quotas[index] < len(rows):
                quotas[index] += 1
                left -= 1
    chosen = [
        rows[np.linspace(0, len(rows) - 1, quota).round().astype(int)]
        for rows, quota in zip(members, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def _full_int8(
    converter: "tf.lite.TFLiteConverter",
    scorer: "keras.Model",
    images: np.ndarray | None,
) -> bytes:
    """Quantises weights and activations, with ranges from images.

    Choice: what works at the image's own resolution stays float32 (the first
    convolution and the last two up-sampling blocks of the generator, the
    nuance, the stem of the quality network), since the nuance is a small
    difference of large values. So does the head, from the projection of the
    warehouses' features on, since one range would have to fit these and the
    VGG's features. They are 1 % of the weights; docs/export.md says what else
    was tried.
    """
    import tensorflow as tf

    if images is None:
        raise ValueError("int8 needs images to calibrate on")

    def examples() -> Iterator[dict[str, np.ndarray]]:
        return ({"image": image[None]} for image in images)

    ops = tf.lite.OpsSet
    converter.representative_dataset = examples
    # What has no int8 form (the input's cast) stays float.
    converter.target_spec.supported_ops = [
        ops.TFLITE_BUILTINS_INT8,
        ops.TFLITE_BUILTINS,
    ]
    lite = tf.lite.experimental
    # The one public way to leave chosen operations as they are.
    quantizer = lite.QuantizationDebugger(
        converter=converter, debug_dataset=examples
    )
    kept = float_operations(quantizer.calibrated_model, scorer)
    quantizer.options = lite.QuantizationDebugOptions(denylisted_nodes=kept)
    return quantizer.get_nondebug_quantized_model()


def float_operations(model: bytes, scorer: "keras.Model") -> list[str]:
    """Names the outputs of operations that full int8 leaves in float32."""
    up = [f"up{i}_" for i in range(1, _number_of_up_blocks(scorer) - 1)]
    inner = re.compile(f"/({'|'.join([*_INNER, *up])})")
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = content.subgraphs[0]
    names = [
        graph.tensors[index].name.decode()
        for operation in graph.operators
        for index in operation.outputs
    ]
    return [name for name in names if not inner.search(name)]


def _number_of_up_blocks(scorer: "keras.Model") -> int:
    """Up-sampling blocks of the generator; 0 if there is none.

    Of several scorers packed as one the first counts: they are alike.
    """
    # It loads TensorFlow.
    from g2npan_tf.model.packed import FIRST

    layers = {layer.name: layer for layer in scorer.layers}
    if FIRST in layers:
        return _number_of_up_blocks(layers[FIRST])
    if "generator" not in layers:
        return 0
    names = [layer.name for layer in layers["generator"].layers]
    return sum(bool(re.fullmatch(r"up\d+_conv", name)) for name in names)
