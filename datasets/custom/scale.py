"""The scale of the user's scores."""

import dataclasses
import math
import pathlib
from collections.abc import Iterator
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
    """Ends and direction of the scale, and what else holds of all rows."""

    mos_min: float
    mos_max: float
    lower_is_better: bool  # True for impairment scores such as DMOS.
    scores: str = "user's readers"  # Who scored, for the metadata.
    grey_bits: int | None = None  # As of `Limits`, for all images.

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
    """Reads `scale.json` of a folder; an override, unless None, goes first.

    Choice: a file beside the scores, since a scale belongs to its scores and
    neither `tfds build` nor `train.py` has a flag for it. Nothing is guessed
    from the scores: both ends and the direction have to be said.

    Raises:
        InputError: If a value is missing, unknown, or not what it should be.
    """
    path = root / SCALE_FILE
    values = _read_json(path) if path.exists() else {}
    given = (overrides or {}).items()
    values |= {name: value for name, value in given if value is not None}
    problem = next(_problems(values), "")
    if problem:
        raise InputError(f"{path}: {problem}; expected e.g. {EXAMPLE}")
    return Scale(**values)


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    try:
        values = plain_json.parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}; expected {EXAMPLE}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: not an object; expected {EXAMPLE}")
    return values


def _problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Yields what is wrong; what comes later needs what comes first."""
    known = [field.name for field in dataclasses.fields(Scale)]
    yield from (f"unknown name {n!r}" for n in values if n not in known)
    missing = [n for n in known if n not in values and n not in _OPTIONAL]
    if missing:
        yield f"the scale of the scores is not given ({', '.join(missing)})"
    for name in ("mos_min", "mos_max"):
        if not _is_number(values[name]):
            yield f"{name} is {values[name]!r:.20}, not a number"
    if not isinstance(values["lower_is_better"], bool):
        yield "lower_is_better is neither true nor false"
    if values["mos_min"] >= values["mos_max"]:
        yield "mos_min is not below mos_max"
    if not isinstance(values.get("scores", ""), str):
        yield "scores is not a text"
    bits = values.get("grey_bits", 16)
    if not (isinstance(bits, int) and 8 <= bits <= 16):
        yield "grey_bits is not 8 to 16"


def _is_number(value: Any) -> bool:
    """Whether floating point can hold it; JSON's integers have no end."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
