import builtins
import re

import pytest
import tensorflow as tf

from export import saved_model
from export.serving import status
from export.serving import warmup
from tests.artefacts import tiny_scorer
from tests.tiny import REPOSITORY

SIZE = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warm") / "1"
    saved_model.write(tiny_scorer(), folder)
    assert warmup.write_warmup(folder, "tiny", SIZE)
    return folder


@pytest.fixture(scope="module")
def requests(folder):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    return [
        logs.PredictionLog.FromString(record.numpy()).predict_log.request
        for record in tf.data.TFRecordDataset(
            str(folder / "assets.extra" / "tf_serving_warmup_requests")
        )
    ]


def test_every_signature_and_batch_size_is_warmed_up(folder, requests):
    signatures = tf.saved_model.load(str(folder)).signatures
    asked = [
        (
            request.model_spec.signature_name,
            next(iter(request.inputs.values())).tensor_shape.dim[0].size,
        )
        for request in requests
    ]
    assert sorted(asked) == sorted(
        (name, size) for name in signatures for size in warmup.BATCH_SIZES
    )
    assert {request.model_spec.name for request in requests} == {"tiny"}


def test_the_requests_are_decoded_and_have_no_content(folder, requests):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        model = tf.compat.v1.saved_model.loader.load(
            session, [tf.saved_model.SERVING], str(folder)
        )
        for request in requests:
            signature = model.signature_def[request.model_spec.signature_name]
            feeds = {
                signature.inputs[name].name: tf.make_ndarray(tensor)
                for name, tensor in request.inputs.items()
            }
            fetches = {k: x.name for k, x in signature.outputs.items()}
            outputs = session.run(fetches, feeds)
            (fed,) = feeds.values()
            no_content = [status.NO_CONTENT] * len(fed)
            assert outputs["status"].tolist() == no_content


def test_the_file_is_small_whatever_the_size(folder, tmp_path):
    warmup.write_warmup(tmp_path, "large", 512)
    path = tmp_path / warmup.FILE
    assert path.stat().st_size < 100_000


def test_the_batch_sizes_are_those_of_the_configuration():
    path = REPOSITORY / "export" / "serving" / "batching.config"
    sizes = re.findall(r"allowed_batch_sizes: (\d+)", path.read_text())
    assert tuple(map(int, sizes)) == warmup.BATCH_SIZES


def test_without_the_package_nothing_is_written(tmp_path, monkeypatch):
    original = builtins.__import__

    def missing(name, *arguments, **options):
        if name.startswith("tensorflow_serving"):
            raise ModuleNotFoundError(name=name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert not warmup.write_warmup(tmp_path, "tiny", SIZE)
    assert list(tmp_path.iterdir()) == []
