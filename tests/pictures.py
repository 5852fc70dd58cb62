"""Pictures with and without content, made from rules, and their files."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.read import decode_frames


def encode(image, kind, **options):
    """Writes an image with Pillow, to bytes."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(data, limits=DEFAULT_LIMITS):
    """The one frame of a file's bytes."""
    (frame,) = decode_frames(data, limits)
    return frame


def png_chunk(name, body, damage=0):
    """A part of a PNG, perhaps with a wrong checksum."""
    checksum = zlib.crc32(name + body) ^ damage
    length = struct.pack(">I", len(body))
    return length + name + body + struct.pack(">I", checksum)


def with_chunk(png, name, body, damage=0):
    """A PNG with another chunk behind its header."""
    return png[:33] + png_chunk(name, body, damage) + png[33:]


def png(width, height, bits, kind, rows=b""):
    """A PNG by hand: what Pillow does not write, or pixels that are missing."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows), b"IEND": b""}
    parts = [png_chunk(name, body) for name, body in chunks.items()]
    return b"".join((b"\x89PNG\r\n\x1a\n", *parts))


def wide_colour(pixels):
    """A PNG of 16 bits a colour."""
    height, width = pixels.shape[:2]
    rows = [b"\0" + row.tobytes() for row in pixels.astype(">u2")]
    return png(width, height, 16, 2, b"".join(rows))


def exif(orientation):
    """EXIF that says how an image is to be turned."""
    made = Image.Exif()
    made[0x010E] = "a fused slice"
    made[0x0112] = orientation
    return made.tobytes()


def shades(value, size=(32, 32)):
    """Grey bars around a mean, which resizing keeps at a width of 32 or 128.

    Args:
        value: 12 to 243.
        size: Width and height.

    Returns:
        Of mode L.
    """
    width, height = size
    place = np.arange(width) * 7 // width
    # Symmetric whatever the width.
    offsets = np.where(place < 3, -4, 4) * np.abs(place - 3)
    row = value + (offsets - offsets[::-1]) // 2
    return Image.fromarray(np.tile(row.astype(np.uint8), (height, 1)))


def flat(colour, size=(128, 128)):
    """One colour; height and width."""
    return np.full((*size, 3), colour, np.uint8)


def mask(low=0, high=255, size=(128, 128)):
    """A disc of one level on another."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    distance = (rows - size[0] / 2) ** 2 + (columns - size[1] / 2) ** 2
    inside = distance < min(size) ** 2 / 16
    return np.where(inside, high, low)[..., None].repeat(3, -1).astype("u1")


def noise(level, size=(128, 128), spread=2, seed=0):
    """A level give or take a few."""
    rng = np.random.default_rng(seed)
    grain = rng.integers(-spread, spread + 1, (*size, 1))
    return (level + grain).repeat(3, -1).astype(np.uint8)


def with_spots(pixels, count):
    """The same with some pixels of levels of their own; 128 x 128 pixels."""
    changed = pixels.copy()
    # Every second is looked at: 4,096 in all.
    changed[0, : 2 * count : 2] = 60 + 8 * np.arange(count)[:, None]
    return changed


def red(pixels):
    """Only one channel shows something."""
    return pixels * np.array([1, 0, 0], np.uint8)


NO_CONTENT = {
    "white": flat(255),
    "black": flat(0, (16, 16)),
    "one colour": flat((17, 99, 203), (300, 40)),
    "noise of two levels up and down": noise(200),
    "mask": mask(),
    "mask of 0 and 1": mask(0, 1, (64, 64)),
    "mask in colour": mask() // np.array([1, 3, 255], np.uint8),
    "noise around two levels": np.where(mask() > 0, noise(9), noise(240)),
    "mask with 4 spots": with_spots(mask(), 4),
    "large mask": mask(size=(2047, 1100)),
    "noise that the scorer does not see": noise(99, (1024, 1024), 9),
}
CONTENT = {
    "mask with 5 spots": with_spots(mask(), 5),
    "noise of nine levels up and down": noise(200, spread=9),
    "red shades": red(np.asarray(shades(120).convert("RGB"))),
    "shades": np.asarray(shades(12).convert("RGB")),
    "large shades": np.asarray(shades(200, (700, 2100)).convert("RGB")),
}
