"""PNG, JPEG, BMP, TIFF and GIF by Pillow: any mode becomes uint8 RGB."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags
from PIL import Image
from PIL import ImageFile
from PIL import ImageOps

from g2npan_tf.errors import InputError
from g2npan_tf.input_policy import BoundedReads
from g2npan_tf.input_policy import Limits
from g2npan_tf.input_policy import LoadedImage
from g2npan_tf.input_policy import check_frames
from g2npan_tf.input_policy import check_scans
from g2npan_tf.input_policy import check_size

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")

# It logs damage as errors, which are raised anyway.
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)

_CONVERTED_MODES = {
    "CMYK": "CMYK",
    "LAB": "CIE Lab",
    "P": "palette",
    "PA": "palette",
    "YCbCr": "YCbCr",
}
# Fax codes do not notice damage; the others are seldom met and seldom tested.
_TIFF_COMPRESSIONS = (
    "raw",
    "tiff_lzw",
    "tiff_adobe_deflate",
    "tiff_deflate",
    "packbits",
    "jpeg",
)
_TIFF_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0


def open_still(
    data: bytes, limits: Limits
) -> tuple[int, Iterator[LoadedImage]]:
    """Checks the header of a file that Pillow knows.

    Args:
        data: A whole file of one of `FORMATS`.
        limits: The caller's.

    Returns:
        Number of images, and an iterator that decodes each when asked.

    Raises:
        InputError: If the header says that the file is to be refused.
        Exception: Whatever Pillow raises on damage.
    """
    if data.startswith(b"GIF8") and not limits.animations:
        raise InputError("GIF; expected another format (--animations reads it)")
    formats = (*FORMATS, "GIF") if limits.animations else FORMATS
    # Checksums and the end mark of a PNG; a verified image is used up.
    Image.open(BoundedReads(data), formats=formats).verify()
    opened = Image.open(BoundedReads(data), formats=formats)
    if opened.format in ("JPEG", "MPO"):
        check_scans(data)
    _check_header(opened, limits)
    count = _count(opened, limits)
    check_frames(count, opened.width * opened.height, limits)
    return count, _decode_all(opened, count, limits)


def _count(opened: ImageFile.ImageFile, limits: Limits) -> int:
    """Images in a file, at most one more than the limit."""
    if not getattr(opened, "is_animated", False):
        return 1
    if not limits.animations:
        raise InputError(
            "several images in one file; expected a single one "
            "(--animations reads all)"
        )
    if opened.format != "TIFF":
        return opened.n_frames  # type: ignore[attr-defined]
    # Pillow would go through any number of pages.
    for count in range(1, limits.max_frames + 1):
        try:
            opened.seek(count)
        except EOFError:
            return count
    return limits.max_frames + 1


def _decode_all(
    opened: ImageFile.ImageFile, count: int, limits: Limits
) -> Iterator[LoadedImage]:
    """Decodes image after image."""
    for number in range(count):
        if count > 1:
            opened.seek(number)
            _check_header(opened, limits)
        yield _decode(opened)


def _decode(opened: ImageFile.ImageFile) -> LoadedImage:
    """Decodes, and lists the conversions."""
    notes = []
    high_bytes = any(";16" in str(tile.args) for tile in opened.tile)
    if opened.getexif().get(ExifTags.Base.Orientation) in range(2, 9):
        notes.append("EXIF rotation applied")
    with _quiet_libtiff(opened.format):
        image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        notes.append("alpha dropped")
    if image.mode.startswith("I;16"):
        image, note = _scale_grey(image)
        notes.append(note)
    elif high_bytes:
        notes.append("16-bit colour, high byte taken")
    if image.mode in _CONVERTED_MODES:
        notes.append(f"{_CONVERTED_MODES[image.mode]} converted to RGB")
    return LoadedImage(_to_rgb(image), tuple(notes))


def _check_header(image: Image.Image, limits: Limits) -> None:
    """Refuses what must not or cannot be decoded."""
    check_size(*image.size, limits)
    compression = image.info.get("compression", "raw")
    if image.format == "TIFF" and compression not in _TIFF_COMPRESSIONS:
        raise InputError(
            f"TIFF compressed as {compression}; expected none, LZW, deflate, "
            "PackBits or JPEG"
        )
    if image.mode in ("I", "F"):
        raise InputError("32-bit values; expected 8 or 16 bits a channel")
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16") and (
        tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    ):
        raise InputError("16-bit grey with white as zero; expected black as 0")


@contextlib.contextmanager
def _quiet_libtiff(file_format: str | None) -> Iterator[None]:
    """Holds back what libtiff prints of damage, which is raised anyway.

    Only in the main thread: the others share its stderr.
    """
    quiet = (
        file_format == "TIFF"
        and threading.current_thread() is threading.main_thread()
    )
    try:
        saved = os.dup(2) if quiet else None
    except OSError:
        saved = None
    if saved is None:
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _scale_grey(image: Image.Image) -> tuple[Image.Image, str]:
    """Brings 16-bit grey to 8 bits.

    Choice: the range is 0..65535, or 0..4095 if no value is above that, since
        scanners deliver 12 bits; never stretched between its own minimum and
        maximum, which would make the brightness that the score sees depend on
        single pixels. 16-bit colour keeps the high byte.
    """
    values = np.asarray(image).astype(np.float32)
    bits = 12 if values.max() < 2**12 else 16
    scaled = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
    note = f"16-bit grey, range 0..{2**bits - 1} scaled to 8 bits"
    return Image.fromarray(scaled), note


def _to_rgb(image: Image.Image) -> np.ndarray:
    """Returns three channels as they stand, whatever the alpha says.

    Choice: alpha is dropped without blending, because fused images are opaque
        and a blend would need an invented background.
    """
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"))
