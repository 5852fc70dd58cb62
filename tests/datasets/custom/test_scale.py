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
    text = values if isinstance(values, str) else json.dumps(values)
    (tmp_path / "scale.json").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("scale", "scores", "mos"),
    [
        (Scale(0, 100, False), [0.0, 25.0, 100.0, np.nan], [1, 2, 5, np.nan]),
        (Scale(-1, 3, lower_is_better=True), [-1.0, 0, 3], [5, 4, 1]),
    ],
)
def test_scores_are_mapped_linearly_to_the_mos(scale, scores, mos):
    np.testing.assert_allclose(scale.to_mos(np.array(scores)), mos)
    width = scale.mos_max - scale.mos_min
    assert scale.spread_to_mos(width / 4) == 1.0


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (EXAMPLE, None, Scale(1, 5, False)),
        ({**GOOD, "scores": "four"}, None, Scale(0, 100, False, "four")),
        # Nothing is ever called simulated by itself.
        (GOOD, None, Scale(0, 100, False, "user's readers")),
        ("{}", GOOD, Scale(0, 100, False)),
        (
            GOOD,
            {"mos_min": None, "mos_max": 10.0, "lower_is_better": True},
            Scale(0, 10.0, True),
        ),
    ],
)
def test_file_and_options_give_the_scale(tmp_path, values, options, expected):
    assert read_scale(write(tmp_path, values), options) == expected


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
        ({"mos_max": 10**400}, "not a number"),
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


@pytest.mark.parametrize(
    "text", ["{", "[1, 5]", "[" * 900 + "]" * 900, "[" * 100_000]
)
def test_other_files_are_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"scale\.json"):
        read_scale(write(tmp_path, text), GOOD)
