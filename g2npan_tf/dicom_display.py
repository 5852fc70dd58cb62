"""How DICOM's stored values are shown: modality, VOI, palettes, colour."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from g2npan_tf.display_range import HIGH
from g2npan_tf.display_range import LOW
from g2npan_tf.display_range import fraction_of_range
from g2npan_tf.display_range import shown_range
from g2npan_tf.display_range import to_grey
from g2npan_tf.errors import InputError
from g2npan_tf.input_policy import LoadedImage

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PALETTES = ("Red", "Green", "Blue")


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

    Raises:
        InputError: If the interpretation is not read, or a table is missing.
    """
    if photometric in ("MONOCHROME1", "MONOCHROME2"):
        return _grey(values, photometric, dataset, index)
    notes = []
    if photometric == "PALETTE COLOR":
        notes.append("palette converted to RGB")
        values = np.stack(
            [_palette(values, dataset, name) for name in _PALETTES], axis=-1
        )
    elif photometric == "RGB":
        if str(dataset.PhotometricInterpretation).startswith("YBR"):
            notes.append("YBR converted to RGB")
        values = values / np.float32(2**dataset.BitsStored - 1)
    else:
        raise InputError(
            "a DICOM photometric interpretation that is not read; expected "
            "MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB or YBR_FULL"
        )
    if values.shape != (dataset.Rows, dataset.Columns, 3):
        raise InputError("DICOM pixels of another shape than the header's")
    pixels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
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
    transformation = _group(dataset, index, "PixelValueTransformationSequence")
    stored = values
    values, full = _rescale(stored, transformation, dataset)
    voi = _group(dataset, index, "FrameVOILUTSequence")
    window = _first_window(voi)
    if window:
        fraction, note = _windowed(values, *window, voi), "VOI window applied"
    elif voi.get("VOILUTSequence"):
        table = voi.VOILUTSequence[0]
        fraction = _look_up(values, table.LUTDescriptor, table.LUTData)
        note = "VOI LUT applied"
    elif full:
        fraction, note = fraction_of_range(values, *full), ""
    else:
        seen = values[stored != dataset.get("PixelPaddingValue")]
        fraction = fraction_of_range(values, *shown_range(seen))
        note = f"no VOI window, {LOW} % to {HIGH} % of the values shown"
    notes = [note] if note else []
    if photometric == "MONOCHROME1":
        fraction = 1 - fraction
        notes.append("MONOCHROME1 inverted")
    return LoadedImage(to_grey(fraction), tuple(notes))


def _group(dataset: "Dataset", index: int, name: str) -> "Dataset":
    """The item of an enhanced image's frame, or the data set itself."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for groups in (*frames[index : index + 1], *shared[:1]):
        if groups.get(name):
            return groups[name][0]
    return dataset


def _rescale(
    values: np.ndarray, transformation: "Dataset", dataset: "Dataset"
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Modality values; and their full range if it is that of 8 bits."""
    if transformation.get("ModalityLUTSequence"):
        table = transformation.ModalityLUTSequence[0]
        scale = 2 ** int(table.LUTDescriptor[2]) - 1
        looked_up = _look_up(values, table.LUTDescriptor, table.LUTData)
        return np.rint(looked_up * scale), None
    slope = float(transformation.get("RescaleSlope", 1))
    intercept = float(transformation.get("RescaleIntercept", 0))
    if not (math.isfinite(slope * intercept) and slope):
        raise InputError("DICOM rescale slope 0 or not finite")
    rescaled = values * np.float32(slope) + np.float32(intercept)
    bits = int(dataset.BitsStored)
    if bits > 8:
        return rescaled, None
    low = -(2 ** (bits - 1)) if dataset.PixelRepresentation else 0
    ends = [x * slope + intercept for x in (low, low + 2**bits - 1)]
    return rescaled, (min(ends), max(ends))


def _first_window(voi: "Dataset") -> tuple[float, float] | None:
    """Centre and width of the first window that is one."""
    centre, width = (
        float(np.atleast_1d(np.asarray(voi.get(name), np.float64))[0])
        if voi.get(name) not in (None, "")
        else math.nan
        for name in ("WindowCenter", "WindowWidth")
    )
    exact = voi.get("VOILUTFunction", "LINEAR") != "LINEAR"
    valid = width > 0 if exact else width >= 1
    return (centre, width) if math.isfinite(centre + width) and valid else None


def _windowed(
    values: np.ndarray, centre: float, width: float, voi: "Dataset"
) -> np.ndarray:
    """The three functions of PS3.3, C.11.2.1.2 and C.11.2.1.3."""
    function = voi.get("VOILUTFunction", "LINEAR")
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - centre) / width, -80, 80)
        return 1 / (1 + np.exp(exponent))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float32)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _palette(values: np.ndarray, dataset: "Dataset", colour: str) -> np.ndarray:
    """One channel of a palette image, 0..1."""
    prefix = f"{colour}PaletteColorLookupTable"
    if f"{prefix}Data" not in dataset:
        raise InputError("DICOM palette without plain tables")
    return _look_up(
        values,
        dataset[f"{prefix}Descriptor"].value,
        dataset[f"{prefix}Data"].value,
    )


def _look_up(
    values: np.ndarray, descriptor: Sequence[int], data: bytes | Sequence[int]
) -> np.ndarray:
    """Applies a table to whole numbers (PS3.3, C.7.6.3.1.5); 0..1."""
    count, first, bits = (int(number) for number in descriptor)
    count = count or 2**16
    if not (8 <= bits <= 16 and count > 0):
        raise InputError("a DICOM lookup table of impossible size")
    if isinstance(data, bytes):
        packed = len(data) < 2 * count
        table = np.frombuffer(data, np.uint8 if packed else "<u2")
    else:
        table = np.atleast_1d(np.asarray(data, np.int64))
    index = np.clip(np.rint(values) - first, 0, min(count, len(table)) - 1)
    entries = table[index.astype(np.int64)]
    return np.clip(entries / np.float32(2**bits - 1), 0, 1)
