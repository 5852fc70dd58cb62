"""Feeds damaged files to the readers, in a process of its own.

Usage: python -m tests.fuzz_images FOLDER bytes|headers COUNT [SEED]

`bytes` damages seeds byte by byte, `headers` has Hypothesis write values that
cannot be into fields of headers.

Prints one JSON line of figures. The input that is being read is always in
FOLDER/input, so that a crash of a native decoder leaves it there.
"""

import collections
import faulthandler
import gc
import gzip
import json
import os
import pathlib
import random
import struct
import sys
import time
import zlib

import numpy as np
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import Limits
from g2npan_tf.images.read import decode_frames
from tests.image_seeds import seeds
from tests.pictures import png_chunk

SEEDS = seeds()
CORPUS = list(SEEDS.values())
LIMITS = (Limits(), Limits(animations=True, grey_bits=12))
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
NUMBER = st.sampled_from((*EDGES, 2, 16, 17, 24, 4096, 65536, 2**24))
NIFTI = SEEDS["nifti"]
DICOM_SEEDS = [name for name in SEEDS if name.startswith("dicom")]
# Of group 0028: size, bits, padding, window, rescale, tables.
DICOM_ELEMENTS = (
    *(*range(2, 0x12), *range(0x100, 0x104), 0x120),
    *(*range(0x1050, 0x1054), 0x1101, 0x1201),
)
PNG_CHUNKS = (b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"zTXt", b"fcTL")
TIFF_TAGS = (*range(254, 348), 530, 34665)


