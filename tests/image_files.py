"""Image files of every kind that a server may be sent."""

import struct
import zlib

import numpy as np
from PIL import ExifTags
from PIL import Image

from export.serving import status as status
from tests.finished_runs import random_images
from tests.pictures import encode
from tests.pictures import exif
from tests.pictures import wide_colour
from tests.pictures import with_chunk


def noisy(size=(97, 131), seed=0):
    """An image with grain, which shows where decoders differ."""
    rng = np.random.default_rng(seed)
    grain = rng.integers(-20, 21, (*size, 3))
    smooth = random_images(1, size, seed)[0].astype(int)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def _good():
    """Files that `g2npan_tf.images.read` takes too."""
    pixels = noisy()
    image = Image.fromarray(pixels)
    grey = image.convert("L")
    alpha = np.dstack([pixels, pixels[..., 0]])
    files = {
        "PNG grey": encode(grey, "PNG"),
        "PNG RGB": encode(image, "PNG"),
        "PNG RGBA": encode(alpha, "PNG"),
        "PNG grey and alpha": encode(grey.convert("LA"), "PNG"),
        "PNG palette": encode(image.convert("P"), "PNG"),
        "PNG four colours": encode(grey.quantize(4), "PNG", bits=2),
        "PNG one bit": encode(grey.convert("1"), "PNG"),
        "PNG with much text": with_chunk(
            encode(image, "PNG"),
            b"zTXt",
            b"Comment\0\0" + zlib.compress(bytes(3 * 2**20)),
        ),
        "PNG with damaged text": with_chunk(
            encode(image, "PNG"), b"tEXt", b"Comment\0good", damage=1
        ),
        "PNG upright": encode(image, "PNG", exif=exif(1)),
        "BMP RGB": encode(image, "BMP"),
        "BMP and more": encode(image, "BMP") + bytes(2),
        "PNG and more": encode(image, "PNG") + b"more",
        "JPEG and more": encode(image, "JPEG") + b"more",
        "BMP 32 bits": encode(alpha, "BMP"),
        "JPEG grey": encode(grey, "JPEG"),
        "JPEG CMYK": encode(image.convert("CMYK"), "JPEG"),
        "JPEG progressive": encode(image, "JPEG", progressive=True),
        "JPEG of many scans": with_scans(64),
        "JPEG of several pictures": encode(
            image, "MPO", save_all=True, append_images=[image.rotate(180)]
        ),
        "JPEG upright": encode(image, "JPEG", exif=exif(1)),
        "JPEG upright, little-endian": encode(
            image, "JPEG", exif=_little_endian(1)
        ),
    }
    for sampling in (0, 1, 2):
        name = f"JPEG {('4:4:4', '4:2:2', '4:2:0')[sampling]}"
        files[name] = encode(image, "JPEG", quality=75, subsampling=sampling)
    return files


