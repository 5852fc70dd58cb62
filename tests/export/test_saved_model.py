import numpy as np
import pytest
import tensorflow as tf

from export import saved_model
from export import tflite
from export.serving import signatures as serving_signatures
from export.serving import status
from g2npan_tf.core.errors import InputError
from g2npan_tf.images import content
from g2npan_tf.images.read import load_image
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import score_files
from tests.finished_runs import finished_run
from tests.finished_runs import probe
from tests.finished_runs import random_images
from tests.finished_runs import save_run
from tests.image_files import GOOD
from tests.pictures import CONTENT
from tests.pictures import NO_CONTENT
from tests.pictures import encode


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """A folder with the first version."""
    output = tmp_path_factory.mktemp("exported")
    saved_model.export(finished_run(), probe(), output)
    return output


@pytest.fixture(scope="module")
def folder(output):
    return output / "g2npan" / "1"


@pytest.fixture(scope="module")
def signatures(folder):
    return tf.saved_model.load(str(folder)).signatures


def predict(images):
    return finished_run().scorer.predict(images, verbose=0)


@pytest.mark.parametrize(
    "run", [saved_model.run_in_python, saved_model.run_in_session]
)
def test_every_signature_gives_the_scores_of_the_scorer(folder, run):
    images = random_images(3, seed=9)
    expected = predict(images)
    files = [encode(image, "PNG") for image in images]
    found = run(folder, {"image": images, "image_bytes": files})
    assert set(found) == {
        "serving_default",
        "score_pixels",
        "explain",
        "explain_pixels",
    }
    for outputs in found.values():
        assert outputs["status"].tolist() == [0, 0, 0]
        assert outputs["version"].tolist() == [1, 1, 1]
        for name in set(outputs) & set(expected):
            np.testing.assert_allclose(outputs[name], expected[name], atol=1e-5)


PICTURES = {
    **{name: encode(x, "PNG") for name, x in (NO_CONTENT | CONTENT).items()},
    "white JPEG": encode(NO_CONTENT["white"], "JPEG"),
    "one colour JPEG": encode(NO_CONTENT["one colour"], "JPEG", quality=60),
    "noise JPEG": encode(CONTENT["noise of nine levels up and down"], "JPEG"),
    "BMP mask": encode(NO_CONTENT["mask"], "BMP"),
    **GOOD,
}


@pytest.fixture(scope="module")
def answers(output, tmp_path_factory):
    """MOS of every picture's bytes (None without content), by artefact."""
    folder = tmp_path_factory.mktemp("pictures")
    for index, data in enumerate(PICTURES.values()):
        (folder / f"{index:03d}").write_bytes(data)
    run = save_run(finished_run(), folder / "run")
    lite = tflite.export(finished_run(), probe(), folder / "lite").path
    artefacts = {"run": run, "SavedModel": output / "g2npan", "LiteRT": lite}
    paths = sorted(folder.glob("[0-9]*"))
    found = {}
    for name, artefact in artefacts.items():
        assessor = Assessor.load(artefact)
        rows = [image.row for image in score_files(assessor, paths)]
        assert {row.status for row in rows} == {"ok", content.NO_CONTENT}
        found[name] = [row.mos for row in rows]
        pixels = [load_image(path).pixels for path in paths]
        scores = assessor.score(pixels)
        found[f"Assessor, {name}"] = [
            None if np.isnan(score) else score for score in scores
        ]
    feeds = {"image_bytes": list(PICTURES.values()), "image": pixels[0][None]}
    outputs = saved_model.run_in_session(output / "g2npan" / "1", feeds)
    served = outputs["serving_default"]
    codes = {0: False, status.NO_CONTENT: True}
    found["server"] = [
        None if codes[code] else score
        for code, score in zip(served["status"], served["mos"], strict=True)
    ]
    return {
        name: dict(zip(PICTURES, scores, strict=True))
        for name, scores in found.items()
    }


@pytest.mark.parametrize("picture", PICTURES)
def test_every_artefact_has_the_same_answer_for_the_same_bytes(
    answers, picture
):
    found = [scores[picture] for scores in answers.values()]
    if picture in NO_CONTENT:
        assert found == [None] * 7
    elif picture in CONTENT:
        assert None not in found
    if None in found:
        assert found == [None] * 7
    else:
        # Of other sizes than the scorer's, a level may be rounded otherwise.
        np.testing.assert_allclose(found, found[0], atol=5e-3)


def test_ranks_and_types_are_known(signatures):
    _, inputs = signatures["explain_pixels"].structured_input_signature
    assert inputs["image"].shape.as_list() == [None, None, None, 3]
    assert inputs["image"].dtype == tf.uint8
    outputs = signatures["explain_pixels"].structured_outputs
    assert {name: spec.shape.as_list() for name, spec in outputs.items()} == {
        "mos": [None],
        "quality": [None],
        "status": [None],
        "version": [None],
        "cam": [None, 8, 8],
        "reference": [None, 128, 128, 3],
        "nuance": [None, 128, 128, 3],
    }
    kinds = {name: spec.dtype for name, spec in outputs.items()}
    assert kinds.pop("status") == tf.int32
    assert kinds.pop("version") == tf.int64
    assert set(kinds.values()) == {tf.float32}


@pytest.mark.parametrize("name", ["score_pixels", "explain_pixels"])
def test_up_sampling_is_joined_with_the_convolution_after_it(signatures, name):
    definition = signatures[name].graph.as_graph_def()
    nodes = [node for f in definition.library.function for node in f.node_def]
    kinds = [node.op for node in (*definition.node, *nodes)]
    assert kinds.count("DepthToSpace") == 2


@pytest.mark.parametrize(
    ("present", "expected"),
    [([], 1), (["1"], 2), (["9", "10", "notes"], 11), ([".2", "x3"], 1)],
)
def test_the_next_version_follows_the_highest(tmp_path, present, expected):
    for name in present:
        (tmp_path / name).mkdir()
    assert saved_model.next_version(tmp_path) == expected
    assert saved_model.next_version(tmp_path / "missing") == 1


def test_a_version_that_is_there_is_not_replaced(output):
    with pytest.raises(InputError, match="g2npan/1: is there already"):
        saved_model.export(finished_run(), probe(), output, version=1)


def test_the_warm_up_requests_are_there_or_said_to_be_missing(
    folder, tmp_path, monkeypatch
):
    pytest.importorskip("tensorflow_serving")
    assert (folder / serving_signatures.WARMUP_FILE).is_file()
    monkeypatch.setattr(serving_signatures, "write_warmup", lambda *_: False)
    monkeypatch.setattr(saved_model, "_comparisons", lambda *_: [])
    exported = saved_model.export(finished_run(False), probe(1), tmp_path)
    assert exported.notes == (saved_model.NO_WARMUP,)
