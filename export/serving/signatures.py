"""The functions that a served model offers, around the scorer.

| signature | input | outputs |
|---|---|---|
| `serving_default` | `image_bytes` | scores |
| `score_pixels` | `image` | scores |
| `explain` | `image_bytes` | scores, `cam`, pictures |
| `explain_pixels` | `image` | scores, maps |

`image_bytes` is a string `[batch]` of whole PNG, JPEG or BMP files; `image` is
uint8 `[batch, height, width, 3]`, RGB. Scores, all `[batch]`:

- `mos`: float32, 1..5;
- `quality`: float32, 0..1;
- `mos_low` and `mos_high`: float32, 1..5, if the scorer has an interval;
- `distance`: float32, 0..100, from the training images as a percentile of
  theirs, if the scorer has a scope;
- `mos_spread`: float32, the standard deviation between the MOS of models that
  are packed as one;
- `status`: int32, a code of `export.serving.status`;
- `version`: int64, that of the model's folder.
"""

import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping

import tensorflow as tf

from export import graph
from export.serving import image_bytes
from export.serving import status as statuses
from g2npan_tf.scoring.assessor import FURTHER

Outputs = dict[str, tf.Tensor]

# A scorer may lack the further ones.
SCORES = ("mos", "quality", *FURTHER)
# Maps that a client may want to show, as pictures. TF Serving's REST interface
# sends outputs whose names end in _bytes in base 64.
PICTURES = {
    "cam": "cam_png_bytes",
    "nuance": "nuance_png_bytes",
    "reference": "reference_png_bytes",
}
# As in export/serving/batching.config.
BATCH_SIZES = (1, 2, 4, 8, 16)
WARMUP_FILE = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
# Of the grey image that is sent; a constant is written only once. The image has
# no content, but every operation runs all the same.
_WARMUP_LEVEL = 127


def signatures(
    size: int, version: int
) -> dict[str, tuple[graph.Function, tf.TensorSpec]]:
    """The signatures of a SavedModel, for `graph.write_signatures`.

    Choice: a row without a score has MOS 1 and quality 0, the worst: for a
    client that ignores the status this is the safe error, and JSON has no
    NaN. Its maps are 0 and its pictures empty.
    Choice: the pictures show numbers on the same scale for every image: 255
    is 1. The nuance and the reference are in RGB; the CAM is grey and
    enlarged linearly between the centres of its cells.

    Args:
        size: Side of the scorer's image in pixels.
        version: What the output `version` says.
    """
    # Traced once for both signatures of bytes.
    decode = tf.function(lambda data: image_bytes.decode_batch(data, size))

    def by_bytes(net: Callable, data: tf.Tensor) -> Outputs:
        pixels, status = decode(data)
        return _finish(net(pixels, training=False), status, version)

    def by_pixels(net: Callable, image: tf.Tensor) -> Outputs:
        status, pixels = _sized(image, size)
        return _finish(net(pixels, training=False), status, version)

    def explain(net: Callable, data: tf.Tensor) -> Outputs:
        outputs = by_bytes(net, data)
        return {**_scores(outputs), "cam": outputs["cam"]} | {
            picture: _draw(outputs[name], outputs["status"], size)
            for name, picture in PICTURES.items()
            if name in outputs
        }

    files = tf.TensorSpec([None], tf.string, name="image_bytes")
    image = tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")
    return {
        "serving_default": (lambda *x: _scores(by_bytes(*x)), files),
        "score_pixels": (lambda *x: _scores(by_pixels(*x)), image),
        "explain": (explain, files),
        "explain_pixels": (by_pixels, image),
    }


def scores_of(outputs: Iterable[str]) -> list[str]:
    """Names of the scores among outputs of a scorer."""
    there = set(outputs)
    return [name for name in SCORES if name in there]


def write_warmup(folder: pathlib.Path, name: str, size: int) -> bool:
    """Adds the requests that TF Serving replays before a model is available.

    The first request of every signature and batch size takes longer, since
    TensorFlow then prepares the graph for it.

    Args:
        folder: The SavedModel.
        name: Of the model, as it will be served.
        size: Side of the scorer's image in pixels.

    Returns:
        Whether the file was written. It is not if tensorflow-serving-api
        (extra `serving`), which defines its format, is missing.
    """
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ModuleNotFoundError:
        return False

    path = folder / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    shape = (size, size, 3)
    level = tf.constant(_WARMUP_LEVEL, tf.uint8)
    grey = tf.io.encode_png(tf.fill(shape, level)).numpy()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, (_, spec) in signatures(size, 1).items():
            for count in BATCH_SIZES:
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                request.inputs[spec.name].CopyFrom(
                    tf.make_tensor_proto(grey, tf.string, [count])
                    if spec.dtype == tf.string
                    else tf.make_tensor_proto(
                        _WARMUP_LEVEL, tf.uint8, [count, *shape]
                    )
                )
                writer.write(log.SerializeToString())
    return True


def _sized(image: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Status and squares of pixels, under the limits that files have."""
    count, height, width, _ = tf.unstack(tf.shape(image, tf.int64))
    code = image_bytes.size_status(height, width)
    black = (tf.fill([count], code), tf.zeros((count, size, size, 3), tf.uint8))
    status, pixels = tf.cond(
        code == statuses.OK,
        lambda: graph.judged_to_scorer_size(image, size),
        lambda: black,
    )
    return status, tf.ensure_shape(pixels, (None, size, size, 3))


def _finish(
    outputs: Mapping[str, tf.Tensor], status: tf.Tensor, version: int
) -> Outputs:
    """Replaces what is no score, and adds status and version."""
    finite = tf.reduce_all(
        [tf.math.is_finite(outputs[name]) for name in scores_of(outputs)],
        axis=0,
    )
    scored = status == statuses.OK
    failed = tf.logical_and(scored, tf.logical_not(finite))
    status = tf.where(failed, statuses.NOT_FINITE, status)
    good = tf.logical_and(scored, finite)
    finished = graph.worst_unless(good, outputs)
    versions = tf.fill(tf.shape(status), tf.constant(version, tf.int64))
    return {**finished, "status": status, "version": versions}


def _scores(outputs: Outputs) -> Outputs:
    """Drops the maps."""
    names = (*scores_of(outputs), "status", "version")
    return {name: outputs[name] for name in names}


def _draw(values: tf.Tensor, status: tf.Tensor, size: int) -> tf.Tensor:
    """Encodes a map 0..1 of every row as PNG; strings `[batch]`."""
    if values.shape.rank == 3:
        values = tf.image.resize(values[..., tf.newaxis], (size, size))
    levels = tf.cast(tf.round(tf.clip_by_value(values, 0, 1) * 255), tf.uint8)
    pictures = tf.map_fn(
        tf.io.encode_png, levels, fn_output_signature=tf.string
    )
    return tf.where(status == statuses.OK, pictures, b"")
