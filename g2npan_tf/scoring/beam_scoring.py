"""The scoring of files as parts of an Apache Beam pipeline.

Patterns become paths, paths frames, frames scores (`RunInference`), scores
lines of text; a file that cannot be read goes round the model as a row.
"""

import contextlib
import dataclasses
import io
import os
import pathlib
import tempfile
import threading
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import KeyedModelHandler
from apache_beam.ml.inference.base import ModelHandler
from apache_beam.ml.inference.base import RunInference

from g2npan_tf.core import command
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.paths import find_images
from g2npan_tf.images.paths import why_no_file
from g2npan_tf.images.read import Frame
from g2npan_tf.images.read import decode_frames
from g2npan_tf.images.read import read_frames
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.frame_scoring import assessment_of
from g2npan_tf.scoring.frame_scoring import frames_or_rows
from g2npan_tf.scoring.frame_scoring import scored_row
from g2npan_tf.scoring.score_rows import OK
from g2npan_tf.scoring.score_rows import WRITERS
from g2npan_tf.scoring.score_rows import Row

COUNTERS = "g2npan"
SCORED = "scored"
FAILED = "failed"
_ROWS = "rows"
_FRAMES = "frames"
REMOTE = "://"


@dataclasses.dataclass(frozen=True)
class LockedAssessor:
    """The model of a process, which its threads share one at a time."""

    assessor: Assessor
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)


class ScorerHandler(ModelHandler[np.ndarray, Assessment, LockedAssessor]):
    """Tells `RunInference` how to load an artefact and how to use it."""

    def __init__(self, model: str, batch_size: int, num_threads: int | None):
        """Keeps what every process needs to load the model by itself.

        Args:
            model: As for `load`; there for every worker.
            batch_size: Most images scored at once.
            num_threads: Of a `.tflite` model; None takes every core.
        """
        super().__init__(max_batch_size=batch_size)
        self._arguments = (model, batch_size, num_threads)

    def load_model(self) -> LockedAssessor:
        """Loads the artefact; `RunInference` does so once a process."""
        # Not every runner's processes inherit the command's environment.
        command.set_environment()
        return LockedAssessor(load(*self._arguments))

    def run_inference(
        self,
        batch: Sequence[np.ndarray],
        model: LockedAssessor,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[Assessment]:
        """Scores a batch of images of any sizes."""
        with model.lock:
            scores = model.assessor.score(batch)
        return list(map(assessment_of, scores))

    def get_metrics_namespace(self) -> str:
        """Where Beam counts batches and durations."""
        return COUNTERS


class ScoreFiles(beam.PTransform):
    """From lists of patterns to lines of a table, one for each image."""

    def __init__(
        self,
        handler: ScorerHandler,
        size: int,
        limits: Limits,
        file_format: str,
    ):
        """Describes the work.

        Args:
            handler: The model.
            size: Side of the model's image in pixels.
            limits: What is accepted of a file.
            file_format: `csv` or `jsonl`.
        """
        super().__init__()
        self._handler = handler
        self._read = _ReadFrames(limits, size)
        self._write = _WriteLine(file_format)

    def expand(self, patterns: beam.PCollection) -> beam.PCollection:
        """Joins the steps."""
        read = (
            patterns
            | "Match" >> beam.FlatMap(matching_paths)
            # A file of two patterns; also lets every worker read.
            | "Once each" >> beam.Distinct()
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(self._read).with_outputs(_ROWS, main=_FRAMES)
        )
        scored = (
            read[_FRAMES]
            | "Score" >> RunInference(KeyedModelHandler(self._handler))
            | "Rows"
            >> beam.MapTuple(lambda key, x: scored_row(key.path, key.notes, x))
        )
        return (
            (scored, read[_ROWS])
            | "All rows" >> beam.Flatten()
            | "Lines" >> beam.ParDo(self._write)
        )


def load(model: str, batch_size: int, num_threads: int | None) -> Assessor:
    """Loads an artefact, also one of a single file elsewhere.

    Args:
        model: As for `Assessor.load`, or the address (`gs://...`) of a
            `.tflite` or `.keras` file.
        batch_size: As for `Assessor.load`.
        num_threads: As for `Assessor.load`.

    Returns:
        The assessor.

    Raises:
        InputError: If it cannot be loaded.
    """
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "num_threads": num_threads,
        # The step that reads looks at the pictures.
        "check_content": False,
    }
    if REMOTE not in model:
        return Assessor.load(model, **options)
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, model.rpartition("/")[2] or "model")
        copy.write_bytes(_read_remote(model))
        return Assessor.load(copy, **options)


