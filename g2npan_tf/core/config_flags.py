"""Command-line flags made from the fields of `Config`, and back."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from absl import flags

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.presets import DEFAULT_PRESET
from g2npan_tf.core.presets import PRESETS

# The flags belong to the command that asks for them, as --help shows them.
flags.disclaim_key_flags()

_DEFINERS: dict[type, Callable[[str, None, str], Any]] = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_list,
}


def define_flags(names: Iterable[str] | None = None) -> None:
    """Defines a flag for each field of `Config`, or for those of `names`."""
    for field in dataclasses.fields(Config):
        if names is not None and field.name not in names:
            continue
        choices, text = field.metadata.get("choices"), _help(field)
        if choices:
            flags.DEFINE_enum(field.name, None, list(choices), text)
        else:
            _DEFINERS[type(field.default)](field.name, None, text)


def from_flags(start: Mapping[str, Any] | None = None) -> Config:
    """Makes the configuration: the preset, then the flags that were given.

    The values of `start`, if any, replace the preset's.
    """
    given = {
        field.name: _value(field, flags.FLAGS[field.name].value)
        for field in dataclasses.fields(Config)
        if field.name in flags.FLAGS and flags.FLAGS[field.name].present
    }
    preset = given.get("preset", DEFAULT_PRESET)
    if start is None:
        start = {**PRESETS[preset], "preset": preset}
    return Config(**{**start, **given})


def to_flags(config: Config) -> list[str]:
    """The flags from which `from_flags` makes this configuration."""
    return [
        f"--{field.name}={_text(getattr(config, field.name))}"
        for field in dataclasses.fields(config)
    ]


def _help(field: dataclasses.Field) -> str:
    """Meaning, default of each preset and source."""
    meaning, source = field.metadata["help"], field.metadata["source"]
    defaults = {
        preset: _text(values.get(field.name, field.default))
        for preset, values in PRESETS.items()
    }
    if field.name == "preset":
        shown = DEFAULT_PRESET
    elif len(set(defaults.values())) == 1:
        shown = defaults["paper"] or "empty"
    else:
        shown = ", ".join(f"{x} ({preset})" for preset, x in defaults.items())
    return f"{meaning} Default: {shown}. Source: {source}."


def _text(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return str(value)


def _value(field: dataclasses.Field, value: Any) -> Any:
    """A flag's value as the field's type."""
    if not isinstance(field.default, tuple):
        return value
    try:
        return tuple(int(item) for item in value)
    except ValueError:
        raise InputError(
            f"--{field.name} must be whole numbers with commas between. "
            f"Received: {_text(tuple(value))}"
        ) from None
