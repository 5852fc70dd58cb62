import fnmatch
import io
import os
import threading
import time

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystem import MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import Limits
from g2npan_tf.scoring import beam_scoring
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.score_rows import Row
from tests.pictures import shades

pytestmark = pytest.mark.filterwarnings("default")


class DistantFiles(LocalFileSystem):
    """The files of a folder at addresses `distant://...`."""

    folder = ""

    @classmethod
    def scheme(cls):
        return "distant"

    def _local(self, address):
        return f"{self.folder}/{address.removeprefix('distant://x/')}"

    def open(self, path, *arguments, **options):
        return super().open(self._local(path), *arguments, **options)

    def match(self, patterns, limits=None):
        (pattern,) = patterns
        names = [f"distant://x/{name}" for name in os.listdir(self.folder)]
        found = [FileMetadata(x, 1) for x in fnmatch.filter(names, pattern)]
        return [MatchResult(pattern, found)]


@pytest.fixture
def distant(tmp_path, monkeypatch):
    monkeypatch.setattr(DistantFiles, "folder", str(tmp_path))
    for name, value in (("a.png", 51), ("b.png", 102)):
        shades(value).save(tmp_path / name)
    Image.new("L", (20, 20), 255).save(tmp_path / "blank.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "large.png").write_bytes(bytes(2000))
    return tmp_path


def brightness(batch, maps):
    quality = batch.mean(axis=(1, 2, 3), dtype=np.float32) / 255
    return {"mos": 1 + 4 * quality, "quality": quality}


def run(folder, patterns, batch_size=2):
    """The lines that a pipeline writes, sorted."""
    handler = beam_scoring.ScorerHandler("model", batch_size, 1)
    files = beam_scoring.ScoreFiles(handler, 128, Limits(1000), "csv")
    with beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        lines = pipeline | beam.Create([tuple(patterns)]) | files
        coder = beam.coders.BytesCoder()
        _ = lines | beam.io.WriteToText(f"{folder}/lines", coder=coder)
    written = folder.glob("lines-*")
    return sorted(b"".join(p.read_bytes() for p in written).splitlines())


@pytest.fixture
def loads(monkeypatch):
    """A model in one line; lists how often it was loaded."""
    times = []

    def load(*arguments):
        times.append(arguments)
        return Assessor(brightness)

    monkeypatch.setattr(beam_scoring, "load", load)
    return times


def test_files_at_addresses_have_the_same_rows(distant, loads):
    patterns = ["distant://x/*.png", "distant://x/none.png"]
    *found, missing = run(distant, patterns)
    assert missing.startswith(b"distant://x/none.png,,,cannot be read (")
    assert found == [
        b"distant://x/a.png,1.8000,0.2000,ok,",
        b"distant://x/b.png,2.6000,0.4000,ok,",
        b"distant://x/blank.png,,,no content: a blank picture or a mask of "
        b"two levels,",
        b"distant://x/empty.png,,,empty file,",
        b'distant://x/large.png,,,"more than 1,000 bytes; expected at most '
        b'that",',
    ]


def test_a_process_loads_its_model_once(distant, loads):
    run(distant, [str(distant)] * 3, batch_size=1)
    assert loads == [("model", 1, 1)]


def test_threads_share_the_model_one_at_a_time():
    busy, most = [], []

    def slow(batch, maps):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.01)
        busy.pop()
        return brightness(batch, maps)

    model = beam_scoring.LockedAssessor(Assessor(slow))
    handler = beam_scoring.ScorerHandler("", 1, 1)
    batch = [np.zeros((16, 16, 3), np.uint8)]
    threads = [
        threading.Thread(target=handler.run_inference, args=(batch, model))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_a_model_at_an_address_is_fetched(distant):
    with pytest.raises(InputError, match=r"model\.tflite: cannot be read"):
        beam_scoring.load("distant://x/model.tflite", 1, 1)
    (distant / "model.tflite").write_bytes(b"no model")
    with pytest.raises(InputError, match="damaged, or not a scorer"):
        beam_scoring.load("distant://x/model.tflite", 1, 1)


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_lines_and_header_are_those_of_the_command(file_format):
    rows = [
        Row("=a\nb.png", 1.23456, 0.5, notes=("x", "y, z")),
        Row("\udcff.png", status='not "readable"'),
    ]
    stream = io.StringIO()
    beam_scoring.WRITERS[file_format](rows, stream)
    lines = [beam_scoring.line(row, file_format) for row in rows]
    head = beam_scoring.header(file_format)
    joined = b"\n".join([head] * bool(head) + lines) + b"\n"
    assert joined == stream.getvalue().encode("utf-8", "backslashreplace")
