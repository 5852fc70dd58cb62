import hashlib
import json
import os

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export import tflite
from g2npan_tf.scoring.assessor import Assessor
from tests.finished_runs import assert_outputs_close
from tests.finished_runs import finished_run
from tests.finished_runs import probe
from tests.finished_runs import random_images

FILES = {"g2npan.tflite", "g2npan.json", "g2npan.parity.json"}


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """A folder with the three files."""
    output = tmp_path_factory.mktemp("exported")
    exported = tflite.export(finished_run(), probe(), output)
    assert exported.path == output / "g2npan.tflite"
    return output


@pytest.fixture
def card(output):
    return json.loads((output / "g2npan.json").read_text())


def test_exactly_three_files_are_written(output):
    assert {path.name for path in output.iterdir()} == FILES


def test_litert_gives_the_outputs_of_the_scorer(output):
    images = random_images(3, seed=9)
    expected = finished_run().scorer.predict(images, verbose=0)
    found = tflite.run_file(output / "g2npan.tflite", images)
    assert_outputs_close(found, expected, 1e-4)


def test_up_sampling_is_joined_with_the_convolution_after_it(output):
    interpreter = Interpreter(str(output / "g2npan.tflite"))
    names = [item["op_name"] for item in interpreter._get_ops_details()]
    assert names.count("DEPTH_TO_SPACE") == 2
    # What is left belongs to the two larger scales of the warehouse.
    assert names.count("TILE") == 4
    assert not [name for name in names if "Flex" in name or "CUSTOM" in name]


def test_the_card_tells_the_truth_about_the_file(output, card):
    path = output / card["file"]
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["bytes"] == path.stat().st_size
    runner = Interpreter(str(path)).get_signature_runner(card["signature"])
    details = {card["input"]["name"]: card["input"]}
    for name, detail in runner.get_input_details().items():
        assert detail["shape"].tolist() == details[name]["shape"]
        assert np.dtype(detail["dtype"]).name == details[name]["dtype"]
    outputs = runner.get_output_details()
    assert set(outputs) == set(card["outputs"])
    for name, detail in outputs.items():
        described = card["outputs"][name]
        assert detail["shape"].tolist() == described["shape"]
        assert np.dtype(detail["dtype"]).name == described["dtype"]


def write_files(folder, model):
    """A model and side files that tell of it; its path."""
    folder.mkdir()
    digest = hashlib.sha256(model).hexdigest()
    for end in (".json", ".parity.json"):
        text = json.dumps({"sha256": digest})
        (folder / f"g2npan.int8{end}").write_text(text)
    path = folder / "g2npan.int8.tflite"
    path.write_bytes(model)
    return path


@pytest.mark.parametrize("done", range(6))
def test_a_replacement_stopped_anywhere_leaves_what_loads(
    output, tmp_path, monkeypatch, done
):
    model = (output / "g2npan.tflite").read_bytes()
    old = write_files(tmp_path / "old", model)
    new = write_files(tmp_path / "new", model + bytes(16))
    left = [done]

    def stopping(operation):
        def stopped(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return operation(*arguments, **options)

        return stopped

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stopping(os.replace))
        patch.setattr(os, "unlink", stopping(os.unlink))
        if done < 5:
            with pytest.raises(KeyboardInterrupt):
                tflite.move(new, old.parent)
        else:
            tflite.move(new, old.parent)
    assert left[0] == (-1 if done < 5 else 0)
    digest = hashlib.sha256(old.read_bytes()).hexdigest()
    for side_file in old.parent.glob("*.json"):
        assert json.loads(side_file.read_text())["sha256"] == digest
    assert Assessor.load(old).score(random_images(1)).shape == (1,)
    assert len(list(old.parent.iterdir())) == (3, 2, 1, 1, 2, 3)[done]
