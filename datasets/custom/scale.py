"""The scale of the user's scores."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from g2npan_tf.core import mos
from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError

SCALE_FILE = "scale.json"
EXAMPLE = '{"mos_min": 1, "mos_max": 5, "lower_is_better": false}'
_OPTIONAL = ("scores", "grey_bits")


@dataclasses.dataclass(frozen=True)
class Scale:
    """The scale of the user's scores.

    Attributes:
        mos_min: Its lower end.
        mos_max: Its upper end.
        lower_is_better: True for impairment scores such as DMOS.
        scores: Who scored, for the metadata.
        grey_bits: As of `input_policy.Limits`, for all images of the folder.
    """

    mos_min: float
    mos_max: float
    lower_is_better: bool
    scores: str = "user's readers"
    grey_bits: int | None = None

    def to_mos(self, values: np.ndarray) -> np.ndarray:
        """Maps scores linearly to MOS 1..5, 5 = best; NaN stays NaN."""
        share = (values - self.mos_min) / (self.mos_max - self.mos_min)
        return mos.to_mos(1.0 - share if self.lower_is_better else share)

    def spread_to_mos(self, spreads: np.ndarray) -> np.ndarray:
        """Maps differences of scores to differences of MOS."""
        factor = (mos.MOS_MAX - mos.MOS_MIN) / (self.mos_max - self.mos_min)
        return spreads * factor


def read_scale(
    root: pathlib.Path, overrides: Mapping[str, Any] | None = None
) -> Scale:
    """Reads the scale of the scores of a folder.

    Choice: a file beside the scores, since a scale belongs to its scores and
    neither `tfds build` nor `train.py` has a flag for it. Nothing is guessed
    from the scores: both ends and the direction have to be said.

    Args:
        root: Folder with `scale.json`.
        overrides: Values that take the place of the file's; None is none.

    Returns:
        The scale.

    Raises:
        InputError: If a value is missing, unknown, or not what it should be.
    """
    path = root / SCALE_FILE
    values = _read_json(path) if path.exists() else {}
    values.update(
        (name, value)
        for name, value in (overrides or {}).items()
        if value is not None
    )
    problem = _problem(values)
    if problem:
        raise InputError(f"{path}: {problem}; expected e.g. {EXAMPLE}")
    return Scale(**values)


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    """Reads a JSON object."""
    try:
        values = plain_json.parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}; expected {EXAMPLE}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: not an object; expected {EXAMPLE}")
    return values


def _is_finite(value: float) -> bool:
    """Whether a number is one of floating point, which integers need not be."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _problem(values: Mapping[str, Any]) -> str:
    """Says what is wrong with the values; empty if nothing is."""
    fields = {field.name: field for field in dataclasses.fields(Scale)}
    unknown = [name for name in values if name not in fields]
    if unknown:
        return f"unknown name {unknown[0]!r}"
    missing = [n for n in fields if n not in values and n not in _OPTIONAL]
    if missing:
        return f"the scale of the scores is not given ({', '.join(missing)})"
    for name in ("mos_min", "mos_max"):
        value = values[name]
        is_number = isinstance(value, int | float)
        if isinstance(value, bool) or not is_number or not _is_finite(value):
            return f"{name} is {value!r:.20}, not a number"
    if not isinstance(values["lower_is_better"], bool):
        return "lower_is_better is neither true nor false"
    if values["mos_min"] >= values["mos_max"]:
        return "mos_min is not below mos_max"
    return _problem_of_options(values)


def _problem_of_options(values: Mapping[str, Any]) -> str:
    """Says what is wrong with those that may be absent."""
    if not isinstance(values.get("scores", ""), str):
        return "scores is not a text"
    bits = values.get("grey_bits", 16)
    if not (isinstance(bits, int) and 8 <= bits <= 16):
        return "grey_bits is not 8 to 16"
    return ""
