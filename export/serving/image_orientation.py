"""Applies the EXIF orientation of an image, in the graph."""

import tensorflow as tf

_ORIENTATION = 0x0112
_UPRIGHT = 1
_TURNED = range(2, 9)
_ENTRY_BYTES = 12


def upright(pixels: tf.Tensor, metadata: tf.Tensor) -> tf.Tensor:
    """Turns an image the way its EXIF data say that it is to be seen.

    Args:
        pixels: uint8 `[height, width, 3]`.
        metadata: The image's EXIF block without its mark, which is a TIFF
            file of its own, and whatever follows it; empty if it has none.
            Scalar string.

    Returns:
        uint8 `[height, width, 3]`, or `[width, height, 3]` if turned by 90
        degrees.

    Raises:
        tf.errors.InvalidArgumentError: In the graph, if the block is damaged.
    """
    orientation = tf.cond(
        tf.strings.length(metadata) > 0,
        lambda: _orientation(metadata),
        lambda: _UPRIGHT,
    )
    # 5 to 8 are 1 to 4 after an exchange of the axes.
    axes = tf.where(orientation >= 5, [1, 0, 2], [0, 1, 2])
    mirrored = [
        tf.reduce_any(orientation == [3, 4, 7, 8]),
        tf.reduce_any(orientation == [2, 3, 6, 7]),
    ]
    reversed_axes = tf.boolean_mask([0, 1], tf.stack(mirrored))
    return tf.reverse(tf.transpose(pixels, axes), reversed_axes)


def _orientation(block: tf.Tensor) -> tf.Tensor:
    """Looks up the orientation in the first directory of a TIFF block."""
    little = tf.strings.substr(block, 0, 2) == b"II"
    start = _numbers(block, 4, 4, little)
    # Directories this far are not written; a sum must not overflow.
    first = start[0] + 2**16 * tf.minimum(start[1], 2**14)
    count = _numbers(block, first, 2, little)[0]
    size = count * _ENTRY_BYTES
    entries = tf.reshape(
        _numbers(block, first + 2, size, little), (count, _ENTRY_BYTES // 2)
    )
    # Tag, type, two words of length, value.
    found = tf.where(entries[:, 0] == _ORIENTATION, entries[:, 4], 0)
    value = tf.reduce_max(tf.concat([found, [_UPRIGHT]], axis=0))
    return tf.where(value < _TURNED.stop, value, _UPRIGHT)


def _numbers(
    block: tf.Tensor,
    start: tf.Tensor | int,
    size: tf.Tensor | int,
    little: tf.Tensor,
) -> tf.Tensor:
    """Reads so many bytes as 16-bit words, the lower one of two first."""
    taken = tf.io.decode_raw(tf.strings.substr(block, start, size), tf.uint8)
    pairs = tf.reshape(tf.cast(taken, tf.int32), (-1, 2))
    ordered = tf.cond(little, lambda: pairs, lambda: pairs[:, ::-1])
    words = ordered[:, 0] + 256 * ordered[:, 1]
    # Only a number of two words is affected: its words come in that order.
    swap = tf.logical_and(tf.logical_not(little), tf.size(words) == 2)
    return tf.cond(swap, lambda: words[::-1], lambda: words)
