"""Exports the scorer of a run as a SavedModel, for TF Serving and TensorFlow.

python -m export.saved_model --workdir=runs/first --output=exported

writes exported/g2npan/1 (2 the next time, ...), compared with scorer.keras
before it appears there. The signatures `serving_default` and `score_pixels`
take uint8 images of any size and give `mos` and `quality`; `explain_pixels`
gives the maps as well.
"""

import functools
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from absl import flags

from export import command
from export import parity
from g2npan_tf import cli
from g2npan_tf.errors import InputError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from export.finished_run import FinishedRun
    from export.finished_run import Probe

SCORES = ("mos", "quality")
SCORE_SIGNATURES = ("serving_default", "score_pixels")
EXPLAIN_SIGNATURE = "explain_pixels"
# The same kernels in float32, fused in another order: some units in the last
# place of the logit. A reader sees two decimals of the MOS, and a level of an
# 8-bit picture is 4e-3.
TOLERANCES = {
    "mos": 1e-4,
    "quality": 2.5e-5,
    "cam": 1e-4,
    "reference": 1e-4,
    "nuance": 1e-4,
}


def export(
    run: "FinishedRun",
    probe: "Probe",
    output: pathlib.Path,
    name: str = "g2npan",
    version: int | None = None,
) -> command.Exported:
    """Writes `<output>/<name>/<version>/` whole, or nothing.

    Args:
        run: The run whose scorer is exported.
        probe: Images for the comparison.
        output: Made if missing.
        name: Name of the model.
        version: At least 1; None takes the next free one.

    Returns:
        The version folder and the largest difference of every output.

    Raises:
        InputError: If the version is there already.
        ParityError: If the reloaded model differs from the scorer.
        OSError: If the folder cannot be written.
    """
    target = output / name / str(version or next_version(output / name))
    if target.exists():
        raise InputError(f"{target}: is there already; expected a new version")
    output.mkdir(parents=True, exist_ok=True)
    # Beside the model's folder, which TF Serving watches, not in it.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=output) as aside:
        made = pathlib.Path(aside, target.name)
        write(run.scorer, made)
        differences = parity.worst(_comparisons(run.scorer, made, probe.images))
        parity.check(differences)
        content = parity.report(
            differences, probe.source, len(probe.images), run.facts
        )
        (made / "parity.json").write_text(json.dumps(content, indent=2) + "\n")
        target.parent.mkdir(exist_ok=True)
        os.rename(made, target)
    return command.Exported(target, differences)


def next_version(folder: pathlib.Path) -> int:
    """The number after the highest version in a model's folder, from 1."""
    names = (path.name for path in folder.glob("*"))
    return max((int(name) for name in names if name.isdecimal()), default=0) + 1


def write(scorer: "keras.Model", folder: pathlib.Path) -> None:
    """Writes the scorer with its signatures, not compared yet.

    Args:
        scorer: From `g2npan_tf.models.scorer.build_scorer`.
        folder: Made by this function.
    """
    from export import graph

    size = scorer.input_shape[1]

    def explain(
        net: "keras.Model", image: "tf.Tensor"
    ) -> dict[str, "tf.Tensor"]:
        return net(graph.to_scorer_size(image, size), training=False)

    def score(net: "keras.Model", image: "tf.Tensor") -> dict[str, "tf.Tensor"]:
        outputs = explain(net, image)
        return {name: outputs[name] for name in SCORES}

    functions = dict.fromkeys(SCORE_SIGNATURES, score)
    functions[EXPLAIN_SIGNATURE] = explain
    graph.write_graph(scorer, functions, (None, None, None, 3), folder)


def _comparisons(
    scorer: "keras.Model", folder: pathlib.Path, images: np.ndarray
) -> Iterator[parity.Differences]:
    """Compares every signature through both loaders that will be used."""
    expected = scorer.predict(images, batch_size=parity.BATCH_SIZE, verbose=0)
    scores = {name: expected[name] for name in SCORES}
    for run in (run_in_python, run_in_session):
        for signature, actual in run(folder, images).items():
            wanted = expected if signature == EXPLAIN_SIGNATURE else scores
            yield parity.compare(wanted, actual, TOLERANCES)


def run_in_python(
    folder: pathlib.Path, images: np.ndarray
) -> dict[str, parity.Outputs]:
    """Runs every signature as TensorFlow programs and our `Assessor` do.

    Args:
        folder: A SavedModel.
        images: uint8 `[n, height, width, 3]`.

    Returns:
        By signature the named outputs, each with n rows.
    """
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    return {
        name: _run_function(function, images)
        for name, function in model.signatures.items()
    }


def run_in_session(
    folder: pathlib.Path, images: np.ndarray
) -> dict[str, parity.Outputs]:
    """Runs every signature as TF Serving does: a session and tensor names.

    Args:
        folder: A SavedModel.
        images: uint8 `[n, height, width, 3]`.

    Returns:
        By signature the named outputs, each with n rows.
    """
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        # It says that it is deprecated; it is meant here.
        with cli.quiet_stderr():
            model = tf.compat.v1.saved_model.loader.load(
                session, [tf.saved_model.SERVING], str(folder)
            )
        return {
            name: _run_tensors(session, tensors, images)
            for name, tensors in model.signature_def.items()
            # TensorFlow adds one of its own for initialisation.
            if "image" in tensors.inputs
        }


def _run_function(
    function: "tf.types.experimental.ConcreteFunction", images: np.ndarray
) -> parity.Outputs:
    """Runs one signature of a loaded model."""
    import tensorflow as tf

    return parity.run_in_batches(
        lambda batch: function(image=tf.constant(batch)), images
    )


def _run_tensors(
    session: "tf.compat.v1.Session", tensors: Any, images: np.ndarray
) -> parity.Outputs:
    """Runs one signature of a loaded graph."""
    fetches = {name: info.name for name, info in tensors.outputs.items()}
    image = tensors.inputs["image"].name
    return parity.run_in_batches(
        lambda batch: session.run(fetches, {image: batch}), images
    )


def main(argv: list[str]) -> int:
    """Exports what the command line names."""
    versioned = functools.partial(export, version=flags.FLAGS.version)
    return command.run(versioned, argv)


if __name__ == "__main__":
    command.define_flags()
    flags.adopt_module_key_flags(command)
    flags.DEFINE_integer(
        "version", None, "Default: the next free one.", lower_bound=1
    )
    cli.run(main)
