import numpy as np
import pytest
import tensorflow as tf

from export import loaders


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A SavedModel with one signature for each kind of input."""
    module = tf.Module()
    module.raw_variables = [tf.Variable(2.0)]

    def double(image):
        return {"y": tf.cast(image, tf.float32) * module.raw_variables[0]}

    def measure(image_bytes):
        return {"length": tf.strings.length(image_bytes)}

    path = tmp_path_factory.mktemp("graph") / "1"
    tf.saved_model.save(
        module,
        str(path),
        signatures={
            "pixels": tf.function(
                double,
                input_signature=[tf.TensorSpec([None], tf.uint8, "image")],
            ),
            "bytes": tf.function(
                measure,
                input_signature=[
                    tf.TensorSpec([None], tf.string, "image_bytes")
                ],
            ),
        },
    )
    return path


@pytest.mark.parametrize("run", [loaders.run_in_python, loaders.run_in_session])
def test_each_signature_is_fed_its_input_in_batches(folder, run):
    image = np.arange(20, dtype=np.uint8)
    files = [b"x" * length for length in range(20)]
    found = run(folder, {"image": image, "image_bytes": files})
    assert set(found) == {"pixels", "bytes"}
    np.testing.assert_array_equal(found["pixels"]["y"], 2.0 * image)
    np.testing.assert_array_equal(found["bytes"]["length"], image)
