import io

import cv2
import keras
import numpy as np
import pytest
from PIL import Image

from export import graph
from export import loaders
from export import serving_signatures
from export import serving_status
from g2npan_tf.images import decode_image
from g2npan_tf.images import resize
from tests.artefacts import tiny_scorer
from tests.finished_runs import random_images
from tests.image_files import BAD
from tests.image_files import GOOD
from tests.image_files import encode

VERSION = 12
IMAGES = random_images(3, (140, 90))
FILES = [encode(image, "PNG") for image in IMAGES]


def serve(scorer, folder, files, images=IMAGES, grey_bits=None):
    """Every signature by both loaders."""
    size = scorer.input_shape[1]
    offered = serving_signatures.signatures(size, VERSION, grey_bits)
    graph.write_signatures(scorer, offered, folder)
    feeds = {"image": images, "image_bytes": files}
    return [
        run(folder, feeds)
        for run in (loaders.run_in_python, loaders.run_in_session)
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


def test_scores_are_those_of_the_scorer(served):
    images = np.stack([resize(image) for image in IMAGES])
    expected = tiny_scorer().predict(images, verbose=0)
    # Single pixels may differ by one level; see test_export_graph.
    for name in ("mos", "quality"):
        actual = served["score_pixels"][name]
        np.testing.assert_allclose(actual, expected[name], atol=1e-3)


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
    white = encode(np.full((20, 20), 4095, np.uint16), "PNG")
    for served in serve(scorer, tmp_path / "1", [*files, white], image, 12):
        *by_bytes, of_white = served["serving_default"]["mos"]
        assert of_white == 5.0
        assert by_bytes[0] == served["score_pixels"]["mos"][0]
        small = resize(decode_image(GOOD["PNG RGB"]).pixels, 256)
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


def test_a_score_that_is_not_finite_is_none(tmp_path):
    # 0 * inf is NaN: the corner of the second image is black.
    scorer = large_scorer(32, np.inf)
    images = np.zeros((1, 32, 32, 3), np.uint8)
    files = [encode(images[0], "PNG"), b""]
    for served in serve(scorer, tmp_path / "1", files, images):
        for signature, outputs in served.items():
            assert outputs["status"][0] == serving_status.NOT_FINITE, signature
            assert outputs["mos"][0] == 1
            assert outputs["quality"][0] == 0
        assert not served["explain_pixels"]["cam"].any()
        status = served["serving_default"]["status"]
        assert status[1] == serving_status.UNKNOWN_FORMAT