def _only_by_the_policy():
    """Files that `g2npan_tf.images.read` takes and a server does not."""
    pixels = noisy()
    image = Image.fromarray(pixels)
    grey = image.convert("L")
    wide = np.asarray(grey).astype(np.uint16) * 257
    orientation = encode(image, "JPEG", exif=exif(6))
    files = {
        "PNG 16 bits": encode(wide // 3 * 2 + 5, "PNG"),
        "PNG 12 bits": with_chunk(encode(wide // 16, "PNG"), b"sBIT", b"\x0c"),
        "PNG 16 bits a colour": wide_colour(pixels.astype(np.uint16) * 257),
        "PNG turned": encode(image, "PNG", exif=exif(6)),
        "BMP grey": encode(grey, "BMP"),
        "BMP palette": encode(image.convert("P"), "BMP"),
        "BMP one bit": encode(image.convert("1"), "BMP"),
        "JPEG turned, little-endian": encode(
            image, "JPEG", exif=_little_endian(8)
        ),
        "JPEG turned, a longer number": encode(
            image, "JPEG", exif=_little_endian(3, kind=4)
        ),
        "JPEG turned, a signed number": encode(
            image, "JPEG", exif=_little_endian(6, kind=8)
        ),
        "JPEG turned by XMP": _with_segment(
            encode(image, "JPEG"),
            b"\xe1",
            b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>',
        ),
        "JPEG turned, a scan's mark before": _with_segment(
            orientation, b"\xe0", b"JFXX\0\x10\xff\xda"
        ),
        "JPEG, EXIF points outside": orientation.replace(
            b"MM\0*\0\0\0", b"MM\0*\x7f\xff\xff"
        ),
    }
    for value in range(2, 9):
        files[f"JPEG turned {value}"] = encode(image, "JPEG", exif=exif(value))
    return files


def with_scans(count):
    """A progressive JPEG whose last scan is there again and again."""
    data = encode(noisy((40, 50)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


def _with_segment(jpeg, kind, content):
    """A JPEG with a segment before all others."""
    length = struct.pack(">H", len(content) + 2)
    return jpeg[:2] + b"\xff" + kind + length + content + jpeg[2:]


def _little_endian(value, kind=3):
    """The orientation alone, in the other order of bytes."""
    header = struct.pack("<2sHI", b"II", 42, 8)
    entry = struct.pack("<HHIHH", ExifTags.Base.Orientation, kind, 1, value, 0)
    return b"Exif\0\0" + header + struct.pack("<H", 1) + entry + bytes(4)


def _bad():
    """Files that must not be scored, and the code that says why."""
    image = Image.fromarray(noisy((40, 50)))
    png, jpeg, bmp = (encode(image, kind) for kind in ("PNG", "JPEG", "BMP"))
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 1
    other = Image.fromarray(noisy((40, 50), 1))
    animated = {"save_all": True, "append_images": [other]}
    return {
        "nothing": (b"", status.UNKNOWN_FORMAT),
        "text": (b"not an image " * 9, status.UNKNOWN_FORMAT),
        "GIF": (encode(image, "GIF"), status.UNKNOWN_FORMAT),
        "TIFF": (encode(image, "TIFF"), status.UNKNOWN_FORMAT),
        "WebP": (encode(image, "WEBP"), status.UNKNOWN_FORMAT),
        "PNG mark alone": (png[:8], status.DAMAGED),
        "PNG header alone": (png[:33], status.DAMAGED),
        "PNG without end": (png[:-12], status.DAMAGED),
        "PNG half": (png[: len(png) // 2], status.DAMAGED),
        "PNG with a changed bit": (bytes(flipped), status.DAMAGED),
        "PNG of no pixels": (_with_size(png, 0, 0), status.DAMAGED),
        "PNG animated": (encode(image, "PNG", **animated), status.NOT_TAKEN),
        "PNG huge": (_with_size(png, 8000, 8000), status.TOO_MANY_PIXELS),
        "PNG high": (_with_size(png, 16, 2**31 - 1), status.TOO_MANY_PIXELS),
        "PNG small": (encode(noisy((15, 40)), "PNG"), status.TOO_SMALL),
        "JPEG mark alone": (jpeg[:3], status.DAMAGED),
        "JPEG half": (jpeg[: len(jpeg) // 2], status.DAMAGED),
        "JPEG without end": (jpeg[:-2], status.DAMAGED),
        "JPEG small": (encode(noisy((40, 15)), "JPEG"), status.TOO_SMALL),
        "JPEG of very many scans": (with_scans(65), status.NOT_TAKEN),
        "JPEG of scans alone": (
            jpeg[:-2] + b"\xff\xda" * 200_000 + jpeg[-2:],
            status.NOT_TAKEN,
        ),
        "BMP mark alone": (bmp[:2], status.DAMAGED),
        "BMP half": (bmp[: len(bmp) // 2], status.DAMAGED),
        "BMP huge": (
            bmp[:18] + struct.pack("<ii", 2**31 - 1, -(2**31)) + bmp[26:],
            status.TOO_MANY_PIXELS,
        ),
        "BMP compressed": (
            bmp[:30] + struct.pack("<i", 1) + bmp[34:],
            status.NOT_TAKEN,
        ),
    }


def _with_size(png, width, height):
    """A PNG whose header tells another size, with the right checksum."""
    header = png[12:16] + struct.pack(">II", width, height) + png[24:29]
    checksum = struct.pack(">I", zlib.crc32(header))
    return png[:12] + header + checksum + png[33:]


GOOD = _good()
ONLY_BY_THE_POLICY = _only_by_the_policy()
BAD = _bad() | {
    name: (data, status.NOT_TAKEN) for name, data in ONLY_BY_THE_POLICY.items()
}