def matching_paths(patterns: Sequence[str]) -> Iterator[bytes]:
    """Lists the files of patterns where it runs, as `g2npan-score` does.

    Args:
        patterns: As for `image_paths.find_images`, or addresses with `*`.

    Yields:
        Paths as bytes, since names of files need not be text; what matches
        nothing stands for itself.
    """
    local = [pattern for pattern in patterns if REMOTE not in pattern]
    for path in find_images(local).paths:
        yield os.fsencode(path)
    for pattern in patterns:
        if REMOTE in pattern:
            (match,) = FileSystems.match([pattern])
            found = [each.path for each in match.metadata_list]
            yield from map(os.fsencode, found or [pattern])


class _ReadFrames(beam.DoFn):
    """From the path of a file to its frames, keyed, or to its row."""

    def __init__(self, limits: Limits, size: int):
        self._limits = limits
        self._size = size

    def process(self, element: bytes) -> Iterator[Any]:
        """Yields frames of the model's size."""
        path = os.fsdecode(element)
        for item in _frames_or_rows(path, self._limits, self._size):
            if isinstance(item, Row):
                yield beam.pvalue.TaggedOutput(_ROWS, item)
            else:
                # Not a tuple of texts: names of files need not be text, and
                # only objects of ours are pickled whatever is in them.
                frame, scored = item
                yield Row(frame.name, notes=frame.notes), scored


class _WriteLine(beam.DoFn):
    """From a row to the bytes of its line, counting as it goes."""

    def __init__(self, file_format: str):
        self._format = file_format

    def process(self, element: Row) -> Iterator[bytes]:
        """Yields one line."""
        state = SCORED if element.status == OK else FAILED
        Metrics.counter(COUNTERS, state).inc()
        yield line(element, self._format)


def line(row: Row, file_format: str) -> bytes:
    """Writes a row as `g2npan-score` does, without the end of the line."""
    text = _written([row], file_format)
    return _encoded(text.removeprefix(_written([], file_format)))


def header(file_format: str) -> bytes:
    """The line that every file begins with; empty if there is none."""
    return _encoded(_written([], file_format))


def _written(rows: list[Row], file_format: str) -> str:
    """What the command would print."""
    stream = io.StringIO()
    WRITERS[file_format](rows, stream)
    return stream.getvalue()


def _encoded(text: str) -> bytes:
    """As the command encodes its output."""
    return text.removesuffix("\n").encode("utf-8", "backslashreplace")


def _frames_or_rows(
    path: str, limits: Limits, size: int
) -> Iterator[tuple[Frame, np.ndarray] | Row]:
    """Reads a file of this machine or of an address."""
    if REMOTE not in path:
        if reason := why_no_file(path):
            yield Row(path, status=reason)
            return
        yield from frames_or_rows(path, read_frames(path, limits), size)
        return
    try:
        data = _read_remote(path, limits.max_bytes)
    except InputError as error:
        yield Row(path, status=str(error).removeprefix(f"{path}: "))
        return
    frames = decode_frames(data, limits, path)
    yield from frames_or_rows(path, frames, size)


def _read_remote(address: str, max_bytes: int = 2**31) -> bytes:
    """Reads what is at an address, if it is small enough."""
    raw = CompressionTypes.UNCOMPRESSED
    try:
        with contextlib.closing(
            FileSystems.open(address, compression_type=raw)
        ) as file:
            data = file.read(max_bytes + 1)
    except Exception as error:
        # Every storage raises errors of its own.
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{address}: cannot be read ({reason})") from error
    if len(data) > max_bytes:
        raise InputError(
            f"{address}: more than {max_bytes:,} bytes; expected at most that"
        )
    return data
