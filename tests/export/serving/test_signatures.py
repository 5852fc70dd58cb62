import functools
import io
import itertools
import sys

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export import graph
from export import saved_model
from export.serving import signatures as serving_signatures
from export.serving import status as serving_status
from g2npan_tf.images.read import resize
from tests.artefacts import tiny_scorer
from tests.finished_runs import random_images
from tests.image_files import BAD
from tests.image_files import GOOD
from tests.pictures import CONTENT
from tests.pictures import NO_CONTENT
from tests.pictures import decode
from tests.pictures import encode
from tests.serving_servers import Servable

VERSION = 12
IMAGES = random_images(3, (140, 90))
FILES = [encode(image, "PNG") for image in IMAGES]


def serve(scorer, folder, files, images=IMAGES):
    """Every signature by both loaders."""
    size = scorer.input_shape[1]
    offered = serving_signatures.signatures(size, VERSION)
    graph.write_signatures(scorer, offered, folder)
    feeds = {"image": images, "image_bytes": files}
    return [
        run(folder, feeds)
        for run in (saved_model.run_in_python, saved_model.run_in_session)
    ]


@pytest.fixture(scope="module", params=[0, 1], ids=["python", "session"])
def served(request, tmp_path_factory):
    if not hasattr(serve, "results"):
        folder = tmp_path_factory.mktemp("served") / str(VERSION)
        files = [*FILES, *[data for data, _ in BAD.values()]]
        serve.results = serve(tiny_scorer(), folder, files)
    return serve.results[request.param]


def test_the_signatures_and_their_outputs(served):
    scores = {"mos", "quality", "status", "version"}
    pictures = set(serving_signatures.PICTURES.values())
    assert {name: set(outputs) for name, outputs in served.items()} == {
        "serving_default": scores,
        "score_pixels": scores,
        "explain": scores | {"cam"} | pictures,
        "explain_pixels": scores | {"cam", "reference", "nuance"},
    }


@pytest.mark.parametrize("name", ["mos", "quality", "status", "version"])
def test_bytes_and_pixels_have_the_same_scores(served, name):
    by_pixels = served["score_pixels"][name]
    assert len(set(by_pixels)) > 1 or name in ("status", "version")
    for signature in ("serving_default", "explain"):
        np.testing.assert_array_equal(served[signature][name][:3], by_pixels)
    np.testing.assert_array_equal(served["explain_pixels"][name], by_pixels)


@pytest.mark.parametrize("signature", ["serving_default", "explain"])
def test_bad_files_have_codes_and_the_worst_score(served, signature):
    outputs = {name: rows[3:] for name, rows in served[signature].items()}
    assert outputs["status"].tolist() == [code for _, code in BAD.values()]
    assert set(outputs["mos"]) == {1.0}
    assert set(outputs["quality"]) == {0.0}
    assert set(outputs["version"]) == {VERSION}
    for name in set(outputs) & set(serving_signatures.PICTURES.values()):
        assert set(outputs[name]) == {b""}


def test_pictures_show_the_maps_on_a_fixed_scale(served):
    maps = served["explain_pixels"]
    for name, picture in serving_signatures.PICTURES.items():
        for row in range(3):
            data = served["explain"][picture][row]
            pixels = np.asarray(Image.open(io.BytesIO(data)))
            expected = maps[name][row]
            if name == "cam":
                expected = cv2.resize(expected, (128, 128))
            np.testing.assert_allclose(pixels, expected * 255, atol=0.51)


def test_a_scorer_of_large_images_takes_them_whole(tmp_path):
    scorer = large_scorer(256)
    image = random_images(1, (256, 256))
    files = [encode(image[0], "PNG"), GOOD["PNG RGB"]]
    for served in serve(scorer, tmp_path / "1", files, image):
        by_bytes = served["serving_default"]["mos"]
        assert by_bytes[0] == served["score_pixels"]["mos"][0]
        small = resize(decode(GOOD["PNG RGB"]).pixels, 256)
        expected = scorer.predict(np.stack([image[0], small]), verbose=0)
        # A level of 255, in which OpenCV may round differently.
        np.testing.assert_allclose(by_bytes, expected["mos"], atol=4 / 255)


def large_scorer(size, scale=1 / 255):
    """Quality is the brightness of the first pixels."""
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    scaled = keras.layers.Rescaling(scale)(image)
    quality = keras.ops.mean(scaled[:, :3, :3], axis=(1, 2, 3))
    outputs = {
        "mos": 1 + 4 * quality,
        "quality": quality,
        "cam": keras.ops.mean(scaled[:, ::16, ::16], axis=-1),
    }
    return keras.Model(image, outputs)


