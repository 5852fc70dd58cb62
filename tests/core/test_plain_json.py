import pytest

from g2npan_tf.core.plain_json import parse


def test_what_is_nested_as_usual_is_read():
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
