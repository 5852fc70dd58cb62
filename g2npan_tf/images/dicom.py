"""DICOM by pydicom: rescale, VOI, MONOCHROME1, palettes, YBR, many frames.

Privacy: only the elements listed here are parsed, none of which is about the
patient; no error or note carries a value of the file, and what pydicom says
is not passed on, since it quotes values.
"""

import dataclasses
import io
import itertools
import logging
import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.dicom_display import to_rgb
from g2npan_tf.images.dicom_display import whole
from g2npan_tf.images.limits import BoundedReads
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.limits import LoadedImage
from g2npan_tf.images.limits import Opened
from g2npan_tf.images.limits import check_frames
from g2npan_tf.images.limits import check_scans
from g2npan_tf.images.limits import check_size

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MAGIC = b"DICM"
_MAGIC_OFFSET = 128
# First element of a file without preamble: a group, then a type of value.
_BARE = re.compile(rb"[\x02\x08]\0..[A-Z]{2}", re.DOTALL)

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
    "PixelPaddingRangeLimit",
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
_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_REQUIRED = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "PixelRepresentation",
    "PhotometricInterpretation",
)
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_RLE = "1.2.840.10008.1.2.5"
_IMPLICIT = "1.2.840.10008.1.2"
_EXPLICIT = "1.2.840.10008.1.2.1"
_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
# Transfer syntax and what decodes it: pydicom alone, or pydicom with Pillow.
_DECODERS = {
    _IMPLICIT: "",
    _EXPLICIT: "",
    _RLE: "pydicom",
    **dict.fromkeys((*_JPEG, *_JPEG_2000), "pillow"),
}
# What a frame of run lengths has behind the first byte of a count of up to 15:
# its first segment is at byte 64.
_RLE_START = b"\0\0\0\x40\0\0\0"
# What compressed frames start with: JPEG and JPEG 2000, bare and in boxes.
_FRAME_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\0\0\0\x0cjP")
# Start of every item of a sequence and fragment of compressed pixels.
_ITEM = b"\xfe\xff\x00\xe0"
_MOST_ITEMS = 20_000
# Encoders make about five before the one that is looked for.
_MOST_MARKERS = 1_000
# The longest table; sequences may have 32 times as many.
_MOST_BYTES = 2**17
_MISSING = (
    "DICOM needs the package pydicom, which is not installed here; "
    "pip install 'g2npan-tf[dicom]'"
)


def is_dicom(data: bytes) -> bool:
    """Tells DICOM by content, with or without its preamble."""
    return (
        data.startswith(_MAGIC, _MAGIC_OFFSET) or _BARE.match(data) is not None
    )


def open_dicom(data: bytes, limits: Limits) -> Opened:
    """Reads the header of a DICOM file, if there is pydicom."""
    try:
        import pydicom
    except ModuleNotFoundError as error:
        raise InputError(_MISSING) from error
    # pydicom logs what it stumbles over, values included.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    if _DEFLATED in data:
        # pydicom would inflate all of it, whatever size comes out.
        raise InputError("deflated DICOM; expected another transfer syntax")
    dataset = pydicom.dcmread(
        BoundedReads(data), force=True, specific_tags=list(_ELEMENTS)
    )
    _check_lengths(dataset)
    if "PixelData" not in dataset:
        raise InputError("no image with whole numbers in this DICOM file")
    notes = _settle_syntax(dataset)
    if not data.startswith(_MAGIC, _MAGIC_OFFSET):
        notes += ("DICOM without its preamble",)
    notes += _complete(dataset)
    width, height = whole(dataset, "Columns"), whole(dataset, "Rows")
    count = whole(dataset, "NumberOfFrames", 1)
    check_size(width, height, limits)
    check_frames(count, width * height, limits)
    if count < 1:
        raise InputError("no frames in this DICOM file")
    _check_precision(dataset)
    if _frames_there(dataset, count) > count:
        raise InputError(
            "pixels of more frames than NumberOfFrames says; expected its "
            "number in this DICOM file"
        )
    return count, _decode(dataset, count, notes)


def _settle_syntax(dataset: "Dataset") -> tuple[str, ...]:
    """Refuses what is compressed in another way than those listed."""
    from pydicom.uid import UID
    from pydicom.uid import AllTransferSyntaxes

    notes: tuple[str, ...] = ()
    if "TransferSyntaxUID" not in dataset.file_meta:
        if dataset["PixelData"].is_undefined_length:
            raise InputError("no TransferSyntaxUID for compressed pixels")
        # pydicom has found out how the elements are written.
        is_implicit, is_little = dataset.original_encoding
        if not is_little:
            raise InputError("no TransferSyntaxUID in this DICOM file")
        dataset.file_meta.TransferSyntaxUID = UID(
            _IMPLICIT if is_implicit else _EXPLICIT
        )
        notes = ("no TransferSyntaxUID, read as uncompressed",)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in _DECODERS:
        # The name is the standard's; of an unknown one nothing is shown.
        name = syntax.name if syntax in AllTransferSyntaxes else "unknown"
        raise InputError(
            f"DICOM transfer syntax {name}; expected little endian, "
            "RLE, 8-bit JPEG baseline or extended, or JPEG 2000"
        )
    return notes


def _complete(dataset: "Dataset") -> tuple[str, ...]:
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


