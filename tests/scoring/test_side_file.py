import hashlib
import json

import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring import side_file


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "g2npan.int8.tflite"
    path.write_bytes(b"model")
    return path


def beside(model, text):
    model.with_name("g2npan.int8.json").write_text(text)


def test_the_right_sum_is_accepted(model):
    digest = hashlib.sha256(b"model").hexdigest()
    beside(model, json.dumps({"sha256": digest}))
    side_file.check(model)
    model.write_bytes(b"another")
    with pytest.raises(InputError):
        side_file.check(model)


@pytest.mark.parametrize("text", [None, "{}", '{"other": 1}', "[1]"])
def test_without_a_sum_nothing_is_checked(model, text):
    if text:
        beside(model, text)
    side_file.check(model)


@pytest.mark.parametrize("digest", ["0" * 64, "", 7])
def test_another_file_is_refused_in_one_line(model, digest):
    beside(model, json.dumps({"sha256": digest}))
    with pytest.raises(InputError) as caught:
        side_file.check(model)
    message = str(caught.value)
    assert message.startswith(f"{model}: not the file that g2npan.int8.json")
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_an_unreadable_side_file_is_refused_in_one_line(model, text):
    beside(model, text)
    with pytest.raises(InputError, match=r"int8\.json: unreadable; expected"):
        side_file.check(model)
