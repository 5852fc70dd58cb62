"""Feeds damaged files to the readers, in a process of its own.

Usage: python -m tests.fuzz_images FOLDER COUNT [SEED]

Prints one JSON line of figures. The input that is being read is always in
FOLDER/input, so that a crash of a native decoder leaves it there.
"""

import collections
import faulthandler
import gc
import json
import os
import pathlib
import random
import struct
import sys
import time
import zlib

import numpy as np

from g2npan_tf.assessor import Assessor
from g2npan_tf.errors import InputError
from g2npan_tf.file_scoring import score_files
from g2npan_tf.images import Limits
from g2npan_tf.images import decode_frames
from tests.image_seeds import seeds

LIMITS = (Limits(), Limits(animations=True))
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
    for row in score_files(Assessor(mean), paths, limits=LIMITS[1]):
        if (row.mos is None) == (row.status == "ok"):
            raise SystemExit(f"neither score nor reason: {row}")
        rows[row.path.partition("#")[0]].append(row)
    if list(rows) != list(map(str, paths)):
        raise SystemExit("not every path has its rows in order")
    single = [len(found) == 1 for found in rows.values()]
    return {"scored_inputs": count, "single_rows": sum(single)}


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    crash = (folder / "crash").open("w")
    faulthandler.enable(crash)
    chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    figures = fuzz(folder, count, chance)
    figures |= score(folder, count // 10, chance)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