def _check_precision(dataset: "Dataset") -> None:
    """Refuses more bits than Pillow decodes."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if whole(dataset, "BitsStored") <= 8:
        return
    if syntax in _JPEG:
        raise InputError(
            "JPEG of more than 8 bits in DICOM; expected 8 bits, or JPEG 2000"
        )
    if syntax in _JPEG_2000 and whole(dataset, "SamplesPerPixel") > 1:
        raise InputError("JPEG 2000 colour of more than 8 bits; expected 8")


def _frames_there(dataset: "Dataset", count: int) -> int:
    """Frames that the pixel data seem to hold, whatever the header says."""
    from pydicom.encaps import generate_fragments
    from pydicom.encaps import parse_basic_offsets

    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        size = whole(dataset, "Rows") * whole(dataset, "Columns")
        bits = size * whole(dataset, "SamplesPerPixel")
        bits *= whole(dataset, "BitsAllocated")
        if dataset.PhotometricInterpretation == "YBR_FULL_422":
            bits = bits * 2 // 3
        return 8 * len(dataset.PixelData) // bits
    extended = dataset.get("ExtendedOffsetTable")
    buffer = io.BytesIO(dataset.PixelData)
    offsets = len(extended) // 8 if extended else 0
    offsets = max(offsets, len(parse_basic_offsets(buffer)))
    if offsets:
        return offsets
    is_rle = dataset.file_meta.TransferSyntaxUID == _RLE
    return sum(
        part[1:8] == _RLE_START if is_rle else part.startswith(_FRAME_STARTS)
        for part in generate_fragments(buffer)
    )


@dataclasses.dataclass(frozen=True)
class _Codestream:
    """What JPEG 2000 says of itself, whatever the header says.

    Attributes:
        precision: Bits of a value.
        is_signed: Of its values.
        is_transformed: Whether decoding gives RGB from what is stored.
    """

    precision: int
    is_signed: bool
    is_transformed: bool

    @classmethod
    def read(cls, frame: bytes) -> "_Codestream":
        """Reads ISO/IEC 15444-1, I.4 and A.4 to A.6."""
        at = 0
        if frame.startswith(_FRAME_STARTS[2]):
            while frame[at + 4 : at + 8] != b"jp2c":
                (length,) = struct.unpack_from(">I", frame, at)
                if length < 8:
                    raise InputError("boxes without end in JPEG 2000")
                at += length
            at += 8
        depth, at = frame[at + 42], at + 2
        for _ in range(_MOST_MARKERS):
            if frame[at : at + 2] == b"\xff\x52":
                return cls(depth % 128 + 1, depth >= 128, frame[at + 8] == 1)
            (length,) = struct.unpack_from(">H", frame, at + 2)
            at += 2 + length
        raise InputError("too many parts in a JPEG 2000 header")


def _decode(
    dataset: "Dataset", count: int, notes: tuple[str, ...]
) -> Iterator[LoadedImage]:
    """Decodes frame after frame."""
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    frames = _checked_frames(dataset, count)
    first = next(frames)
    stream = _Codestream.read(first) if syntax in _JPEG_2000 else None
    arrays = get_decoder(syntax).iter_array(
        dataset,
        decoding_plugin=_DECODERS[syntax],
        **_options(dataset, stream),
    )
    frames = itertools.chain([first], itertools.islice(frames, count - 1))
    for index, frame in enumerate(frames):
        if stream and _Codestream.read(frame) != stream:
            raise InputError("compressed frames of different kinds")
        values, properties = next(arrays)
        if syntax not in _JPEG:
            values = _stored(values, dataset, stream)
        photometric = str(properties["photometric_interpretation"])
        image = to_rgb(values, photometric, dataset, index)
        yield LoadedImage(image.pixels, (*notes, *image.notes))


def _options(dataset: "Dataset", stream: _Codestream | None) -> dict[str, Any]:
    """What pydicom is told: the codestream knows better than the header."""
    # It takes the high bit for granted, so `_stored` puts the bits right.
    options: dict[str, Any] = {"correct_unused_bits": False}
    if stream:
        options["apply_j2k_sign_correction"] = False
        options["pixel_representation"] = int(stream.is_signed)
        if stream.is_transformed and whole(dataset, "SamplesPerPixel") == 3:
            options["photometric_interpretation"] = "YBR_RCT"
    return options


def _stored(
    values: np.ndarray, dataset: "Dataset", stream: _Codestream | None
) -> np.ndarray:
    """Takes the stored bits of each value, whatever is above and below."""
    bits, high = whole(dataset, "BitsStored"), whole(dataset, "HighBit")
    if stream:
        bits, high = stream.precision, stream.precision - 1
    width = 8 * values.dtype.itemsize
    kind = "i" if dataset.PixelRepresentation else "u"
    aligned = values.astype(f"{kind}{width // 8}") << (width - 1 - high)
    return aligned >> (width - bits)


def _checked_frames(dataset: "Dataset", count: int) -> Iterator[bytes]:
    """Compressed frames that may be decoded; nothing for others."""
    from pydicom.encaps import generate_frames

    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        yield from itertools.repeat(b"", count)
        return
    left = len(dataset.PixelData)
    for frame in generate_frames(
        dataset.PixelData,
        number_of_frames=count,
        extended_offsets=_extended_offsets(dataset),
    ):
        left -= len(frame)
        if left < 0:
            # Else every frame could be the same large one.
            raise InputError("compressed frames that overlap")
        check = _check_runs if syntax == _RLE else _check_jpeg
        check(frame, dataset)
        yield frame


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
