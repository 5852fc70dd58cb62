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
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import score_files
from tests.image_seeds import seeds

LIMITS = (Limits(), Limits(animations=True, grey_bits=12))
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutated(data, chance, corpus):
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
            other = chance.choice(corpus)
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


def read(data, limits):
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


def fuzz(folder, count, chance):
    """Reads damaged inputs; figures of time and memory."""
    named = seeds()
    names, corpus = list(named), list(named.values())
    slowest, slowest_name, before = 0.0, "", 0
    results = collections.Counter()
    for number in range(count):
        name = names[number % len(names)]
        data = mutated(named[name], chance, corpus)
        if chance.random() < 0.7:
            data = with_checksums(data)
        (folder / "input").write_bytes(data)
        start = time.process_time()
        frames = read(data, chance.choice(LIMITS))
        took = time.process_time() - start
        frames_or_one = max(frames or 1, 1)
        if took / frames_or_one > slowest:
            slowest, slowest_name = took / frames_or_one, name
            (folder / "slowest").write_bytes(data)
        results["refused" if frames is None else "read"] += 1
        if number == count // 5:
            before = resident()
    return {
        "inputs": count,
        **results,
        "slowest_seconds": slowest,
        "slowest": slowest_name,
        "growth_bytes": resident() - before,
    }


def score(folder, count, chance):
    """Scores a folder of damaged files; every path has its rows."""

    def mean(batch, maps):
        quality = batch.mean(axis=(1, 2, 3), dtype=np.float32) / 255
        return {"mos": 1 + 4 * quality, "quality": quality}

    named = seeds()
    corpus = list(named.values())
    paths = []
    for number in range(count):
        path = folder / f"{number}.bin"
        path.write_bytes(mutated(chance.choice(corpus), chance, corpus))
        paths.append(path)
    rows = collections.defaultdict(list)
    for image in score_files(Assessor(mean), paths, limits=LIMITS[1]):
        row = image.row
        if (row.mos is None) == (row.status == "ok"):
            raise SystemExit(f"neither score nor reason: {row}")
        rows[row.path.partition("#")[0]].append(row)
    if list(rows) != list(map(str, paths)):
        raise SystemExit("not every path has its rows in order")
    single = [len(found) == 1 for found in rows.values()]
    return {"scored_inputs": count, "single_rows": sum(single)}


@st.composite
def headers(draw):
    """A file whose header fields are any numbers or any text."""
    number = st.sampled_from((*EDGES, 2, 16, 17, 24, 4096, 65536, 2**24))
    kind = draw(st.sampled_from(FORMATS))
    body = draw(st.binary(max_size=300))
    if kind == "png":
        sizes = struct.pack(">II", draw(number), draw(number))
        rest = bytes(draw(st.integers(0, 18)) for _ in range(5))
        chunks = {b"IHDR": sizes + rest, b"IDAT": zlib.compress(body)}
        chunks |= {draw(st.sampled_from(PNG_CHUNKS)): body, b"IEND": b""}
        parts = (
            struct.pack(">I", len(content)) + name + content + bytes(4)
            for name, content in chunks.items()
        )
        return with_checksums(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    if kind == "bmp":
        fields = [draw(number) for _ in range(13)]
        fields[3] = draw(st.sampled_from((12, 40, 108, 124)))
        return b"BM" + struct.pack("<13I", *fields) + body
    if kind == "tiff":
        tags = draw(st.lists(st.sampled_from(TIFF_TAGS), max_size=20))
        entries = [
            struct.pack(
                "<HHII",
                tag,
                draw(st.integers(0, 18)),
                *(draw(number), draw(number)),
            )
            for tag in sorted(tags)
        ]
        count = struct.pack("<H", len(entries))
        return b"II*\0\x08\0\0\0" + count + b"".join(entries) + bytes(4) + body
    if kind == "nifti":
        fields = struct.pack("<8H", *(draw(number) % 2**16 for _ in range(8)))
        shown = draw(st.binary(min_size=64, max_size=64))
        plain = bytearray(NIFTI)
        plain[40:56] = fields
        plain[70 : 70 + 64] = draw(
            st.sampled_from((shown, bytes(NIFTI[70:134])))
        )
        return bytes(plain)
    if kind == "gzip":
        # Members that hold nothing, before, between and behind the others.
        empty = gzip.compress(b"") * draw(st.sampled_from(MEMBERS))
        cut = draw(st.integers(0, len(NIFTI)))
        parts = map(gzip.compress, (NIFTI[:cut], NIFTI[cut:], body))
        return empty.join((b"", *parts, b""))
    return dicom_header(draw)


def dicom_header(draw):
    """A DICOM file with short elements of any bytes."""
    name = draw(st.sampled_from(DICOM_SEEDS))
    data = bytearray(SEEDS[name])
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


SEEDS = seeds()
FORMATS = ("png", "bmp", "tiff", "nifti", "gzip", "dicom")
MEMBERS = (0, 1, 2_000, 9_000, 100_000)
NIFTI = SEEDS["nifti"]
DICOM_SEEDS = [name for name in SEEDS if name.startswith("dicom")]
DICOM_ELEMENTS: tuple[int, ...] = (
    2,
    4,
    6,
    8,
    0x10,
    0x11,
    0x100,
    0x101,
    0x102,
    0x103,
)
DICOM_ELEMENTS += (0x1050, 0x1051, 0x1052, 0x1053, 0x1101, 0x1201, 0x120)
PNG_CHUNKS = (b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"zTXt", b"fcTL")
TIFF_TAGS: tuple[int, ...] = (
    254,
    256,
    257,
    258,
    259,
    262,
    266,
    270,
    273,
    274,
    277,
    278,
    279,
)
TIFF_TAGS += (282, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 530, 34665)


def fuzz_headers(folder, count):
    """Reads what `headers` writes; figures of number and time."""
    results = collections.Counter()
    figures = {"inputs": 0, "slowest_seconds": 0.0, "slowest": ""}

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(headers(), st.sampled_from(LIMITS))
    def one(data, limits):
        (folder / "input").write_bytes(data)
        start = time.process_time()
        frames = read(data, limits)
        took = time.process_time() - start
        figures["inputs"] += 1
        results["refused" if frames is None else "read"] += 1
        if took > figures["slowest_seconds"]:
            figures.update(slowest_seconds=took, slowest=data[:4].hex())
            (folder / "slowest").write_bytes(data)

    one()
    return {**figures, **results}


def main():
    folder, mode, count = (
        pathlib.Path(sys.argv[1]),
        sys.argv[2],
        int(sys.argv[3]),
    )
    crash = (folder / "crash").open("w")
    faulthandler.enable(crash)
    if mode == "headers":
        print(json.dumps(fuzz_headers(folder, count)))
        return
    chance = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    figures = fuzz(folder, count, chance)
    figures |= score(folder, count // 10, chance)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
