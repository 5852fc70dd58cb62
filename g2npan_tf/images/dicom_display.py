"""How DICOM's stored values are shown: modality, VOI, palettes, colour.

Privacy: errors and notes name elements and never carry a value of the file.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Self

import numpy as np

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import display_range as ranges
from g2npan_tf.images.limits import LoadedImage

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")


def to_rgb(
    values: np.ndarray, photometric: str, dataset: "Dataset", index: int
) -> LoadedImage:
    """Brings a decoded frame to RGB.

    Colour of more than 8 stored bits is scaled from its full range. Colour
    profiles, overlays and annotations that are not pixels are left out.

    Args:
        values: Stored values, `[rows, columns]` or `[rows, columns, 3]`, any
            integer type.
        photometric: The interpretation of these, after decompression.
        dataset: The header, of which only elements about pixels are read.
        index: Number of the frame, from 0.

    Returns:
        The frame and its notes, which carry no value of the file.
    """
    shape = (whole(dataset, "Rows"), whole(dataset, "Columns"))
    if values.shape != (shape if photometric in _ONE_SAMPLE else (*shape, 3)):
        raise InputError("DICOM pixels of another shape than the header's")
    if photometric in ("MONOCHROME1", "MONOCHROME2"):
        return _grey(values, photometric, dataset, index)
    notes = []
    if photometric == "PALETTE COLOR":
        notes.append("palette converted to RGB")
        fraction = _palette(values, dataset, notes)
    elif photometric == "RGB":
        if str(dataset.PhotometricInterpretation).startswith("YBR"):
            notes.append("YBR converted to RGB")
        fraction = values / np.float32(2**dataset.BitsStored - 1)
    else:
        raise InputError(
            "a DICOM PhotometricInterpretation that does not fit its transfer "
            "syntax"
        )
    pixels = np.rint(np.clip(fraction, 0, 1) * 255).astype(np.uint8)
    return LoadedImage(pixels, tuple(notes))


def _grey(
    values: np.ndarray, photometric: str, dataset: "Dataset", index: int
) -> LoadedImage:
    """Modality LUT or rescale, then VOI, then the sense of grey.

    Standard: PS3.3, C.11.1 and C.11.2

    Choice: the first window counts, before any VOI LUT. Without both, up to 8
        stored bits are shown from their lowest to their highest possible
        value; more by the rule of `shown_range`, frame by frame and without
        the padding around the image.
    """
    notes: list[str] = []
    transformation = _group(dataset, index, "PixelValueTransformationSequence")
    stored = values
    values, full = _rescale(stored, transformation, dataset, notes)
    voi = _group(dataset, index, "FrameVOILUTSequence")
    window = _first_window(voi, notes)
    table = None if window else _table(voi, "VOILUTSequence", notes)
    if window:
        fraction = _windowed(values, *window)
        notes.append("VOI window applied")
    elif table:
        notes.append("VOI LUT applied")
        white = _white([table], notes)
        fraction = np.clip(table.look_up(values) / np.float32(white), 0, 1)
    elif full:
        fraction = ranges.fraction_of_range(values, *full)
    else:
        seen = values[~_is_padding(stored, dataset)]
        fraction = ranges.fraction_of_range(values, *ranges.shown_range(seen))
        notes.append(f"no VOI window, {ranges.SHARE} of the values shown")
    if photometric == "MONOCHROME1":
        fraction = 1 - fraction
        notes.append("MONOCHROME1 inverted")
    return LoadedImage(ranges.to_grey(fraction), tuple(notes))


def _is_padding(stored: np.ndarray, dataset: "Dataset") -> np.ndarray:
    """Tells the padding around an image: a value, or a range of them."""
    ends = []
    for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        element = dataset.get_item(name) if name in dataset else None
        value = element.value if element else None
        if isinstance(value, bytes) and len(value) >= 2:
            # As it stands: some write a negative one as if it were not.
            (number,) = np.frombuffer(value[:2], "<u2").astype(stored.dtype)
            ends.append(number)
    if not ends:
        return np.zeros(stored.shape, bool)
    return (stored >= min(ends)) & (stored <= max(ends))


def _group(dataset: "Dataset", index: int, name: str) -> "Dataset":
    """The item of an enhanced image's frame, or the data set itself."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for groups in (*frames[index : index + 1], *shared[:1]):
        if groups.get(name):
            return groups[name][0]
    return dataset


