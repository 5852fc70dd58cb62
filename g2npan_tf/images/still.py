"""PNG, JPEG, BMP, TIFF and GIF by Pillow: any mode becomes uint8 RGB."""

import contextlib
import logging
import os
import struct
import threading
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags
from PIL import Image
from PIL import ImageFile
from PIL import ImageOps
from PIL import UnidentifiedImageError

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import display_range as ranges
from g2npan_tf.images import tiff_header
from g2npan_tf.images.limits import BoundedReads
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.limits import LoadedImage
from g2npan_tf.images.limits import Opened
from g2npan_tf.images.limits import check_frames
from g2npan_tf.images.limits import check_scans
from g2npan_tf.images.limits import check_size

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
_PNG = b"\x89PNG\r\n\x1a\n"
# Besides those without which a PNG cannot be decoded.
_PNG_CHUNKS = (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")


def open_still(data: bytes, limits: Limits) -> Opened:
    """Checks the header of a file that Pillow knows."""
    if data.startswith(b"GIF8") and not limits.animations:
        raise InputError("GIF; expected another format (--animations reads it)")
    formats = (*FORMATS, "GIF") if limits.animations else FORMATS
    data, bits = _without_texts(data)
    tags = tiff_header.read_tags(data)
    if tags is not None:
        tiff_header.check_values(tags)
    try:
        # Checksums and the end mark of a PNG; a verified image is used up.
        Image.open(BoundedReads(data), formats=formats).verify()
    except UnidentifiedImageError:
        if tags is None:
            raise
        raise tiff_header.refusal(tags) from None
    opened = Image.open(BoundedReads(data), formats=formats)
    if opened.format in ("JPEG", "MPO"):
        check_scans(data)
    _check_header(opened, limits)
    count = _count(opened, limits)
    check_frames(count, opened.width * opened.height, limits)
    if tags is not None and tiff_header.planes(tags) > count:
        raise InputError(
            "several images in one page of a TIFF; expected a page for each"
        )
    return count, _decode_all(opened, count, bits, limits)


def _without_texts(data: bytes) -> tuple[bytes, int | None]:
    """Leaves out of a PNG what is not about its pixels, damaged or not.

    Returns:
        The file, and the significant bits of grey if it states them.
    """
    if not data.startswith(_PNG):
        return data, None
    stream = BoundedReads(data)
    kept = [stream.read(len(_PNG))]
    bits = None
    while len(head := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        body = stream.read(length + 4)
        if name[:1].isupper() or name in _PNG_CHUNKS:
            kept += [head, body]
        elif name == b"sBIT" and length == 1 and bits is None:
            bits = body[0]
        if name == b"IEND":
            break
    is_known = bits is not None and 1 <= bits <= ranges.FULL_BITS
    return b"".join([*kept, stream.read()]), bits if is_known else None


def _count(opened: ImageFile.ImageFile, limits: Limits) -> int:
    """Images in a file, at most one more than the limit."""
    # Of a JPEG with several pictures the first is the image, the others are
    # previews or the view of the other eye.
    if opened.format == "MPO" or not getattr(opened, "is_animated", False):
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
    opened: ImageFile.ImageFile, count: int, bits: int | None, limits: Limits
) -> Iterator[LoadedImage]:
    """Decodes image after image; `bits` are those that a PNG states."""
    for number in range(count):
        if count > 1:
            opened.seek(number)
            _check_header(opened, limits)
        yield _decode(opened, bits, limits)


def _decode(
    opened: ImageFile.ImageFile, bits: int | None, limits: Limits
) -> LoadedImage:
    """Decodes, and lists the conversions."""
    tags = getattr(opened, "tag_v2", None)
    if tags:
        tiff_header.mend_layout(opened, tags)
        bits = tiff_header.declared_bits(tags)
    is_wide = opened.format in ("PNG", "TIFF") and any(
        ";16" in str(tile.args) for tile in opened.tile
    )
    notes = ["first of several pictures"] if opened.format == "MPO" else []
    if opened.getexif().get(ExifTags.Base.Orientation) in range(2, 9):
        notes.append("EXIF rotation applied")
    with _quiet_libtiff(opened.format):
        image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        notes.append("alpha dropped")
    if is_wide or image.mode == "I;16":
        image, note = _to_8_bits(image, bits, limits.grey_bits)
        notes.append(note)
    if image.mode in _CONVERTED_MODES:
        notes.append(f"{_CONVERTED_MODES[image.mode]} converted to RGB")
    if tags and image.mode in ("P", "PA"):
        notes += _mend_palette(image, tiff_header.colour_map(tags))
    return LoadedImage(_to_rgb(image), tuple(notes))


def _mend_palette(image: Image.Image, entries: tuple[int, ...]) -> list[str]:
    """Shows 8-bit numbers in a TIFF's palette; Pillow takes the high bytes."""
    highest = max(entries)
    white = ranges.white_of_table(highest, 16)
    if white == 2**16 - 1:
        return []
    table = np.reshape(entries, (3, -1)) * (255 / white)
    image.putpalette(np.rint(table).astype(np.uint8).T.tobytes())
    return [ranges.TABLE_NOTE]


def _check_header(image: Image.Image, limits: Limits) -> None:
    """Refuses what must not or cannot be decoded."""
    check_size(*image.size, limits)
    compression = image.info.get("compression", "raw")
    if image.format == "TIFF" and compression not in _TIFF_COMPRESSIONS:
        raise InputError(
            f"TIFF compressed as {compression}; expected none, LZW, deflate, "
            "PackBits or JPEG"
        )
    tags = getattr(image, "tag_v2", None)
    if tags:
        tiff_header.check_values(tags)
    if image.mode.startswith("I;16") and (
        tags and tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
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


def _to_8_bits(
    image: Image.Image, declared: int | None, stated: int | None
) -> tuple[Image.Image, str]:
    """Scales grey by its depth, never between its own ends."""
    if not image.mode.startswith("I;16"):
        # Pillow reads no more of it than this.
        if stated != ranges.FULL_BITS:
            ranges.check_use(np.asarray(image.convert("RGB")), lost=8)
        return image, "16-bit colour, high byte taken"
    values = np.asarray(image)
    bits, source = ranges.grey_depth(values, declared, stated)
    highest = 2**bits - 1
    scaled = np.minimum(values, highest) * np.float32(255 / highest)
    note = f"16-bit grey, range 0..{highest}{source} scaled to 8 bits"
    note += ", near black" * ranges.is_near_black(values, bits)
    return Image.fromarray(np.rint(scaled).astype(np.uint8)), note


def _to_rgb(image: Image.Image) -> np.ndarray:
    """Returns three channels as they stand, whatever the alpha says.

    Choice: alpha is dropped without blending, because fused images are opaque
        and a blend would need an invented background.
    """
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"))
