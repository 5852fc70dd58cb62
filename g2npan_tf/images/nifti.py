"""NIfTI by nibabel: one frame a slice, turned to the usual display."""

import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import display_range as ranges
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.limits import LoadedImage
from g2npan_tf.images.limits import Opened
from g2npan_tf.images.limits import check_frames
from g2npan_tf.images.limits import check_size

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

GZIP_MAGIC = b"\x1f\x8b"
# Version 2's header is the longer one.
_HEADER_BYTES = 540
# A compressed volume may be so much larger than a file.
_INFLATED_FACTOR = 4
# bgzip writes a member for each 65,280 bytes, so this is what the largest
# volume that may come out has; a hostile file has millions of empty ones.
_MOST_MEMBERS = 2**13
# What zlib copies at the end of a member is at most this.
_PIECE = 2**14
_MISSING = (
    "NIfTI needs the package nibabel, which is not installed here; "
    "pip install 'g2npan-tf[nifti]'"
)


def is_nifti(data: bytes) -> bool:
    """Tells a NIfTI file of version 1 or 2, perhaps in gzip, by content."""
    start = data[:_HEADER_BYTES]
    if start.startswith(GZIP_MAGIC):
        try:
            start = _inflate(data, _HEADER_BYTES)
        except zlib.error:
            return False
    return start[344:347] in (b"n+1", b"ni1") or start[4:7] == b"n+2"


def open_nifti(data: bytes, limits: Limits) -> Opened:
    """Reads the header of a `.nii` or `.nii.gz` file, if there is nibabel.

    Choice: one frame a slice along the last stored axis, whichever it is, as
        slices are what was measured; a volume is never cut across.
    Choice: a slice is turned to the usual display: the front of the patient,
        or in coronal and sagittal slices the head, on top; the patient's
        right, or in sagittal slices the front, on the left.
    Choice: shown are the values from `cal_min` to `cal_max` if the file states
        them; else bytes as they stand; else the range of `shown_range` in the
        whole volume, so that its slices stay comparable.
    """
    packed = data.startswith(GZIP_MAGIC)
    header = _header(_inflate(data, _HEADER_BYTES) if packed else data)
    columns, rows, count = _shape(header)
    check_size(columns, rows, limits)
    check_frames(count, columns * rows, limits)
    if count < 1:
        raise InputError("no slices in this NIfTI file")
    dtype = header.get_data_dtype()
    if dtype.kind == "c" or (dtype.itemsize > 8 and not dtype.names):
        raise InputError("complex or 128-bit values in a NIfTI volume")
    offset = int(header["vox_offset"]) or int(header["sizeof_hdr"]) + 4
    voxels = columns * rows * count
    end = offset + voxels * dtype.itemsize
    most = _INFLATED_FACTOR * limits.max_bytes
    if packed and end > most:
        raise InputError(
            f"inflates to {end:,} bytes; expected at most {most:,}"
        )
    if packed:
        data = _inflate(data, end)
    if offset < int(header["sizeof_hdr"]) or len(data) < end:
        raise InputError("damaged or truncated NIfTI volume")
    volume = np.frombuffer(data, dtype, voxels, offset)
    return count, _slices(volume.reshape(count, rows, columns), header)


def _header(data: bytes) -> "Nifti1Header":
    """Parses the header alone; extensions, which may tell more, are not."""
    try:
        from nibabel.nifti1 import Nifti1Header
        from nibabel.nifti2 import Nifti2Header
    except ModuleNotFoundError as error:
        raise InputError(_MISSING) from error
    if data[344:347] == b"ni1":
        raise InputError("NIfTI header without its image; expected one file")
    kind = Nifti2Header if data[4:7] == b"n+2" else Nifti1Header
    # nibabel's own check prints what it finds.
    return kind(data[: kind.sizeof_hdr], check=False)


def _shape(header: "Nifti1Header") -> tuple[int, int, int]:
    """Columns, rows and slices of a volume; axes of length 1 do not count."""
    shape = [int(length) for length in header.get_data_shape()]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) > 3:
        raise InputError(f"{len(shape)}-D NIfTI; expected one volume, 3-D")
    columns, rows, count = (*shape, 1, 1, 1)[:3]
    return columns, rows, count


