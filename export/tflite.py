"""Exports the scorer of a run as one LiteRT file, for workstations.

python -m export.tflite --workdir=runs/first --output=exported

writes exported/g2npan.tflite (float32, one image at a time, built-in
operations only), compared with scorer.keras before it appears there, and
beside it g2npan.json (what it is) and g2npan.parity.json (how exact it is).
"""

import hashlib
import json
import os
import pathlib
import tempfile
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from absl import flags

import g2npan_tf
from export import command
from export import parity
from g2npan_tf import cli
from g2npan_tf import mos

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from export.finished_run import FinishedRun
    from export.finished_run import Probe

SIGNATURE = "serving_default"
# Other kernels than TensorFlow's (XNNPACK), with other orders of summation in
# some forty layers. A reader sees two decimals of the MOS, and a level of an
# 8-bit picture is 4e-3.
TOLERANCES = {
    "mos": 1e-3,
    "quality": 2.5e-4,
    "cam": 1e-3,
    "reference": 1e-3,
    "nuance": 1e-3,
}
_MEANINGS = {
    "mos": "predicted mean opinion score",
    "quality": "the same on the range 0..1",
    "cam": "local quality, 1 is good",
    "reference": "generated best version of the image, RGB",
    "nuance": "|reference - image|",
}


def export(
    run: "FinishedRun",
    probe: "Probe",
    output: pathlib.Path,
    name: str = "g2npan",
) -> command.Exported:
    """Writes `<output>/<name>.tflite` and its two side files, or nothing.

    Args:
        run: The run whose scorer is exported.
        probe: Images for the comparison.
        output: Made if missing.
        name: Name of the model; files of this name are replaced.

    Returns:
        The file and the largest difference of every output.

    Raises:
        ParityError: If the reloaded file differs from the scorer.
        OSError: If the folder cannot be written.
    """
    expected = run.scorer.predict(
        probe.images, batch_size=parity.BATCH_SIZE, verbose=0
    )
    model = convert(run.scorer)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=output) as aside:
        path = pathlib.Path(aside, f"{name}.tflite")
        path.write_bytes(model)
        actual = run_file(path, probe.images)
        differences = parity.compare(expected, actual, TOLERANCES)
        parity.check(differences)
        measured = parity.report(
            differences, probe.source, len(probe.images), run.facts
        )
        _write_json(path.with_suffix(".parity.json"), measured)
        _write_json(path.with_suffix(".json"), _card(path, actual, run))
        # The model last: without it the side files do no harm.
        for suffix in (".parity.json", ".json", ".tflite"):
            made = path.with_suffix(suffix)
            os.replace(made, output / made.name)
    return command.Exported(output / path.name, differences)


def convert(scorer: "keras.Model") -> bytes:
    """Converts a scorer to LiteRT in float32.

    By way of a SavedModel of raw variables: the converter fails on the Keras
    model itself. The batch is fixed, since up-sampling with an open one needs
    many more operations.

    Args:
        scorer: From `g2npan_tf.models.scorer.build_scorer`.

    Returns:
        Content of the file: signature `serving_default` from `image`, uint8
        `[1, size, size, 3]`, to the scorer's outputs, float32.
    """
    import tensorflow as tf

    from export import graph

    def explain(
        net: "keras.Model", image: "tf.Tensor"
    ) -> dict[str, "tf.Tensor"]:
        return net(image, training=False)

    with tempfile.TemporaryDirectory() as aside:
        folder = pathlib.Path(aside, "graph")
        shape = (1, *scorer.input_shape[1:])
        graph.write_graph(scorer, {SIGNATURE: explain}, shape, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(folder), signature_keys=[SIGNATURE]
        )
        builtins = tf.lite.OpsSet.TFLITE_BUILTINS
        converter.target_spec.supported_ops = [builtins]
        with cli.quiet_stderr():
            return converter.convert()


def run_file(path: pathlib.Path, images: np.ndarray) -> parity.Outputs:
    """Runs an exported file with LiteRT, which has built-in operations only.

    Args:
        path: A file from `export`.
        images: uint8 `[n, 128, 128, 3]`.

    Returns:
        The named outputs, each with n rows.
    """
    from ai_edge_litert.interpreter import Interpreter

    with cli.quiet_stderr():
        interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        runner = interpreter.get_signature_runner(SIGNATURE)
        return parity.run_in_batches(
            lambda batch: runner(image=batch), images, batch_size=1
        )


def _card(
    path: pathlib.Path, outputs: parity.Outputs, run: "FinishedRun"
) -> dict[str, Any]:
    """What a program or a person must know of the file to use it."""
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "format": "LiteRT (TensorFlow Lite)",
        "precision": "float32",
        "version": g2npan_tf.__version__,
        "signature": SIGNATURE,
        "input": {
            "name": "image",
            "dtype": "uint8",
            "shape": [1, *run.scorer.input_shape[1:]],
            "range": [0, 255],
            "meaning": "fused image, RGB; other sizes by area averaging",
        },
        "outputs": {
            name: _describe(name, outputs[name], meaning)
            for name, meaning in _MEANINGS.items()
            if name in outputs
        },
        "scale": [mos.MOS_MIN, mos.MOS_MAX],
        "direction": "higher is better",
        "data": run.facts,
        "test_fold": run.config.fold,
    }


def _describe(name: str, values: np.ndarray, meaning: str) -> dict[str, Any]:
    """One output of the card."""
    return {
        "dtype": str(values.dtype),
        "shape": [1, *values.shape[1:]],
        "range": [mos.MOS_MIN, mos.MOS_MAX] if name == "mos" else [0.0, 1.0],
        "meaning": meaning,
    }


def _write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes a side file."""
    path.write_text(json.dumps(content, indent=2) + "\n")


def main(argv: list[str]) -> int:
    """Exports what the command line names."""
    return command.run(export, argv)


if __name__ == "__main__":
    command.define_flags()
    flags.adopt_module_key_flags(command)
    cli.run(main)
