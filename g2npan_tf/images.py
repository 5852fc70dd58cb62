"""An untrusted image file becomes uint8 RGB, or one clear line of error.

This is the project's only policy for image files from outside. The format is
judged by content, never by suffix, and the limits on bytes and pixels are
checked before anything is decoded.
"""

import dataclasses
import io
import os
import pathlib
import warnings

import cv2
import numpy as np
from PIL import ExifTags
from PIL import Image
from PIL import ImageOps
from PIL import UnidentifiedImageError

from g2npan_tf.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
# What a search through a folder looks at; a file named by hand may bear any.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 2**25
MIN_SIDE = 16
# Width and height that every scorer works on (sec. 4.1.1).
SCORER_SIZE = 128

_CONVERTED_MODES = {
    "CMYK": "CMYK",
    "LAB": "CIE Lab",
    "P": "palette",
    "PA": "palette",
    "YCbCr": "YCbCr",
}
_TIFF_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0


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


def load_image(path: str | os.PathLike) -> LoadedImage:
    """Reads one image file that nobody vouches for.

    Args:
        path: A PNG, JPEG, BMP or TIFF file, whatever its suffix.

    Returns:
        What `decode_image` makes of its bytes.

    Raises:
        InputError: If there is no such file, it cannot be read, it is larger
            than `MAX_BYTES`, or `decode_image` refuses it.
    """
    try:
        return decode_image(_read(pathlib.Path(path)))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path}: {reason}") from error


def decode_image(data: bytes) -> LoadedImage:
    """Decodes the bytes of one image file that nobody vouches for.

    Grey becomes three equal channels, palettes and CMYK become RGB (without a
    colour profile), the EXIF orientation is applied.

    Choice: alpha is dropped as it stands, without blending, because fused
        images are opaque and a blend would need an invented background.
    Choice: 16-bit grey is read on the range 0..65535, or on 0..4095 if no
        value is above that, since scanners deliver 12 bits; never stretched
        between its own minimum and maximum, which would make the brightness
        that the score sees depend on single pixels. 16-bit colour keeps the
        high byte.
    Choice: at least 16 x 16 pixels; below that an enlarged image shows the
        interpolation and no anatomy.

    Args:
        data: A whole PNG, JPEG, BMP or TIFF file.

    Returns:
        Pixels of shape `[height, width, 3]` and the notes on conversions.

    Raises:
        InputError: If the format is another one, the file is damaged or
            truncated, holds several images, has less than 16 pixels a side or
            more than `MAX_PIXELS` pixels, or has 32-bit values, for which no
            range is defined.
    """
    try:
        with warnings.catch_warnings():
            # What Pillow only warns of is checked here or does no harm.
            warnings.simplefilter("ignore")
            return _decode(data)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            "not a readable PNG, JPEG, BMP or TIFF image"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:
        # Decoders raise nearly anything on damaged bytes; all of it means
        # the same to the caller.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"damaged or truncated image ({reason})") from error


def resize(pixels: np.ndarray, size: int = SCORER_SIZE) -> np.ndarray:
    """Brings an image to the square that the scorers work on.

    An axis that shrinks is averaged over areas, as in the data base; one that
    grows is interpolated linearly. Other shapes than a square are squeezed.

    Args:
        pixels: uint8 `[height, width, 3]`, 0..255.
        size: New height and width in pixels.

    Returns:
        uint8 `[size, size, 3]`, 0..255.
    """
    height, width = pixels.shape[:2]
    shrunk_size = (min(width, size), min(height, size))
    shrunk = cv2.resize(pixels, shrunk_size, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)


def _read(path: pathlib.Path) -> bytes:
    """Reads a regular file of bounded size."""
    size = path.stat().st_size
    if not path.is_file():
        raise InputError("not a regular file")
    if size == 0:
        raise InputError("empty file")
    if size > MAX_BYTES:
        raise InputError(f"{size:,} bytes; expected at most {MAX_BYTES:,}")
    with path.open("rb") as file:
        # The file may grow between the two calls.
        return file.read(MAX_BYTES)


def _decode(data: bytes) -> LoadedImage:
    """Checks the header, decodes, and lists the conversions."""
    # Checksums and the end mark of a PNG; a verified image is used up.
    Image.open(io.BytesIO(data), formats=FORMATS).verify()
    opened = Image.open(io.BytesIO(data), formats=FORMATS)
    _check_header(opened)
    notes = []
    high_bytes = any(";16" in str(tile.args) for tile in opened.tile)
    if opened.getexif().get(ExifTags.Base.Orientation) in range(2, 9):
        notes.append("EXIF rotation applied")
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
    pixels = _to_rgb(image)
    if image.width != image.height:
        notes.append(f"{image.width} x {image.height} squeezed to a square")
    return LoadedImage(pixels, tuple(notes))


def _check_header(image: Image.Image) -> None:
    """Refuses what must not or cannot be decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{width} x {height} pixels; expected at most {MAX_PIXELS:,} in all"
        )
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"{width} x {height} pixels; "
            f"expected at least {MIN_SIDE} x {MIN_SIDE}"
        )
    if getattr(image, "is_animated", False):
        raise InputError("several images in one file; expected a single one")
    if image.mode in ("I", "F"):
        raise InputError("32-bit values; expected 8 or 16 bits a channel")
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16") and (
        tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    ):
        raise InputError("16-bit grey with white as zero; expected black as 0")


def _scale_grey(image: Image.Image) -> tuple[Image.Image, str]:
    """Brings 16-bit grey to 8 bits; see `decode_image` for the choice."""
    values = np.asarray(image).astype(np.float32)
    bits = 12 if values.max() < 2**12 else 16
    scaled = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
    note = f"16-bit grey, range 0..{2**bits - 1} scaled to 8 bits"
    return Image.fromarray(scaled), note


def _to_rgb(image: Image.Image) -> np.ndarray:
    """Returns three channels as they stand, whatever the alpha says."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"))
