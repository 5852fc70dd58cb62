"""What a DICOM header must say of its pixels: completed, or refused by name.

Privacy: messages name elements and never carry a value of the file.
"""

import math
from typing import TYPE_CHECKING

from g2npan_tf.core.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_REQUIRED = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "PixelRepresentation",
    "PhotometricInterpretation",
)


def complete(dataset: "Dataset") -> tuple[str, ...]:
    """Fills in what the standard lets one conclude, with a note for each.

    Raises:
        InputError: If an element is missing that nothing else says, or some
            contradict each other.
    """
    for name in _REQUIRED:
        if dataset.get(name) in (None, ""):
            raise InputError(f"no {name} in this DICOM file")
    photometric = str(dataset.PhotometricInterpretation).strip().upper()
    if photometric not in (*_GREY, *_COLOUR):
        raise InputError(
            "a DICOM PhotometricInterpretation that is not read; expected "
            "MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB or YBR_FULL"
        )
    dataset.PhotometricInterpretation = photometric
    samples = 3 if photometric in _COLOUR else 1
    high = whole(dataset, "HighBit", -1)
    stored = high + 1 if high >= 0 else whole(dataset, "BitsAllocated")
    notes = _default(dataset, "SamplesPerPixel", samples)
    notes += _default(dataset, "BitsStored", stored)
    if high < 0:
        dataset.HighBit = whole(dataset, "BitsStored") - 1
    if whole(dataset, "SamplesPerPixel") != samples:
        raise InputError(
            "SamplesPerPixel and PhotometricInterpretation of this DICOM file "
            "do not fit each other"
        )
    _check_bits(dataset)
    return notes


def _default(dataset: "Dataset", name: str, value: int) -> tuple[str, ...]:
    """Sets an element that is missing, with a note."""
    if dataset.get(name) is not None:
        return ()
    setattr(dataset, name, value)
    return (f"no {name}, concluded from the others",)


def _check_bits(dataset: "Dataset") -> None:
    """Refuses bits that are not where they can be."""
    allocated = whole(dataset, "BitsAllocated")
    stored, high = whole(dataset, "BitsStored"), whole(dataset, "HighBit")
    if not (
        allocated in (1, 8, 16, 32)
        and 1 <= stored <= allocated
        and stored - 1 <= high < allocated
    ):
        raise InputError(
            "BitsAllocated, BitsStored and HighBit of this DICOM file do not "
            "fit each other"
        )


def whole(dataset: "Dataset", name: str, default: int | None = None) -> int:
    """Reads a whole number; the default is for a missing or empty element."""
    try:
        value = dataset.get(name)
        if value in (None, "") and default is not None:
            return default
        return int(value)
    except Exception:
        # What pydicom raises quotes the value.
        raise InputError(
            f"{name} of this DICOM file is not a whole number"
        ) from None


def decimal(item: "Dataset", name: str, notes: list[str]) -> float | None:
    """Reads the first decimal of an element as it stands in the file.

    A note is added if the element is there and is no finite number.
    """
    element = item.get_item(name) if name in item else None
    if element is None:
        return None
    value = element.value
    if isinstance(value, bytes):
        # pydicom would refuse the element for any of its values.
        value = value.decode("ascii", "replace").strip(" \0").split("\\")[0]
    try:
        # Python alone takes 4_5 for 45.
        number = float(str(value).replace("_", "?"))
    except (TypeError, ValueError):
        number = math.nan
    if math.isfinite(number):
        return number
    notes.append(f"{name} empty or no number, as absent")
    return None
