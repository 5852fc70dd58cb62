"""Decodes the bytes of images that nobody vouches for, in the graph.

The same policy and the same pixels as `g2npan_tf.images.read`, without Python,
so that TF Serving can run it. PNG, JPEG and BMP only, told by content; limits
are checked before anything is decoded.
"""

from collections.abc import Callable

import tensorflow as tf

from export.graph import judged_to_scorer_size
from export.serving import status as status
from export.serving.image_orientation import upright
from g2npan_tf.images.display_range import FULL_BITS
from g2npan_tf.images.display_range import OUTLIERS
from g2npan_tf.images.display_range import USUAL_BITS
from g2npan_tf.images.limits import MAX_BYTES
from g2npan_tf.images.limits import MAX_PIXELS
from g2npan_tf.images.limits import MAX_SCANS
from g2npan_tf.images.limits import MIN_SIDE

_PNG, _JPEG, _BMP = range(3)
_MARKS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")
_GREY = 0
# Length and name of the chunk of significant bits of grey.
_SIGNIFICANT_BITS = b"\0\0\0\1sBIT"

# Height, width, and whether images of this kind are taken at all.
_Header = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
# Pixels of any size, and a code: only decoding shows whether 16 bits fit.
_Decoded = tuple[tf.Tensor, tf.Tensor]


