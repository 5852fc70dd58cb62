"""The small modules: errors, the MOS scale, JSON that nobody vouches for."""

import configparser
import importlib.metadata
import re

import numpy as np
import pytest

from g2npan_tf.core import mos
from g2npan_tf.core.errors import EXTRAS
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import missing_package
from g2npan_tf.core.plain_json import parse
from tests.tiny import REPOSITORY


def test_library_callers_may_catch_it_as_a_value_error():
    assert issubclass(InputError, ValueError)


def test_the_extra_for_a_missing_module_is_named():
    # A module of no extra is a defect.
    for name in ("g2npan_tf.nowhere", None):
        assert missing_package(ModuleNotFoundError(name=name)) is None
    assert missing_package(ModuleNotFoundError(name="tensorflow.lite")) == (
        "tensorflow is not installed; needs pip install 'g2npan-tf[train]'"
    )


@pytest.mark.parametrize("package", EXTRAS)
def test_the_named_extra_brings_the_package(package):
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    listed = setup["options.extras_require"][EXTRAS[package]]
    required = set(re.findall(r"^[\w-]+", listed.lower(), re.MULTILINE))
    providers = importlib.metadata.packages_distributions()[package]
    assert {name.lower() for name in providers} & required


def test_quality_is_0_to_1_on_the_scale_and_comes_back():
    scores = np.array([1.0, 3.0, 5.0])
    np.testing.assert_array_equal(mos.to_quality(scores), [0, 0.5, 1])
    scores = np.linspace(1, 5, 17)
    np.testing.assert_allclose(mos.to_mos(mos.to_quality(scores)), scores)


def test_json_that_is_nested_as_usual_is_read():
    assert parse(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    parse("[" * 100 + "]" * 100)


@pytest.mark.parametrize("depth", [101, 900, 100_000])
@pytest.mark.parametrize(("opening", "closing"), ["[]", ('{"a":', "}")])
def test_depth_is_a_value_error(depth, opening, closing):
    with pytest.raises(ValueError, match="nested deeper than 100"):
        parse(opening * depth + "1" + closing * depth)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("9" * 5000, "Exceeds the limit"),
        (b"\xff", "decode byte 0xff"),
    ],
)
def test_no_json_is_a_value_error(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse(text)
