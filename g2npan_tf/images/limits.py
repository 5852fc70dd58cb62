"""What every decoder of untrusted files keeps to: limits and result.

The whole policy, input by input, is the table in docs/input.md.
"""

import dataclasses
import io
from collections.abc import Iterator

import numpy as np

from g2npan_tf.core.errors import InputError

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 2**25
MAX_FRAMES = 1024
MIN_SIDE = 16
GREY_BITS_HELP = (
    "Bits that 16-bit grey uses where the file does not say it; by default 16, "
    "and what is near black then is refused."
)
# The highest values that flags take; beyond them nothing could work.
HIGHEST = {
    "batch_size": 2**16,
    "max_bytes": 2**40,
    "max_frames": 2**20,
    "max_pixels": 2**27,
    "num_threads": 1024,
}
# What all frames of a file may hold together, in units of `max_pixels`.
_FILE_FACTOR = 8
# Parsers in Python read bit by bit; so many take a second or two.
_MOST_READS = 2**17
# Encoders make about ten; each goes through the whole image once.
MAX_SCANS = 64


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is accepted of one file, checked before pixels are decoded.

    Attributes:
        max_bytes: Size of the file.
        max_pixels: Width times height of one frame; all frames together may
            have eight times as many.
        max_frames: Images in one file.
        animations: Whether GIF, APNG and TIFF with several pages give one
            frame a page; otherwise they are refused.
        grey_bits: Bits that 16-bit grey uses in files that do not say it; by
            default 16, and images of nearly only 12 or fewer are refused.
    """

    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    max_frames: int = MAX_FRAMES
    animations: bool = False
    grey_bits: int | None = None


DEFAULT_LIMITS = Limits()


@dataclasses.dataclass(frozen=True)
class LoadedImage:
    """A decoded image and what was done to make it one.

    Attributes:
        pixels: uint8 `[height, width, 3]`, RGB, 0..255.
        notes: One phrase per conversion that a reader of the score should
            know of, e.g. `alpha dropped`; empty when nothing was changed.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


# How many images a file has, and what decodes each when it is asked for.
Opened = tuple[int, Iterator[LoadedImage]]


class BoundedReads(io.BytesIO):
    """Bytes that end a parser which hostile input keeps busy.

    Parsers in Python go through chunks, segments or elements one by one, and
    a file within the limit on bytes may have millions of empty ones.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = _MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads as `io.BytesIO`, but not without end."""
        self._left -= 1
        if self._left < 0:
            raise InputError("too many parts in the file")
        return super().read(size)


def check_scans(data: bytes) -> None:
    """Refuses a JPEG that would be decoded over and over."""
    if data.count(b"\xff\xda") > MAX_SCANS:
        raise InputError(f"more than {MAX_SCANS} scans in a JPEG")


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuses an image that is too large or too small by its header.

    Choice: at least 16 x 16 pixels; below that an enlarged image shows the
        interpolation and no anatomy.
    """
    if width * height > limits.max_pixels:
        raise InputError(
            f"{width} x {height} pixels; "
            f"expected at most {limits.max_pixels:,} in all"
        )
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"{width} x {height} pixels; "
            f"expected at least {MIN_SIDE} x {MIN_SIDE}"
        )


def check_frames(count: int, pixels: int, limits: Limits) -> None:
    """Refuses a file of too many images, or of too many pixels in all."""
    if count > limits.max_frames:
        raise InputError(
            f"{count:,} frames; expected at most {limits.max_frames:,}"
        )
    largest = _FILE_FACTOR * limits.max_pixels
    if count * pixels > largest:
        raise InputError(
            f"{count * pixels:,} pixels in {count:,} frames; "
            f"expected at most {largest:,}"
        )
