"""Decodes the bytes of untrusted image files in the graph, by `tf.io` alone.

What TensorFlow does not decode to the very pixels of `g2npan_tf.images.read`
has a status instead. Formats are identified by content, and limits are checked
before anything is decoded.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from export import graph
from export.serving import status
from g2npan_tf.images import limits

_MARKS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")
_SCAN = b"\xff\xda"
# The entry of EXIF's orientation in either order of bytes, if it is a turn.
_TURNED = (
    r"\C*(\x12\x01[\x03\x04\x08\x09]\x00\x01\x00\x00\x00[\x02-\x08]\x00"
    r"|\x01\x12\x00([\x03\x08]\x00\x00\x00\x01\x00"
    r"|[\x04\x09]\x00\x00\x00\x01\x00\x00\x00)[\x02-\x08])\C*"
)
# The same in XMP, which counts in a JPEG.
_TURNED_BY_XMP = r'\C*tiff:Orientation(="|>)[2-8]\C*'

# Height, width, and whether images of this kind are taken at all.
_Header = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def decode_batch(data: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes image files; a bad one does not stop the rest.

    Operations that decode raise an error for damaged bytes, which would end
    the whole request. Inside a data set such an error can be ignored: the row
    is missing, and its place keeps the status `DAMAGED`.

    Args:
        data: Whole files. String `[batch]`.
        size: Side of the scorer's image in pixels.

    Returns:
        Pixels, uint8 `[batch, size, size, 3]`, black where there is no image;
        and a code of `export.serving.status`, int32 `[batch]`.
    """
    count = tf.size(data, tf.int64)
    rows = tf.data.Dataset.from_tensor_slices(data).enumerate()
    rows = rows.map(
        lambda index, item: (index, *_judged(item, size)),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).ignore_errors()
    # One more row, which is dropped: there may be no other.
    black = tf.zeros((size, size, 3), tf.uint8)
    more = tf.data.Dataset.from_tensors((count, status.OK, black))
    rows = rows.concatenate(more).batch(count + 1)
    index, codes, pixels = rows.get_single_element()
    place = index[:, tf.newaxis]
    damaged = tf.fill([count + 1], status.DAMAGED)
    blank = tf.zeros(tf.stack([count + 1, size, size, 3]), tf.uint8)
    return (
        tf.ensure_shape(
            tf.tensor_scatter_nd_update(blank, place, pixels)[:count],
            (None, size, size, 3),
        ),
        tf.tensor_scatter_nd_update(damaged, place, codes)[:count],
    )


def decode(data: tf.Tensor) -> tf.Tensor:
    """Decodes a file that the checks let pass; `[height, width, 3]`."""
    pixels = _by_format(data, (_decode_png, _decode_jpeg, _decode_bmp))
    return tf.ensure_shape(pixels, (None, None, 3))


