"""Requests that TF Serving replays before it says that a model is there.

The first request of every signature and batch size takes longer, since
TensorFlow then prepares the graph for it.
"""

import pathlib

from export.serving.signatures import signatures

# As in export/serving/batching.config.
BATCH_SIZES = (1, 2, 4, 8, 16)
FILE = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
# Of the grey image that is sent; a constant is written only once. It has no
# content, but every operation runs all the same.
_LEVEL = 127


def write_warmup(folder: pathlib.Path, name: str, size: int) -> bool:
    """Adds the requests to a SavedModel.

    Args:
        folder: The SavedModel.
        name: Of the model, as it will be served.
        size: Side of the scorer's image in pixels.

    Returns:
        Whether the file was written; not if tensorflow-serving-api (extra
        `serving`), which defines its format, is not installed.
    """
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ModuleNotFoundError:
        return False
    import tensorflow as tf

    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    shape = (size, size, 3)
    grey = tf.io.encode_png(tf.fill(shape, tf.constant(_LEVEL, tf.uint8)))
    contents = {
        "image_bytes": lambda count: tf.make_tensor_proto(
            grey.numpy(), tf.string, [count]
        ),
        "image": lambda count: tf.make_tensor_proto(
            _LEVEL, tf.uint8, [count, *shape]
        ),
    }
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, (_, spec) in signatures(size, 1).items():
            for count in BATCH_SIZES:
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                request.inputs[spec.name].CopyFrom(contents[spec.name](count))
                writer.write(log.SerializeToString())
    return True