def _rescale(
    values: np.ndarray,
    transformation: "Dataset",
    dataset: "Dataset",
    notes: list[str],
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Modality values; and their full range if it is that of 8 bits."""
    table = _table(transformation, "ModalityLUTSequence", notes)
    if table:
        return table.look_up(values), None
    slope = decimal(transformation, "RescaleSlope", notes)
    slope = 1.0 if slope is None else slope
    intercept = decimal(transformation, "RescaleIntercept", notes) or 0.0
    if not (math.isfinite(slope * intercept) and slope):
        raise InputError("DICOM RescaleSlope 0 or too large")
    rescaled = values * np.float32(slope) + np.float32(intercept)
    bits = whole(dataset, "BitsStored")
    if bits > 8:
        return rescaled, None
    low = -(2 ** (bits - 1)) if dataset.PixelRepresentation else 0
    ends = [x * slope + intercept for x in (low, low + 2**bits - 1)]
    return rescaled, (min(ends), max(ends))


def _first_window(
    voi: "Dataset", notes: list[str]
) -> tuple[float, float, str] | None:
    """Centre, width and function of the first window, if it is one.

    Choice: LINEAR, which an empty function stands for, is defined from a width
        of 1 on; a narrower one, as of values from 0 to 1, is LINEAR_EXACT.
    """
    centre = decimal(voi, "WindowCenter", notes)
    width = decimal(voi, "WindowWidth", notes)
    if centre is None or width is None or width <= 0:
        return None
    function = str(voi.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in ("SIGMOID", "LINEAR_EXACT"):
        function = "LINEAR" if width >= 1 else "LINEAR_EXACT"
    return centre, width, function


def _windowed(
    values: np.ndarray, centre: float, width: float, function: str
) -> np.ndarray:
    """The three functions of PS3.3, C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - centre) / width, -80, 80)
        return 1 / (1 + np.exp(exponent))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float32)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


@dataclasses.dataclass(frozen=True)
class _Table:
    """A look-up table (PS3.3, C.7.6.3.1.5).

    Attributes:
        entries: Integers `[count]`.
        first: The value that the first entry is for.
        bits: Of an entry, as the file says.
    """

    entries: np.ndarray
    first: int
    bits: int

    @classmethod
    def read(
        cls, descriptor: Sequence[int], data: bytes | Sequence[int]
    ) -> Self:
        """Checks and unpacks a descriptor and its data."""
        count, first, bits = (int(number) for number in descriptor)
        count = count or 2**16
        if not (8 <= bits <= 16 and count > 0):
            raise InputError("a DICOM lookup table of impossible size")
        if isinstance(data, bytes):
            packed = len(data) < 2 * count
            bits = 8 if packed else bits
            table = np.frombuffer(data, np.uint8 if packed else "<u2")
        else:
            table = np.atleast_1d(np.asarray(data, np.int64))
        if not table.size:
            raise InputError("a DICOM lookup table of impossible size")
        return cls(table[:count], first, bits)

    def look_up(self, values: np.ndarray) -> np.ndarray:
        """The entries for whole numbers, the nearest for those outside."""
        index = np.rint(values) - self.first
        index = np.clip(index, 0, len(self.entries) - 1).astype(np.int64)
        return self.entries[index].astype(np.float32)


def _white(tables: Sequence[_Table], notes: list[str]) -> int:
    """The entry of tables of one meaning that is shown white."""
    highest = max(int(table.entries.max()) for table in tables)
    bits = max(table.bits for table in tables)
    white = ranges.white_of_table(highest, bits)
    if white != 2**bits - 1:
        notes.append(ranges.TABLE_NOTE)
    return white


def _table(item: "Dataset", sequence: str, notes: list[str]) -> _Table | None:
    """The first table of a sequence; an empty one is as absent."""
    if not item.get(sequence):
        return None
    table = item[sequence].value[0]
    descriptor, data = table.get("LUTDescriptor"), table.get("LUTData")
    if descriptor in (None, "") or data in (None, "", b""):
        notes.append(f"{sequence} empty, as absent")
        return None
    return _Table.read(descriptor, data)


def _palette(
    values: np.ndarray, dataset: "Dataset", notes: list[str]
) -> np.ndarray:
    """The three channels of a palette image, 0..1."""
    tables = []
    for colour in ("Red", "Green", "Blue"):
        prefix = f"{colour}PaletteColorLookupTable"
        parts = [dataset.get(f"{prefix}{p}") for p in ("Descriptor", "Data")]
        if not all(parts):
            raise InputError("DICOM palette without plain tables")
        tables.append(_Table.read(*parts))
    looked_up = [table.look_up(values) for table in tables]
    return np.stack(looked_up, axis=-1) / np.float32(_white(tables, notes))


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
