"""The exception that commands turn into a line."""

from g2npan_tf.errors import InputError


def test_library_callers_may_catch_it_as_a_value_error():
    assert issubclass(InputError, ValueError)
