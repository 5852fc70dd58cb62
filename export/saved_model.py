"""Exports the scorer of a run as a SavedModel, for TF Serving and TensorFlow.

python -m export.saved_model --workdir=runs/first --output=exported

writes exported/g2npan/1 (2 the next time, ...), compared with scorer.keras
before it appears there. What it offers is in export/serving/signatures.py,
how to serve it in docs/serving.md.
"""

import functools
import os
import pathlib
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import cv2
import numpy as np
from absl import flags

from export import command
from export import parity
from g2npan_tf.core import command as cli
from g2npan_tf.core.errors import InputError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from export.finished_run import FinishedRun
    from export.finished_run import Probe

# What is fed to an input, by its name: uint8 `[n, height, width, 3]`, or n
# whole files.
Feeds = Mapping[str, np.ndarray | Sequence[bytes]]

NO_WARMUP = (
    "no warm-up requests for TF Serving, which need pip install '.[serving]'"
)
EXPLAIN_SIGNATURE = "explain_pixels"
# The same float32 kernels, fused in another order: the logit differs by a few
# units in the last place. A reader sees two decimals of the MOS, and one level
# of an 8-bit picture is 4e-3.
TOLERANCES = {
    "mos": 1e-4,
    "mos_low": 1e-4,
    "mos_high": 1e-4,
    "quality": 2.5e-5,
    "cam": 1e-4,
    "reference": 1e-4,
    "nuance": 1e-4,
    "mos_spread": 2e-4,
    "distance": 0.1,
}


def export(
    run: "FinishedRun",
    probe: "Probe",
    output: pathlib.Path,
    name: str = "g2npan",
    version: int | None = None,
) -> command.Exported:
    """Writes `<output>/<name>/<version>/` whole, or nothing.

    Without a version the next free one is taken.

    Raises:
        InputError: If the version is there already.
        ParityError: If the reloaded model differs from the scorer.
        OSError: If the folder cannot be written.
    """
    from export.serving import signatures

    target = output / name / str(version or next_version(output / name))
    if target.exists():
        raise InputError(f"{target}: is there already; expected a new version")
    output.mkdir(parents=True, exist_ok=True)
    # Beside the model's folder, which TF Serving watches, not in it.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=output) as aside:
        made = pathlib.Path(aside, target.name)
        write(run.scorer, made, int(target.name))
        warm = signatures.write_warmup(made, name, run.scorer.input_shape[1])
        differences = parity.worst(_comparisons(run.scorer, made, probe.images))
        parity.check(differences)
        parity.write(made / "parity.json", differences, run, probe)
        target.parent.mkdir(exist_ok=True)
        os.rename(made, target)
    return command.Exported(target, differences, () if warm else (NO_WARMUP,))


def next_version(folder: pathlib.Path) -> int:
    """The number after the highest version in a model's folder, from 1."""
    names = (path.name for path in folder.glob("*"))
    return max((int(name) for name in names if name.isdecimal()), default=0) + 1


def write(
    scorer: "keras.Model", folder: pathlib.Path, version: int = 1
) -> None:
    """Writes the scorer with its signatures, not compared yet."""
    from export import graph
    from export.serving import signatures

    offered = signatures.signatures(scorer.input_shape[1], version)
    graph.write_signatures(scorer, offered, folder)


def run_in_python(
    folder: pathlib.Path, feeds: Feeds
) -> dict[str, parity.Outputs]:
    """Runs every signature as TensorFlow programs and our `Assessor` do.

    Returns:
        By signature the named outputs, each with n rows.
    """
    import tensorflow as tf

    def outputs(function: "tf.types.experimental.ConcreteFunction") -> Any:
        (name,) = function.structured_input_signature[1]
        return parity.run_in_batches(
            lambda batch: function(**{name: tf.constant(batch)}), feeds[name]
        )

    model = tf.saved_model.load(str(folder))
    return {name: outputs(f) for name, f in model.signatures.items()}


def run_in_session(
    folder: pathlib.Path, feeds: Feeds
) -> dict[str, parity.Outputs]:
    """Runs every signature as TF Serving does: a session and tensor names.

    Returns:
        By signature the named outputs, each with n rows.
    """
    import tensorflow as tf

    def outputs(signature: Any) -> parity.Outputs:
        fetches = {name: info.name for name, info in signature.outputs.items()}
        ((name, fed),) = signature.inputs.items()
        return parity.run_in_batches(
            lambda batch: session.run(fetches, {fed.name: batch}), feeds[name]
        )

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        # TensorFlow warns that this loader is deprecated; TF Serving uses it.
        with cli.quiet_stderr():
            model = tf.compat.v1.saved_model.loader.load(
                session, [tf.saved_model.SERVING], str(folder)
            )
        return {
            name: outputs(signature)
            for name, signature in model.signature_def.items()
            # TensorFlow adds one of its own for initialisation.
            if set(signature.inputs) & set(feeds)
        }


def _comparisons(
    scorer: "keras.Model", folder: pathlib.Path, images: np.ndarray
) -> Iterator[parity.Differences]:
    """Compares every signature through both loaders that will be used."""
    from export.serving import signatures

    expected = scorer.predict(images, batch_size=parity.BATCH_SIZE, verbose=0)
    feeds: Feeds = {
        "image": images,
        "image_bytes": [_png(row) for row in images],
    }
    for run in (run_in_python, run_in_session):
        for signature, actual in run(folder, feeds).items():
            if np.any(actual["status"]):
                raise parity.ParityError(
                    f"{signature} of the artefact refuses an image with "
                    f"status {actual['status'].max()}; it was not written"
                )
            names = (
                expected
                if signature == EXPLAIN_SIGNATURE
                else signatures.scores_of(expected)
            )
            yield parity.compare(
                {name: expected[name] for name in names},
                {name: actual[name] for name in names if name in actual},
                TOLERANCES,
            )


def _png(pixels: np.ndarray) -> bytes:
    """Encodes RGB as a PNG file."""
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def main(argv: list[str]) -> int:
    """Exports what the command line names."""
    chosen = functools.partial(export, version=flags.FLAGS.version)
    return command.run([chosen], argv)


if __name__ == "__main__":
    command.define_flags()
    flags.adopt_module_key_flags(command)
    flags.DEFINE_integer(
        "version", None, "Default: the next free one.", 1, 2**63 - 1
    )
    cli.run(main, tidy=True)
