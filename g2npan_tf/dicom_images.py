"""DICOM by pydicom: rescale, VOI, MONOCHROME1, palettes, YBR, many frames.

Privacy: only the elements listed here are parsed, none of which is about the
patient; no error or note carries a value of the file, and what pydicom says
is not passed on, since it quotes values.
"""

import io
import itertools
import logging
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PIL import Image

from g2npan_tf.dicom_display import to_rgb
from g2npan_tf.errors import InputError
from g2npan_tf.input_policy import BoundedReads
from g2npan_tf.input_policy import Limits
from g2npan_tf.input_policy import LoadedImage
from g2npan_tf.input_policy import check_frames
from g2npan_tf.input_policy import check_scans
from g2npan_tf.input_policy import check_size

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAGIC = b"DICM"
MAGIC_OFFSET = 128

_ELEMENTS = (
    "BitsAllocated",
    "BitsStored",
    "BluePaletteColorLookupTableData",
    "BluePaletteColorLookupTableDescriptor",
    "Columns",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "GreenPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableDescriptor",
    "HighBit",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelData",
    "PixelPaddingValue",
    "PixelRepresentation",
    "PlanarConfiguration",
    "RedPaletteColorLookupTableData",
    "RedPaletteColorLookupTableDescriptor",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SamplesPerPixel",
    "SharedFunctionalGroupsSequence",
    "VOILUTFunction",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
)
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_RLE = "1.2.840.10008.1.2.5"
# Transfer syntax and what decodes it: pydicom alone, or pydicom with Pillow.
_DECODERS = {
    "1.2.840.10008.1.2": "",
    "1.2.840.10008.1.2.1": "",
    _RLE: "pydicom",
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": "pillow",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
}
# Start of every item of a sequence and fragment of compressed pixels.
_ITEM = b"\xfe\xff\x00\xe0"
_MOST_ITEMS = 20_000
# The longest table; sequences may have 32 times as many.
_MOST_BYTES = 2**17
_MISSING = (
    "DICOM needs the package pydicom, which is not installed here; "
    "pip install 'g2npan-tf[dicom]'"
)


def open_dicom(
    data: bytes, limits: Limits
) -> tuple[int, Iterator[LoadedImage]]:
    """Reads the header of a DICOM file.

    Args:
        data: A whole file with `DICM` at byte 128.
        limits: The caller's.

    Returns:
        Number of frames, and an iterator that decodes each when asked.

    Raises:
        InputError: If there is no pydicom, or the header says that the file
            is to be refused.
        Exception: Whatever pydicom raises on damage; its message may quote
            the file and must not be shown.
    """
    try:
        import pydicom
    except ModuleNotFoundError as error:
        raise InputError(_MISSING) from error
    # pydicom logs what it stumbles over, values included.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    if _DEFLATED in data:
        # pydicom would inflate all of it, whatever size comes out.
        raise InputError("deflated DICOM; expected another transfer syntax")
    dataset = pydicom.dcmread(BoundedReads(data), specific_tags=list(_ELEMENTS))
    _check_syntax(dataset)
    _check_lengths(dataset)
    if "PixelData" not in dataset:
        raise InputError("no image with whole numbers in this DICOM file")
    width, height = int(dataset.Columns), int(dataset.Rows)
    count = int(dataset.get("NumberOfFrames") or 1)
    check_size(width, height, limits)
    check_frames(count, width * height, limits)
    if count < 1:
        raise InputError("no frames in this DICOM file")
    return count, _decode(dataset, count)


def _check_syntax(dataset: "Dataset") -> None:
    """Refuses what is compressed in another way than those listed."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in _DECODERS:
        from pydicom.uid import AllTransferSyntaxes

        # The name is the standard's; of an unknown one nothing is shown.
        name = syntax.name if syntax in AllTransferSyntaxes else "unknown"
        raise InputError(
            f"DICOM transfer syntax {name}; expected little endian, "
            "RLE, 8-bit JPEG baseline or extended, or JPEG 2000"
        )


def _decode(dataset: "Dataset", count: int) -> Iterator[LoadedImage]:
    """Decodes frame after frame."""
    from pydicom.encaps import generate_frames
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    decoder = get_decoder(syntax)
    arrays = decoder.iter_array(dataset, decoding_plugin=_DECODERS[syntax])
    encoded: Iterator[bytes] | None = None
    left = len(dataset.PixelData)
    if syntax.is_encapsulated:
        encoded = generate_frames(
            dataset.PixelData,
            number_of_frames=count,
            extended_offsets=_extended_offsets(dataset),
        )
    for index in range(count):
        if encoded:
            frame = next(encoded)
            left -= len(frame)
            if left < 0:
                # Else every frame could be the same large one.
                raise InputError("compressed frames that overlap")
            check = _check_runs if syntax == _RLE else _check_jpeg
            check(frame, dataset)
        values, properties = next(arrays)
        photometric = str(properties["photometric_interpretation"])
        yield to_rgb(values, photometric, dataset, index)


def _extended_offsets(dataset: "Dataset") -> tuple[bytes, bytes] | None:
    """Where the frames start, if the file has the longer table."""
    offsets = dataset.get("ExtendedOffsetTable")
    lengths = dataset.get("ExtendedOffsetTableLengths")
    return (offsets, lengths) if offsets and lengths else None


def _check_lengths(dataset: "Dataset") -> None:
    """Refuses headers that would take long to parse item by item."""
    for name in _ELEMENTS:
        element = dataset.get_item(name) if name in dataset else None
        value = element.value if element else None
        if not isinstance(value, bytes):
            continue
        most = _MOST_BYTES * (32 if name.endswith("Sequence") else 1)
        if name != "PixelData" and len(value) > most:
            raise InputError("too long elements in the DICOM header")
        if value.count(_ITEM) > _MOST_ITEMS:
            raise InputError("too many items or fragments in a DICOM file")


def _check_jpeg(frame: bytes, dataset: "Dataset") -> None:
    """Refuses compressed pixels of another size than the limits were told."""
    image = Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000"))
    if image.size != (dataset.Columns, dataset.Rows):
        raise InputError("compressed pixels of another size than the header's")
    check_scans(frame)


def _check_runs(frame: bytes, dataset: "Dataset") -> None:
    """Refuses run lengths (PS3.5, annex G) that keep a decoder busy."""
    (count,) = struct.unpack_from("<I", frame)
    offsets = (*struct.unpack_from("<15I", frame, 4)[:count], len(frame))
    if list(offsets) != sorted(offsets):
        # Else the same bytes could be decoded once for every segment.
        raise InputError("run lengths that overlap or end beyond the file")
    for start, stop in itertools.pairwise(offsets):
        _check_segment(frame, start, stop, 2 * dataset.Rows * dataset.Columns)


def _check_segment(frame: bytes, start: int, stop: int, most: int) -> None:
    """Refuses a segment of more bytes, and so of more steps, than `most`."""
    size, position = 0, start
    while position < stop:
        control = frame[position]
        if control < 128:
            size += control + 1
            position += control + 2
        elif control > 128:
            size += 257 - control
            position += 2
        else:
            # Stands for nothing, but is a step too.
            size += 1
            position += 1
        if size > most:
            raise InputError("run lengths expand beyond the image")
