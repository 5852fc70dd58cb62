"""The exceptions that commands turn into a line."""

import configparser
import importlib.metadata
import re

import pytest

from g2npan_tf.core.errors import EXTRAS
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import missing_package
from tests.tiny import REPOSITORY


def test_library_callers_may_catch_it_as_a_value_error():
    assert issubclass(InputError, ValueError)


def test_the_extra_for_a_missing_module_is_told():
    error = ModuleNotFoundError(name="tensorflow.lite")
    assert missing_package(error) == (
        "tensorflow is not installed; needs pip install 'g2npan-tf[train]'"
    )


@pytest.mark.parametrize("name", ["g2npan_tf.nowhere", None])
def test_a_module_of_no_extra_is_a_defect(name):
    assert missing_package(ModuleNotFoundError(name=name)) is None


@pytest.mark.parametrize("package", EXTRAS)
def test_the_named_extra_brings_the_package(package):
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    listed = setup["options.extras_require"][EXTRAS[package]]
    required = set(re.findall(r"^[\w-]+", listed, re.MULTILINE))
    providers = importlib.metadata.packages_distributions()[package]
    assert {name.lower() for name in providers} & {
        name.lower() for name in required
    }