def _inflate(data: bytes, most: int) -> bytes:
    """Unpacks the first bytes of a gzip file and no more."""
    unpacked = bytearray()
    at = members = 0
    while at < len(data) and len(unpacked) < most:
        members += 1
        if members > _MOST_MEMBERS:
            raise InputError(f"more than {_MOST_MEMBERS:,} members in gzip")
        at = _inflate_member(memoryview(data), at, unpacked, most)
    return bytes(memoryview(unpacked)[:most])


def _inflate_member(
    data: memoryview, at: int, unpacked: bytearray, most: int
) -> int:
    """Appends a member up to one byte more than wanted; where it ends.

    At the end of a member zlib checks its sum: the byte more tells whether
    this is the end.
    """
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    while not member.eof and len(unpacked) <= most:
        piece = data[at : at + _PIECE]
        made = member.decompress(piece, most + 1 - len(unpacked))
        unpacked += made
        left = len(member.unconsumed_tail) + len(member.unused_data)
        at += len(piece) - left
        if not (piece or made or member.eof):
            raise zlib.error("damaged or truncated gzip file")
    return at


def _slices(
    volume: np.ndarray, header: "Nifti1Header"
) -> Iterator[LoadedImage]:
    """Makes the frames of a volume `[slices, rows, columns]`."""
    horizontal, flips, notes = _display_axes(header)
    if volume.dtype.names:
        notes += ["alpha dropped"] if "A" in volume.dtype.names else []
        volume = np.stack([volume[name] for name in "RGB"], axis=-1)
        frames: Iterator[np.ndarray] = iter(volume)
    else:
        scale = _scale(header, notes)
        low, high, note = _range(volume, scale, header)
        notes += [note] if note else []
        frames = (
            ranges.to_grey(
                ranges.fraction_of_range(_scaled(stored, scale), low, high)
            )
            for stored in volume
        )
    for frame in frames:
        turned = frame[:: flips[1], :: flips[0]]
        if horizontal == 1:
            turned = turned.swapaxes(0, 1)
        yield LoadedImage(np.ascontiguousarray(turned), tuple(notes))


def _scale(header: "Nifti1Header", notes: list[str]) -> tuple[float, float]:
    """Slope and intercept; a slope of 0, or none, stands for no scaling."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not math.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    if math.isfinite(intercept):
        return slope, intercept
    notes.append("NIfTI intercept no number, taken as 0")
    return slope, 0.0


def _scaled(stored: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """The values that stored ones stand for."""
    return stored.astype(np.float64) * scale[0] + scale[1]


def _range(
    volume: np.ndarray, scale: tuple[float, float], header: "Nifti1Header"
) -> tuple[float, float, str]:
    """Lowest and highest shown value and a note on their origin."""
    low, high = float(header["cal_min"]), float(header["cal_max"])
    if math.isfinite(low) and math.isfinite(high) and high > low:
        return low, high, "range of the NIfTI header shown"
    if volume.dtype == np.uint8 and scale == (1.0, 0.0):
        return 0, 255, ""
    ends = _scaled(np.array(ranges.shown_range(volume)), scale)
    note = f"{ranges.SHARE} of the volume's values shown"
    return ends.min(), ends.max(), note


def _display_axes(
    header: "Nifti1Header",
) -> tuple[int, tuple[int, int], list[str]]:
    """Which stored axis runs to the right, steps along both, and notes.

    In the patient's coordinates (right, front, head; NIfTI's "RAS+") every
    axis of the usual display runs from the higher to the lower value.
    """
    from nibabel.orientations import io_orientation

    affine = header.get_best_affine()
    # SVD, by which nibabel finds the axes, fails where a number is none.
    finite = np.isfinite(affine).all()
    orientation = io_orientation(affine)[:2] if finite else np.full(2, np.nan)
    if not np.isfinite(orientation).all():
        note = "NIfTI orientation not readable, default axes taken"
        return 0, (1, -1), [note]
    (first, first_sign), (second, second_sign) = orientation
    flips = (int(-first_sign), int(-second_sign))
    return int(first > second), flips, []