SIZES = {
    (1, 1): serving_status.TOO_SMALL,
    (15, 40): serving_status.TOO_SMALL,
    (0, 40): serving_status.TOO_SMALL,
    (16, 16): serving_status.OK,
    (2, 2**24): serving_status.TOO_SMALL,
    (16, 2**21 + 1): serving_status.TOO_MANY_PIXELS,
}


@pytest.fixture(scope="module")
def signatures():
    """The functions around the scorer, not saved."""
    scorer = tiny_scorer()
    return {
        name: functools.partial(function, scorer)
        for name, (function, _) in serving_signatures.signatures(128, 1).items()
    }


@pytest.mark.parametrize(("size", "code"), SIZES.items())
@pytest.mark.parametrize("name", ["score_pixels", "explain_pixels"])
def test_pixels_have_the_limits_of_files(signatures, name, size, code):
    images = np.zeros((2, *size, 3), np.uint8)
    images[:] = np.arange(size[1])[:, None] % 200
    outputs = signatures[name](tf.constant(images))
    assert outputs["status"].numpy().tolist() == [code] * 2
    scored = code == serving_status.OK
    for row in range(2):
        assert (outputs["mos"][row] > 1) == scored
        assert (outputs["quality"][row] > 0) == scored


@pytest.mark.parametrize(
    "name", ["serving_default", "score_pixels", "explain", "explain_pixels"]
)
def test_what_shows_nothing_has_a_code_and_the_worst_score(signatures, name):
    chosen = [list(group.values()) for group in (NO_CONTENT, CONTENT)]
    if name.endswith("pixels"):
        # Only those of one size are a batch.
        shape = (128, 128, 3)
        chosen = [[x for x in group if x.shape == shape] for group in chosen]
        pictures = list(itertools.chain(*chosen))
    else:
        pictures = [encode(x, "PNG") for x in itertools.chain(*chosen)]
    outputs = signatures[name](tf.constant(pictures))
    blank, good = map(len, chosen)
    assert blank > 4 < blank + good
    codes = [serving_status.NO_CONTENT] * blank + [0] * good
    assert outputs["status"].numpy().tolist() == codes
    assert not outputs["quality"][:blank].numpy().any()
    assert set(outputs["mos"][:blank].numpy()) == {1.0}
    assert (outputs["mos"][blank:].numpy() > 1).all()
    if name == "explain":
        assert set(outputs["cam_png_bytes"][:blank].numpy()) == {b""}


def test_a_score_that_is_not_finite_is_none(tmp_path):
    # 0 * inf is NaN: the corner is black.
    scorer = large_scorer(32, np.inf)
    images = CONTENT["shades"][None].copy()
    images[:, :3, :3] = 0
    files = [encode(images[0], "PNG"), b""]
    for served in serve(scorer, tmp_path / "1", files, images):
        for signature, outputs in served.items():
            assert outputs["status"][0] == serving_status.NOT_FINITE, signature
            assert outputs["mos"][0] == 1
            assert outputs["quality"][0] == 0
        assert not served["explain_pixels"]["cam"].any()
        status = served["serving_default"]["status"]
        assert status[1] == serving_status.UNKNOWN_FORMAT


def test_every_signature_and_batch_size_is_warmed_up(served_model):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = served_model / "1" / serving_signatures.WARMUP_FILE
    servable = Servable(served_model / "1")
    asked = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = logs.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == served_model.name
        signature = request.model_spec.signature_name
        inputs = {n: tf.make_ndarray(x) for n, x in request.inputs.items()}
        (fed,) = inputs.values()
        outputs = servable.predict(signature, inputs)
        # They are decoded, but show nothing.
        no_content = [serving_status.NO_CONTENT] * len(fed)
        assert outputs["status"].tolist() == no_content
        asked.append((signature, len(fed)))
    names = [name for name in servable.signatures if not name.startswith("__")]
    sizes = serving_signatures.BATCH_SIZES
    assert sorted(asked) == sorted(itertools.product(names, sizes))


def test_the_requests_are_small_or_not_written(tmp_path, monkeypatch):
    serving_signatures.write_warmup(tmp_path, "large", 512)
    path = tmp_path / serving_signatures.WARMUP_FILE
    assert path.stat().st_size < 100_000
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    assert not serving_signatures.write_warmup(tmp_path / "x", "tiny", 128)
    assert not (tmp_path / "x").exists()
