"""What the tags of a TIFF say of its pixels, before Pillow reads them."""

import math
import re

from PIL import ImageFile
from PIL import TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import BoundedReads

_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 262, 266
_DESCRIPTION, _SAMPLES, _HIGHEST, _PLANAR = 270, 277, 281, 284
_COLOUR_MAP, _SAMPLE_FORMAT, _DEPTH = 320, 339, 32997
_FORMATS = {2: "signed", 3: "float", 4: "undefined", 5: "complex"}
_COLOURS = {
    0: "white-is-zero grey",
    1: "grey",
    2: "RGB",
    3: "palette",
    5: "CMYK",
    6: "YCbCr",
    8: "Lab",
}
_IN_PLANES = 2
_YCBCR = 6
# Modes whose planes of 16 bits Pillow reads one by one.
_PARTED = ("RGB", "RGBA", "1", "L", "P", "I;16", "I;16B")
# As tifffile and ImageJ say how many planes there are.
_SHAPE = re.compile(r"shape\"?\s*[:=]\s*[\[(]([\d, ]{1,200})")
_IMAGES = re.compile(r"ImageJ=.*?^images=(\d{1,9})", re.DOTALL | re.MULTILINE)


def read_tags(data: bytes) -> ImageFileDirectory_v2 | None:
    """Reads the first directory; None if the file is no TIFF."""
    if not data.startswith(tuple(TiffImagePlugin.PREFIXES)):
        return None
    tags = ImageFileDirectory_v2(data[: 16 if 43 in data[2:4] else 8])
    stream = BoundedReads(data)
    stream.seek(tags.next)
    tags.load(stream)
    return tags


def variant(tags: ImageFileDirectory_v2) -> str:
    """Names the kind of values, e.g. `32-bit float grey TIFF`."""
    kinds = {_FORMATS.get(f, "") for f in _numbers(tags, _SAMPLE_FORMAT, 1)}
    colour = _COLOURS.get(_numbers(tags, _PHOTOMETRIC, 0)[0], "other")
    channels = _numbers(tags, _SAMPLES, 1)[0]
    words = [
        f"{max(_numbers(tags, _BITS, 1))}-bit",
        *sorted(kinds - {""}),
        colour,
        "TIFF",
    ]
    return " ".join(words) + (
        f" of {channels} channels" if channels > 1 else ""
    )


def check_values(tags: ImageFileDirectory_v2) -> None:
    """Refuses other values than unsigned ones of up to 16 bits."""
    formats = _numbers(tags, _SAMPLE_FORMAT, 1)
    if set(formats) != {1} or max(_numbers(tags, _BITS, 1)) > 16:
        raise refusal(tags)


def refusal(tags: ImageFileDirectory_v2) -> InputError:
    """The error for a variant that is not read."""
    return InputError(
        f"{variant(tags)}; expected unsigned grey or RGB of 8 or 16 bits"
    )


def planes(tags: ImageFileDirectory_v2) -> int:
    """Images that the first page says to be there, perhaps behind itself."""
    text = str(tags.get(_DESCRIPTION, ""))
    counts = [1, *_numbers(tags, _DEPTH, 1)]
    if found := _SHAPE.search(text):
        axes = [int(axis) for axis in re.findall(r"\d+", found[1])]
        page = math.prod(
            _numbers(tags, tag, 1)[0] for tag in (_WIDTH, _LENGTH, _SAMPLES)
        )
        counts.append(math.prod(axes) // max(page, 1))
    if found := _IMAGES.match(text):
        counts.append(int(found[1]))
    return max(counts)


def declared_bits(tags: ImageFileDirectory_v2) -> int | None:
    """Bits that are used of a value's 16, if the tags say so.

    A highest value counts if it is that of some bits: the standard has it for
    statistics, and one pixel would decide.
    """
    bits = max(_numbers(tags, _BITS, 1))
    highest = _numbers(tags, _HIGHEST, 0)[0]
    if bits < 16:
        return bits
    is_full = highest >= 255 and highest & (highest + 1) == 0
    return highest.bit_length() if is_full else None


def mend_layout(
    image: ImageFile.ImageFile, tags: ImageFileDirectory_v2
) -> None:
    """Has Pillow read 16 bits of each plane where it would read 8.

    Raises:
        InputError: If it would take uncompressed values for others.
    """
    if image.tile[0].codec_name != "raw":
        return
    if image.mode == "RGB" and _numbers(tags, _PHOTOMETRIC, 0)[0] == _YCBCR:
        raise refusal(tags)
    if _numbers(tags, _PLANAR, 1)[0] != _IN_PLANES:
        return
    bits = _numbers(tags, _BITS, 1)
    kind = ""
    if len(image.getbands()) == 1:
        # One sample has one plane, but of its kind the first letter is taken.
        kind = _raw_mode(tags)[1:]
    elif max(bits) == 16:
        kind = ";16L" if tags.prefix == b"II" else ";16B"
    if image.mode in ("LA", "PA") or (kind and image.mode not in _PARTED):
        raise refusal(tags)
    image.tile = [
        tile._replace(args=(f"{args[0]}{kind}", *args[1:]))
        for tile in image.tile
        if isinstance(args := tile.args, tuple)
    ]


def _raw_mode(tags: ImageFileDirectory_v2) -> str:
    """Pillow's name for the values of one sample."""
    key = (
        tags.prefix,
        _numbers(tags, _PHOTOMETRIC, 0)[0],
        (1,),
        _numbers(tags, _FILL_ORDER, 1)[0],
        _numbers(tags, _BITS, 1)[:1],
        (),
    )
    return TiffImagePlugin.OPEN_INFO[key][1]


def colour_map(tags: ImageFileDirectory_v2) -> tuple[int, ...]:
    """Entries of the palette: all reds, all greens, all blues."""
    return _numbers(tags, _COLOUR_MAP, 0)


def _numbers(
    tags: ImageFileDirectory_v2, tag: int, default: int
) -> tuple[int, ...]:
    """Whole numbers of a tag, whatever it may hold."""
    value = tags.get(tag, default)
    values = value if isinstance(value, tuple) else (value,)
    return tuple(v for v in values if isinstance(v, int)) or (default,)