def mutated(data, chance):
    """Damages a file in one to eight places."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if len(data) < 8:
            break
        # Headers decide the most.
        reach = min(len(data), chance.choice((64, 512, len(data))))
        at = chance.randrange(reach)
        kind = chance.randrange(8)
        if kind <= 2:
            data[at] = chance.randrange(256)
        elif kind == 3:
            size = chance.choice("BHI")
            edge = chance.choice(EDGES) % 256 ** struct.calcsize(size)
            number = struct.pack(chance.choice("<>") + size, edge)
            data[at : at + len(number)] = number
        elif kind == 4:
            del data[at : at + chance.randrange(1, 64)]
        elif kind == 5:
            data[at:at] = data[at : at + chance.randrange(1, 64)]
        elif kind == 6:
            other = chance.choice(CORPUS)
            start = chance.randrange(len(other))
            data[at : at + 32] = other[start : start + 32]
        else:
            del data[len(data) - chance.randrange(len(data) // 2) :]
    return bytes(data)


def with_checksums(data):
    """Makes the chunks of a damaged PNG look whole."""
    if not data.startswith(b"\x89PNG"):
        return data
    data, at = bytearray(data), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)


class Reader:
    """Reads inputs, checks the contract and keeps the figures."""

    def __init__(self, folder):
        self.folder = folder
        self.counts = collections.Counter(inputs=0, read=0, refused=0)
        self.slowest, self.slowest_name = 0.0, ""

    def read(self, data, limits, name):
        (self.folder / "input").write_bytes(data)
        start = time.process_time()
        frames = checked_frames(data, limits)
        took = (time.process_time() - start) / max(frames or 1, 1)
        self.counts["inputs"] += 1
        self.counts["refused" if frames is None else "read"] += 1
        if took > self.slowest:
            self.slowest, self.slowest_name = took, name
            (self.folder / "slowest").write_bytes(data)

    def figures(self):
        slowest = {"slowest_seconds": self.slowest}
        return {**self.counts, **slowest, "slowest": self.slowest_name}


def checked_frames(data, limits):
    """Reads all frames and checks the contract; number of them or None."""
    count = 0
    try:
        for count, frame in enumerate(decode_frames(data, limits, "x"), 1):
            shape = frame.pixels.shape
            if not (
                frame.pixels.dtype == np.uint8
                and len(shape) == 3
                and shape[2] == 3
                and min(shape[:2]) >= 16
                and shape[0] * shape[1] <= limits.max_pixels
                and frame.name in ("x", f"x#{count}")
                and all(note.isprintable() for note in frame.notes)
            ):
                raise SystemExit(f"a frame breaks the contract: {frame}")
    except InputError as error:
        if not str(error) or not str(error).isprintable():
            raise SystemExit(f"not a line: {str(error)!r}") from error
        return None
    return count


def resident():
    """Bytes of memory that the process has now."""
    gc.collect()
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def fuzz_bytes(reader, count, chance):
    """Reads damaged inputs; how many bytes of memory that took for good."""
    names, before = list(SEEDS), 0
    for number in range(count):
        name = names[number % len(names)]
        data = mutated(SEEDS[name], chance)
        if chance.random() < 0.7:
            data = with_checksums(data)
        reader.read(data, chance.choice(LIMITS), name)
        if number == count // 5:
            before = resident()
    return resident() - before


@st.composite
def headers(draw):
    """A file whose header fields are any numbers or any text."""
    make = draw(st.sampled_from((png, bmp, tiff, nifti, packed, dicom)))
    return make(draw, draw(st.binary(max_size=300)))


def png(draw, body):
    sizes = struct.pack(">II", draw(NUMBER), draw(NUMBER))
    rest = bytes(draw(st.integers(0, 18)) for _ in range(5))
    chunks = {b"IHDR": sizes + rest, b"IDAT": zlib.compress(body)}
    chunks |= {draw(st.sampled_from(PNG_CHUNKS)): body, b"IEND": b""}
    parts = [png_chunk(name, content) for name, content in chunks.items()]
    return b"".join((b"\x89PNG\r\n\x1a\n", *parts))


def bmp(draw, body):
    fields = [draw(NUMBER) for _ in range(13)]
    fields[3] = draw(st.sampled_from((12, 40, 108, 124)))
    return b"BM" + struct.pack("<13I", *fields) + body


def tiff(draw, body):
    tags = draw(st.lists(st.sampled_from(TIFF_TAGS), max_size=20))
    kind = st.integers(0, 18)
    entries = [
        struct.pack("<HHII", tag, draw(kind), draw(NUMBER), draw(NUMBER))
        for tag in sorted(tags)
    ]
    count = struct.pack("<H", len(entries))
    return b"II*\0\x08\0\0\0" + count + b"".join(entries) + bytes(4) + body


def nifti(draw, body):
    plain = bytearray(NIFTI)
    plain[40:56] = struct.pack("<8H", *(draw(NUMBER) % 2**16 for _ in range(8)))
    if draw(st.booleans()):
        plain[70:134] = draw(st.binary(min_size=64, max_size=64))
    return bytes(plain)


def packed(draw, body):
    """Members that hold nothing, before, between and behind the others."""
    times = draw(st.sampled_from((0, 1, 2_000, 9_000, 100_000)))
    cut = draw(st.integers(0, len(NIFTI)))
    parts = map(gzip.compress, (NIFTI[:cut], NIFTI[cut:], body))
    return (gzip.compress(b"") * times).join((b"", *parts, b""))


def dicom(draw, body):
    """Short elements of any bytes."""
    data = bytearray(SEEDS[draw(st.sampled_from(DICOM_SEEDS))])
    for element in draw(st.lists(st.sampled_from(DICOM_ELEMENTS), max_size=4)):
        at = data.find(struct.pack("<HH", 0x28, element))
        if at < 0:
            continue
        (length,) = struct.unpack_from("<H", data, at + 6)
        value = draw(
            st.one_of(
                st.binary(max_size=20),
                st.sampled_from(EDGES).map(lambda x: struct.pack("<I", x)[:2]),
                st.from_regex(
                    rb"-?[0-9]{1,9}(\\-?1e[0-9]{3})?", fullmatch=True
                ),
            )
        )
        value += b" " * (len(value) % 2)
        field = struct.pack("<H", len(value)) + value
        data[at + 6 : at + 8 + length] = field
    return bytes(data)


def fuzz_headers(reader, count):
    """Reads what `headers` writes."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(headers(), st.sampled_from(LIMITS))
    def one(data, limits):
        reader.read(data, limits, data[:4].hex())

    one()


def main():
    folder, mode, count = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    faulthandler.enable((folder / "crash").open("w"))
    reader, more = Reader(folder), {}
    if mode == "headers":
        fuzz_headers(reader, int(count))
    else:
        chance = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
        more["growth_bytes"] = fuzz_bytes(reader, int(count), chance)
    print(json.dumps(reader.figures() | more))


if __name__ == "__main__":
    main()
