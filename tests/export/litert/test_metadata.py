import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.litert import metadata
from tests.artefacts import save_artefacts
from tests.artefacts import tiny_scorer

CARD = {"precision": "float32", "name": "Größe", "list": [1, 2.5, None]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts")
    save_artefacts(tiny_scorer(), folder)
    return (folder / "scorer.tflite").read_bytes()


def outputs(model):
    image = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3))
    runner = Interpreter(model_content=model).get_signature_runner()
    return runner(image=image.astype(np.uint8))


def test_what_was_written_is_read(model):
    changed = metadata.add(model, "One line", CARD)
    assert metadata.read(changed) == ("One line", CARD)


def test_a_model_without_a_card_has_none(model):
    assert metadata.read(model)[1] == {}


def test_the_model_computes_the_same_and_grows_by_the_card_only(model):
    changed = metadata.add(model, "One line", CARD)
    expected, found = outputs(model), outputs(changed)
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert 0 <= len(changed) - len(model) < 600
