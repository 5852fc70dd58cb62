"""Runs every signature of a SavedModel through both loaders that matter."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from export import parity
from g2npan_tf.core import command

if TYPE_CHECKING:
    import tensorflow as tf

# By name of an input what is fed to it: an array or a list of n rows.
Feeds = Mapping[str, np.ndarray | Sequence[bytes]]


def run_in_python(
    folder: pathlib.Path, feeds: Feeds
) -> dict[str, parity.Outputs]:
    """Runs every signature as TensorFlow programs and our `Assessor` do.

    Args:
        folder: A SavedModel.
        feeds: For every input that the signatures have, by its name: `image`,
            uint8 `[n, height, width, 3]`; `image_bytes`, n files.

    Returns:
        By signature the named outputs, each with n rows.
    """
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    return {
        name: _run_function(function, feeds)
        for name, function in model.signatures.items()
    }


def run_in_session(
    folder: pathlib.Path, feeds: Feeds
) -> dict[str, parity.Outputs]:
    """Runs every signature as TF Serving does: a session and tensor names.

    Args:
        folder: A SavedModel.
        feeds: As for `run_in_python`.

    Returns:
        By signature the named outputs, each with n rows.
    """
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        # It says that it is deprecated; it is meant here.
        with command.quiet_stderr():
            model = tf.compat.v1.saved_model.loader.load(
                session, [tf.saved_model.SERVING], str(folder)
            )
        return {
            name: _run_tensors(session, tensors, feeds)
            for name, tensors in model.signature_def.items()
            # TensorFlow adds one of its own for initialisation.
            if set(tensors.inputs) & set(feeds)
        }


def _run_function(
    function: "tf.types.experimental.ConcreteFunction", feeds: Feeds
) -> parity.Outputs:
    """Runs one signature of a loaded model."""
    import tensorflow as tf

    (name,) = function.structured_input_signature[1]
    return parity.run_in_batches(
        lambda batch: function(**{name: tf.constant(batch)}), feeds[name]
    )


def _run_tensors(
    session: "tf.compat.v1.Session", tensors: Any, feeds: Feeds
) -> parity.Outputs:
    """Runs one signature of a loaded graph."""
    fetches = {name: info.name for name, info in tensors.outputs.items()}
    ((name, fed),) = tensors.inputs.items()
    return parity.run_in_batches(
        lambda batch: session.run(fetches, {fed.name: batch}), feeds[name]
    )
