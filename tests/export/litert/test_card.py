import dataclasses
import hashlib
import types

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.finished_run import FinishedRun
from export.litert import card as litert_card
from g2npan_tf.core.config import Config
from tests.artefacts import save_litert

RUN = FinishedRun(
    config=Config(preset="compact"),
    facts={"name": "base/1.0.0", "scores": "simulated"},
    scorer=types.SimpleNamespace(input_shape=(None, 512, 512, 3)),
)
OUTPUTS = {
    "mos": np.zeros(1, np.float32),
    "quality": np.zeros(1, np.float32),
    "cam": np.zeros((1, 32, 32), np.float32),
}


def test_calibration_is_told_where_there_was_one():
    facts = {"images": 7}
    card = litert_card.card(RUN, "int8", OUTPUTS, facts)
    assert card["calibration"] == facts
    assert "calibration" not in litert_card.card(RUN, "float16", OUTPUTS)


def test_input_outputs_and_origin_are_those_of_the_run():
    card = litert_card.card(RUN, "float16", OUTPUTS)
    assert card["input"]["shape"] == [1, 512, 512, 3]
    assert card["outputs"]["cam"]["shape"] == [1, 32, 32]
    assert set(card["outputs"]) == set(OUTPUTS)
    assert card["data"] == RUN.facts
    assert card["preset"] == "compact"
    assert "test fold 0" in card["protocol"]
    assert (card["test_fold"], card["models"]) == (0, 1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"config": Config(protocol="all")}, "EVERY scored image trains"),
        ({"members": 5}, "5 models of a cross-validation as one"),
    ],
)
def test_a_model_that_saw_every_image_has_no_test_fold(changed, words):
    run = dataclasses.replace(RUN, **changed)
    card = litert_card.card(run, "float16", OUTPUTS)
    assert words in card["protocol"]
    assert card["test_fold"] is None


def test_the_description_names_precision_data_and_its_scores():
    text = litert_card.description(RUN, "int8")
    for words in ("int8", "base/1.0.0 (simulated scores)", "research only"):
        assert words in text
    assert "\n" not in text


def test_the_side_file_adds_what_only_the_file_tells(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"abc")
    found = litert_card.side_file(path, {"precision": "int8"})
    assert found == {
        "file": "a.tflite",
        "sha256": hashlib.sha256(b"abc").hexdigest(),
        "bytes": 3,
        "precision": "int8",
    }


CARD = {"precision": "float32", "name": "Größe", "list": [1, 2.5, None]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_litert(tmp_path_factory.mktemp("artefacts")).read_bytes()


def outputs(model):
    image = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3))
    runner = Interpreter(model_content=model).get_signature_runner()
    return runner(image=image.astype(np.uint8))


def test_what_was_written_is_read(model):
    changed = litert_card.add(model, "One line", CARD)
    assert litert_card.read(changed) == ("One line", CARD)


def test_a_model_without_a_card_has_none(model):
    assert litert_card.read(model)[1] == {}


def test_the_model_computes_the_same_and_grows_by_the_card_only(model):
    changed = litert_card.add(model, "One line", CARD)
    expected, found = outputs(model), outputs(changed)
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert 0 <= len(changed) - len(model) < 600