def size_status(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The code of a size, int64; as `limits.check_size`."""
    too_small = tf.minimum(height, width) < limits.MIN_SIDE
    too_large = height * width > limits.MAX_PIXELS
    code = tf.where(too_large, status.TOO_MANY_PIXELS, status.OK)
    return tf.where(too_small, status.TOO_SMALL, code)


def _judged(data: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Code and square of one file; raises in the graph if it is damaged."""

    def scored() -> tuple[tf.Tensor, tf.Tensor]:
        codes, squares = graph.judged_to_scorer_size(decode(data)[None], size)
        return codes[0], squares[0]

    code = tf.cond(
        tf.strings.length(data) > limits.MAX_BYTES,
        lambda: status.TOO_MANY_BYTES,
        lambda: _header_status(data),
    )
    black = tf.zeros((size, size, 3), tf.uint8)
    code, pixels = tf.cond(code == status.OK, scored, lambda: (code, black))
    return code, tf.ensure_shape(pixels, (size, size, 3))


def _header_status(data: tf.Tensor) -> tf.Tensor:
    """The code of a file by its header; `OK` if it is to be decoded."""
    one = tf.constant(1, tf.int64)
    headers = (
        _png_header,
        _jpeg_header,
        _bmp_header,
        lambda _: (one, one, tf.constant(True)),
    )
    height, width, taken = _by_format(data, headers)
    code = size_status(height, width)
    for wrong, meaning in (
        (tf.minimum(height, width) < 1, status.DAMAGED),
        (tf.logical_not(taken), status.NOT_TAKEN),
        (_format(data) == len(_MARKS), status.UNKNOWN_FORMAT),
    ):
        code = tf.where(wrong, meaning, code)
    return code


def _format(data: tf.Tensor) -> tf.Tensor:
    """Index of the mark that a file begins with, or one more."""
    found = [tf.strings.substr(data, 0, len(m)) == m for m in _MARKS]
    return tf.argmax(tf.stack([*found, True]), output_type=tf.int32)


def _by_format(data: tf.Tensor, functions: Sequence[Callable]) -> Any:
    """Calls the function of a file's format."""
    branches = [lambda f=function: f(data) for function in functions]
    return tf.switch_case(_format(data), branches)


def _png_header(data: tf.Tensor) -> _Header:
    """Reads IHDR, which must come first, and what stands before the pixels."""
    width = _number(data, 16, tf.int32, little_endian=False)
    height = _number(data, 20, tf.int32, little_endian=False)
    front = tf.strings.split(data, b"IDAT", 1)[0]
    animated = tf.strings.regex_full_match(front, r"\C*acTL\C*")
    wide = _number(data, 24, tf.uint8) == 16
    turned = tf.strings.regex_full_match(front, _TURNED)
    return height, width, ~(animated | wide | turned)


def _jpeg_header(data: tf.Tensor) -> _Header:
    """Has libjpeg read the header, and counts as `limits.check_scans`."""
    shape = tf.io.extract_jpeg_shape(data, tf.int32)
    height, width = tf.cast(shape[0], tf.int64), tf.cast(shape[1], tf.int64)
    # One part before the first scan; not all parts of a file of marks alone.
    parts = tf.strings.split(data, _SCAN, limits.MAX_SCANS + 1)
    few = tf.size(parts) - 1 <= limits.MAX_SCANS
    # What looks like a scan may be a thumbnail's, in front of the EXIF data.
    # Where a thumbnail comes before it, EXIF follows the mark of a scan.
    turned = [
        tf.strings.regex_full_match(front, pattern)
        for front in (parts[0], tf.strings.substr(data, 0, 2**16))
        for pattern in (_TURNED, _TURNED_BY_XMP)
    ]
    return height, width, few & ~tf.reduce_any(turned)


def _bmp_header(data: tf.Tensor) -> _Header:
    """Reads the header; a negative height says that rows run downwards."""
    height = tf.abs(_number(data, 22, tf.int32))
    bits = _number(data, 28, tf.uint16)
    plain = _number(data, 30, tf.int32) == 0
    taken = plain & tf.reduce_any(bits == [24, 32])
    return height, _number(data, 18, tf.int32), taken


def _decode_png(data: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_png(data, channels=3)


def _decode_jpeg(data: tf.Tensor) -> tf.Tensor:
    # The accurate transform gives the same pixels everywhere.
    return tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_bmp(data: tf.Tensor) -> tf.Tensor:
    """Decodes 24 bits, or 32 without the fourth byte."""
    width, bits = _number(data, 18, tf.int32), _number(data, 28, tf.uint16)
    row = (width * bits + 31) // 32 * 4
    size = row * tf.abs(_number(data, 22, tf.int32))
    end = size + _number(data, 10, tf.int32)
    # The decoder takes bytes behind the pixels, which some add, for damage.
    whole = tf.strings.substr(data, tf.constant(0, tf.int64), end)
    return tf.io.decode_bmp(whole, channels=0)[..., :3]


def _number(
    data: tf.Tensor, start: int, kind: tf.DType, little_endian: bool = True
) -> tf.Tensor:
    """Reads one number of a header."""
    taken = tf.strings.substr(data, start, kind.size)
    value = tf.io.decode_raw(taken, kind, little_endian=little_endian)[0]
    return tf.cast(value, tf.int64)
