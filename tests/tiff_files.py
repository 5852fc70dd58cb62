"""TIFF files of any kind for tests, by hand."""

import struct
import zlib

import numpy as np

NONE, DEFLATE = 1, 8
WHITE_IS_ZERO, GREY, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6
SIDE = 32
_KINDS = {"u": 1, "i": 2, "f": 3}


def tiff(values, photometric=GREY, order="<", planes=False, **more):
    """A TIFF of `[rows, columns]` or `[rows, columns, samples]` by hand.

    Args:
        values: Of any type.
        photometric: As in the tag.
        order: Of the bytes.
        planes: Whether each sample has a plane of its own.
        more: `tile`, `deflate`, and further tags as `t270`.
    """
    values = values.reshape(*values.shape[:2], -1)
    rows, columns, samples = values.shape
    kind = values.dtype.newbyteorder(order)
    parts = np.moveaxis(values, -1, 0)[..., None] if planes else values[None]
    tile = more.pop("tile", False)
    side = SIDE // 2 if tile else max(rows, columns)
    blocks = [
        part[top : top + side, left : left + side]
        for part in parts
        for top in range(0, rows, side)
        for left in range(0, columns, side)
    ]
    pieces = [block.astype(kind).tobytes() for block in blocks]
    if is_packed := more.pop("deflate", False):
        pieces = [zlib.compress(piece) for piece in pieces]
    starts = 8 + np.cumsum([0, *map(len, pieces)])
    sizes = list(map(len, pieces))
    tags = {
        256: [columns],
        257: [rows],
        258: [8 * kind.itemsize] * samples,
        259: [DEFLATE if is_packed else NONE],
        262: [photometric],
        277: [samples],
        284: [2 if planes else 1],
        339: [_KINDS[kind.kind]] * samples,
        **{int(name[1:]): value for name, value in more.items()},
    }
    if tile:
        tags |= {322: [side], 323: [side], 324: starts[:-1], 325: sizes}
    else:
        tags |= {273: starts[:-1], 278: [rows], 279: sizes}
    return _file(tags, b"".join(pieces), order)


def _file(tags, pixels, order):
    """Header, pixels, one directory, and what does not fit into it."""
    at = 8 + len(pixels)
    behind = at + 2 + 12 * len(tags) + 4
    directory, extra = struct.pack(f"{order}H", len(tags)), b""
    for tag, value in sorted(tags.items()):
        is_text = isinstance(value, bytes)
        numbers = (
            value if is_text else np.asarray(value, f"{order}u4").tobytes()
        )
        count = len(value)
        if len(numbers) > 4:
            place = struct.pack(f"{order}I", behind + len(extra))
            extra += numbers
        else:
            place = numbers.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, 2 if is_text else 4, count)
        directory += place
    mark = b"II*\0" if order == "<" else b"MM\0*"
    header = mark + struct.pack(f"{order}I", at)
    return header + pixels + directory + bytes(4) + extra
