"""The scale of the user's scores is said, never guessed."""

import json

import numpy as np
import pytest

from datasets.custom.scale import EXAMPLE
from datasets.custom.scale import Scale
from datasets.custom.scale import read_scale
from g2npan_tf.core.errors import InputError

GOOD = {"mos_min": 0, "mos_max": 100, "lower_is_better": False}


def write(tmp_path, values):
    (tmp_path / "scale.json").write_text(json.dumps(values))
    return tmp_path


def test_scores_are_mapped_linearly_to_the_mos():
    scale = Scale(0, 100, lower_is_better=False)
    found = scale.to_mos(np.array([0.0, 25.0, 100.0, np.nan]))
    np.testing.assert_allclose(found, [1, 2, 5, np.nan])
    assert scale.spread_to_mos(25.0) == 1.0


def test_impairment_scores_are_turned_round():
    found = Scale(-1, 3, lower_is_better=True).to_mos(np.array([-1.0, 0, 3]))
    np.testing.assert_allclose(found, [5, 4, 1])


def test_example_of_the_message_is_accepted(tmp_path):
    (tmp_path / "scale.json").write_text(EXAMPLE)
    assert read_scale(tmp_path) == Scale(1, 5, lower_is_better=False)


def test_file_may_say_who_scored(tmp_path):
    scale = read_scale(write(tmp_path, {**GOOD, "scores": "four readers"}))
    assert scale.scores == "four readers"


def test_scores_are_never_called_simulated_by_themselves(tmp_path):
    assert read_scale(write(tmp_path, GOOD)).scores == "user's readers"


@pytest.mark.parametrize(
    "text",
    ['{"mos_max": 1' + "0" * 400 + "}", "[" * 900 + "]" * 900, "[" * 100_000],
)
def test_what_no_number_and_no_stack_can_hold_is_refused(tmp_path, text):
    (tmp_path / "scale.json").write_text(text)
    options = {"mos_min": 0, "lower_is_better": False}
    with pytest.raises(InputError, match=r"not a number|nested deeper"):
        read_scale(tmp_path, options)


def test_options_take_the_place_of_the_file(tmp_path):
    options = {"mos_min": None, "mos_max": 10.0, "lower_is_better": True}
    found = read_scale(write(tmp_path, GOOD), options)
    assert found == Scale(0, 10.0, lower_is_better=True)


def test_options_alone_suffice(tmp_path):
    assert read_scale(tmp_path, GOOD) == Scale(0, 100, lower_is_better=False)


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_nothing_is_guessed(tmp_path, missing):
    values = {name: GOOD[name] for name in GOOD if name != missing}
    with pytest.raises(InputError, match=f"not given .*{missing}") as error:
        read_scale(write(tmp_path, values))
    assert str(tmp_path / "scale.json") in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mos_max": 0}, "mos_min is not below mos_max"),
        ({"mos_max": "5"}, "mos_max is '5', not a number"),
        ({"mos_min": True}, "mos_min is True, not a number"),
        ({"mos_min": float("-inf")}, "not a number"),
        ({"lower_is_better": 0}, "neither true nor false"),
        ({"scores": 3}, "scores is not a text"),
        ({"grey_bits": 7}, "grey_bits is not 8 to 16"),
        ({"grey_bits": 12.5}, "grey_bits is not 8 to 16"),
        ({"mosmax": 5}, "unknown name 'mosmax'"),
    ],
)
def test_other_values_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_scale(write(tmp_path, {**GOOD, **change}))


@pytest.mark.parametrize("text", ["{", "[1, 5]"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "scale.json").write_text(text)
    with pytest.raises(InputError, match=r"scale\.json"):
        read_scale(tmp_path)