def decode_batch(
    data: tf.Tensor, size: int, grey_bits: int | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes image files; a bad one does not stop the others.

    Operations that decode raise an error for damaged bytes, which would end
    the whole request. Inside a data set such an error can be ignored: the row
    is missing, and its place keeps the status `DAMAGED`.

    Args:
        data: Whole files. String `[batch]`.
        size: Side of the scorer's image in pixels.
        grey_bits: As of `input_policy.Limits`.

    Returns:
        Pixels, uint8 `[batch, size, size, 3]`, black where there is no image;
        and a code of `serving_status`, int32 `[batch]`.
    """
    count = tf.size(data, tf.int64)
    rows = tf.data.Dataset.from_tensor_slices(data).enumerate()
    rows = rows.map(
        lambda index, item: (index, *_decode(item, size, grey_bits)),
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


def _decode(
    data: tf.Tensor, size: int, grey_bits: int | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes one file; raises in the graph if it is damaged."""
    code = tf.cond(
        tf.strings.length(data) > MAX_BYTES,
        lambda: status.TOO_MANY_BYTES,
        lambda: _judge(data),
    )
    code, pixels = tf.cond(
        code == status.OK,
        lambda: _pixels(data, size, grey_bits),
        lambda: (code, tf.zeros((size, size, 3), tf.uint8)),
    )
    return code, tf.ensure_shape(pixels, (size, size, 3))


def _judge(data: tf.Tensor) -> tf.Tensor:
    """The code of a file by its header; `OK` if it is to be decoded."""
    headers = (_png_header, _jpeg_header, _bmp_header, _no_header)
    height, width, taken = _by_format(data, headers)
    code = size_status(height, width)
    for wrong, meaning in (
        (tf.minimum(height, width) < 1, status.DAMAGED),
        (tf.logical_not(taken), status.NOT_TAKEN),
        (_format(data) == len(_MARKS), status.UNKNOWN_FORMAT),
    ):
        code = tf.where(wrong, meaning, code)
    return code


def size_status(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The code of a size, int64; as `input_policy.check_size`."""
    too_small = tf.minimum(height, width) < MIN_SIDE
    too_large = height * width > MAX_PIXELS
    code = tf.where(too_large, status.TOO_MANY_PIXELS, status.OK)
    return tf.where(too_small, status.TOO_SMALL, code)


def _pixels(
    data: tf.Tensor, size: int, grey_bits: int | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a file of known format to the scorer's square, and judges it."""
    pixels, code = _by_format(data, decoders(grey_bits))
    pixels = tf.ensure_shape(pixels, (None, None, 3))
    shown, squares = judged_to_scorer_size(pixels[tf.newaxis], size)
    is_decoded = code == status.OK
    code = tf.where(is_decoded, shown[0], code)
    return code, squares[0] * tf.cast(is_decoded, tf.uint8)


def decoders(
    grey_bits: int | None,
) -> tuple[Callable[[tf.Tensor], _Decoded], ...]:
    """Functions that decode a whole file of each format."""
    return (
        lambda data: _decode_png(data, grey_bits),
        lambda data: (_decode_jpeg(data), status.OK),
        lambda data: (_decode_bmp(data), status.OK),
    )


def _format(data: tf.Tensor) -> tf.Tensor:
    """Index of the mark that a file begins with, or one more."""
    found = [tf.strings.substr(data, 0, len(m)) == m for m in _MARKS]
    return tf.argmax(tf.stack([*found, True]), output_type=tf.int32)


def _by_format(
    data: tf.Tensor, functions: tuple[Callable, ...]
) -> tuple[tf.Tensor, ...]:
    """Calls the function of a file's format."""
    branches = [lambda f=function: f(data) for function in functions]
    return tf.switch_case(_format(data), branches)


def _no_header(data: tf.Tensor) -> _Header:
    """Stands for files of other formats."""
    return tf.constant(1, tf.int64), tf.constant(1, tf.int64), tf.constant(True)


def _png_header(data: tf.Tensor) -> _Header:
    """Reads IHDR, which must come first, and looks for an animation."""
    width = _number(data, 16, tf.int32, little_endian=False)
    height = _number(data, 20, tf.int32, little_endian=False)
    return height, width, tf.strings.length(_after(data, b"acTL")) == 0


def _jpeg_header(data: tf.Tensor) -> _Header:
    """Has libjpeg read the header, and counts as `check_scans` does."""
    shape = tf.io.extract_jpeg_shape(data, tf.int32)
    height, width = tf.cast(shape[0], tf.int64), tf.cast(shape[1], tf.int64)
    # One part before the first scan; not all parts of a file of marks alone.
    parts = tf.strings.split(data, b"\xff\xda", MAX_SCANS + 1)
    return height, width, tf.size(parts) - 1 <= MAX_SCANS


def _bmp_header(data: tf.Tensor) -> _Header:
    """Reads the header; rows may run downwards, told by a negative height."""
    height = tf.abs(_number(data, 22, tf.int32))
    bits = _number(data, 28, tf.uint16)
    compression = _number(data, 30, tf.int32)
    known = tf.reduce_any(bits == [8, 24, 32])
    return height, _number(data, 18, tf.int32), known & (compression == 0)


def _decode_png(data: tf.Tensor, grey_bits: int | None) -> _Decoded:
    """Decodes without alpha; 16 bits as `images.decode_image` does."""
    is_wide = _number(data, 24, tf.uint8) == FULL_BITS
    is_grey = _number(data, 25, tf.uint8) == _GREY
    pixels, code = tf.switch_case(
        tf.where(is_wide, tf.where(is_grey, 1, 2), 0),
        [
            lambda: (tf.io.decode_png(data, channels=3), status.OK),
            lambda: _decode_wide_grey(data, grey_bits),
            lambda: _decode_wide_colour(data, grey_bits),
        ],
    )
    return upright(pixels, _after(data, b"eXIf")), code


def _decode_wide_grey(data: tf.Tensor, grey_bits: int | None) -> _Decoded:
    """Scales 16-bit grey by the rule of `display_range.grey_depth`."""
    values = tf.io.decode_png(data, channels=1, dtype=tf.uint16)
    values = tf.cast(values, tf.int32)
    declared = _significant_bits(data)
    is_declared = (declared >= 1) & (declared <= FULL_BITS)
    bits = tf.where(
        is_declared,
        tf.where(_fits(values, declared), declared, FULL_BITS),
        grey_bits or FULL_BITS,
    )
    highest = tf.bitwise.left_shift(1, bits) - 1
    shown = tf.cast(tf.minimum(values, highest), tf.float32)
    scaled = tf.round(shown * (255 / tf.cast(highest, tf.float32)))
    contradicts = (
        tf.logical_not(_fits(values, grey_bits))
        if grey_bits
        else _is_near_black(values, USUAL_BITS)
    )
    refused = contradicts & tf.logical_not(is_declared)
    return (
        tf.tile(tf.cast(scaled, tf.uint8), (1, 1, 3)),
        tf.where(refused, status.NOT_TAKEN, status.OK),
    )


def _decode_wide_colour(data: tf.Tensor, grey_bits: int | None) -> _Decoded:
    """Takes the high bytes."""
    pixels = tf.io.decode_png(data, channels=3)
    if grey_bits == FULL_BITS:
        return pixels, tf.constant(status.OK)
    refused = _is_near_black(tf.cast(pixels, tf.int32), USUAL_BITS - 8)
    return pixels, tf.where(refused, status.NOT_TAKEN, status.OK)


def _significant_bits(data: tf.Tensor) -> tf.Tensor:
    """What a PNG says of its grey; 0 if it says nothing."""
    byte = tf.strings.substr(_after(data, _SIGNIFICANT_BITS), 0, 1)
    return tf.reduce_sum(tf.cast(tf.io.decode_raw(byte, tf.uint8), tf.int32))


def _fits(values: tf.Tensor, bits: tf.Tensor | int) -> tf.Tensor:
    """As `display_range.fits`."""
    # More would not shift; whether it counts is decided elsewhere.
    top = tf.bitwise.left_shift(1, tf.minimum(bits, FULL_BITS))
    above = tf.math.count_nonzero(values >= top)
    return above * OUTLIERS <= tf.math.count_nonzero(values)


def _is_near_black(values: tf.Tensor, bits: int) -> tf.Tensor:
    """As `display_range.check_use`."""
    return _fits(values, bits) & tf.reduce_any(values > 0)


def _decode_jpeg(data: tf.Tensor) -> tf.Tensor:
    """Decodes with the accurate transform, which gives the same everywhere."""
    pixels = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    # The mark of the EXIF block, which is among the first 64 kB.
    parts = tf.strings.split(tf.strings.substr(data, 0, 2**16), b"Exif\0\0", 1)
    return upright(pixels, tf.concat([parts, [b""]], axis=0)[1])


def _decode_bmp(data: tf.Tensor) -> tf.Tensor:
    """Decodes 8 bits with their palette, 24, or 32 without the fourth byte."""
    width, bits = _number(data, 18, tf.int32), _number(data, 28, tf.uint16)
    row = (width * bits + 31) // 32 * 4
    size = row * tf.abs(_number(data, 22, tf.int32))
    end = size + _number(data, 10, tf.int32)
    # The decoder takes bytes behind the pixels, which some add, for damage.
    pixels = tf.io.decode_bmp(
        tf.strings.substr(data, tf.constant(0, tf.int64), end), channels=0
    )
    return tf.cond(
        tf.shape(pixels)[2] == 1,
        lambda: tf.gather(_palette(data), tf.cast(pixels[..., 0], tf.int32)),
        lambda: pixels[..., :3],
    )


def _palette(data: tf.Tensor) -> tf.Tensor:
    """Colours of a BMP: between its header and its pixels, as BGR and zero."""
    start = tf.cast(14 + _number(data, 14, tf.int32), tf.int32)
    end = tf.cast(_number(data, 10, tf.int32), tf.int32)
    size = tf.minimum(end - start, 256 * 4) // 4 * 4
    colours = tf.io.decode_raw(tf.strings.substr(data, start, size), tf.uint8)
    return tf.reshape(colours, (-1, 4))[:, 2::-1]


def _number(
    data: tf.Tensor, start: int, kind: tf.DType, little_endian: bool = True
) -> tf.Tensor:
    """Reads one number of a header."""
    taken = tf.strings.substr(data, start, kind.size)
    value = tf.io.decode_raw(taken, kind, little_endian=little_endian)[0]
    return tf.cast(value, tf.int64)


def _after(data: tf.Tensor, mark: bytes) -> tf.Tensor:
    """What follows a mark in front of a PNG's pixels; empty without one."""
    front = tf.strings.split(data, b"IDAT", 1)[0]
    return tf.concat([tf.strings.split(front, mark, 1), [b""]], axis=0)[1]
