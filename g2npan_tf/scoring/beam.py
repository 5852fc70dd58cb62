"""Scores archives of images with Apache Beam; rows as g2npan-score writes.

Usage: python -m g2npan_tf.scoring.beam --model=ARTEFACT --input=PATTERN
           --output=scores.csv [--runner=... and further flags of Beam]

PATTERN is a file, a folder, a pattern ("scans/**/*.png"), @list.txt, or an
address with * ("gs://bucket/*.png"); it may be given several times. An output
that ends in .csv or .jsonl is one file; any other one is the start of the
names of several. Exit code: 0 if every image was scored, 1 if some were not, 2
if nothing could be done. docs/beam.md describes runners.
"""

import contextlib
import dataclasses
import importlib
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import is_stream
from g2npan_tf.images import limits as image_limits
from g2npan_tf.images import read
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.paths import find_images
from g2npan_tf.scoring import rows
from g2npan_tf.scoring import score
from g2npan_tf.scoring import shipped
from g2npan_tf.scoring.assessor import Assessor

if TYPE_CHECKING:
    import apache_beam
    from apache_beam.utils.shared import Shared

# Names of the runner's counters.
COUNTERS = "g2npan"
SCORED = "scored"
FAILED = "failed"
# By which the address of a file elsewhere differs from a path.
REMOTE = "://"


def _shared() -> "Shared":
    """What finds the loaded model of a process again."""
    from apache_beam.utils.shared import Shared

    return Shared()


@dataclasses.dataclass(frozen=True)
class LineScorer:
    """From the names of files to the lines of their rows; goes to workers.

    The model is a path that every worker has, or the address of a file;
    `num_threads` are those of a `.tflite` in each process, None is every core.
    """

    model: str
    batch_size: int = 16
    num_threads: int | None = 1
    limits: Limits = image_limits.DEFAULT_LIMITS
    file_format: str = "csv"
    # By which the threads of a process share the model.
    shared: "Shared" = dataclasses.field(default_factory=_shared)

    def __call__(self, names: list[bytes]) -> Iterator[bytes]:
        """Yields a line per row; names are bytes as they need not be text."""
        from apache_beam.metrics import Metrics

        assessor = self.shared.acquire(self.load)
        _, line = rows.LINES[self.file_format]
        paths = map(os.fsdecode, names)
        files = ((path, _frames(path, self.limits)) for path in paths)
        for image in rows.score_frames(assessor, files):
            state = SCORED if image.row.status == rows.OK else FAILED
            Metrics.counter(COUNTERS, state).inc()
            yield encoded(line(image.row, assessor.further))

    def load(self) -> Assessor:
        """Loads the artefact, also a `.tflite` or `.keras` at an address."""
        # Not every runner's processes inherit the command's environment.
        command.set_environment()
        with contextlib.ExitStack() as stack:
            path = self.model
            if REMOTE in path:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                path = f"{folder}/{path.rpartition('/')[2] or 'model'}"
                pathlib.Path(path).write_bytes(_read_remote(self.model))
            return Assessor.load(
                path,
                batch_size=self.batch_size,
                num_threads=self.num_threads,
                # Of files this is done as they are read.
                check_content=False,
            )


def lines(
    patterns: "apache_beam.PCollection", scorer: LineScorer
) -> "apache_beam.PCollection":
    """The pipeline: from lists of patterns to lines, one for each image."""
    import apache_beam as beam

    size = scorer.batch_size
    return (
        patterns
        | "Match" >> beam.FlatMap(matching_paths)
        # A file of two patterns; also lets every worker read.
        | "Once each" >> beam.Distinct()
        | "Spread" >> beam.Reshuffle()
        | "Batches" >> beam.BatchElements(size, size)
        | "Score" >> beam.FlatMap(scorer)
    )


def score_archive(
    scorer: LineScorer,
    patterns: Sequence[str],
    output: str,
    beam_flags: Sequence[str] = (),
) -> int:
    """Runs the pipeline and waits for it; 0 if every image was scored, else 1.

    The output is one file (`.csv`, `.jsonl`) or the start of several names,
    which have the scorer's format. `InputError` if nothing can be done.
    """
    import apache_beam as beam

    file_format, names = _target(output, scorer.file_format)
    scorer = dataclasses.replace(scorer, file_format=file_format)
    output = _checked(scorer.model, patterns, output)
    options = _options(beam_flags)
    # Here too, so that a wrong model is one line before anything runs.
    with command.quiet_stderr():
        further = scorer.load().further
    score.say_which(scorer.model)
    header, _ = rows.LINES[file_format]
    pipeline = beam.Pipeline(options=options)
    made = lines(pipeline | beam.Create([tuple(patterns)]), scorer)
    _ = made | beam.io.WriteToText(
        output,
        coder=beam.coders.BytesCoder(),
        header=header(further).rstrip() or None,
        **names,
    )
    result = pipeline.run()
    result.wait_until_finish()
    counts = _counts(result)
    failed, total = counts.get(FAILED, 0), sum(counts.values())
    print(f"{output}: {total} rows, {failed} without a score", file=sys.stderr)
    return score.SOME_FAILED if failed else 0


def matching_paths(patterns: Sequence[str]) -> Iterator[bytes]:
    """Lists the files of patterns where it runs, as `g2npan-score` does.

    Addresses may have `*`; what matches nothing stands for itself.
    """
    from apache_beam.io.filesystems import FileSystems

    local = [pattern for pattern in patterns if REMOTE not in pattern]
    for path in find_images(local).paths:
        yield os.fsencode(path)
    for pattern in patterns:
        if REMOTE in pattern:
            (match,) = FileSystems.match([pattern])
            found = [each.path for each in match.metadata_list]
            yield from map(os.fsencode, found or [pattern])


def _frames(name: str, limits: Limits) -> Iterator[read.Frame]:
    """Reads a file of this machine or of an address."""
    if REMOTE in name:
        data = _read_remote(name, limits.max_bytes)
        yield from read.decode_frames(data, limits, name)
    else:
        yield from rows.file_frames(name, limits)


def _read_remote(address: str, max_bytes: int = 2**31) -> bytes:
    """Reads what is at an address, if it is small enough."""
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

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


def encoded(line: str) -> bytes:
    """A line without its end, as the command encodes its output."""
    return line.removesuffix("\n").encode("utf-8", "backslashreplace")


def _target(output: str, file_format: str) -> tuple[str, dict[str, Any]]:
    """The format, and what `WriteToText` must know of the names of files."""
    from apache_beam.io.filesystems import FileSystems

    for known in rows.LINES:
        if output.endswith(f".{known}"):
            return known, {"num_shards": 1, "shard_name_template": ""}
    # Other numbers of shards have other names: both would be read later.
    try:
        (match,) = FileSystems.match([f"{output}-*-of-*.{file_format}"])
    except Exception as error:
        # Of every storage its own; also of one whose package is missing.
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"--output={output}: {reason}") from error
    if match.metadata_list:
        raise InputError(
            f"--output={output}: {match.metadata_list[0].path} is there "
            "already; expected names that are free"
        )
    return file_format, {"file_name_suffix": f".{file_format}"}


def _checked(model: str, patterns: Sequence[str], output: str) -> str:
    """Refuses an output that is an input; follows a link to another file."""
    if REMOTE in output:
        if output in (model, *patterns):
            raise InputError(
                f"--output={output} is an input; expected another place"
            )
        return output
    if not os.path.lexists(output):
        return output
    if is_stream(pathlib.Path(output)):
        raise InputError(
            f"--output={output}: no regular file; Beam writes only those"
        )
    found = find_images([name for name in patterns if REMOTE not in name])
    artefact = shipped.resolve(model)
    outputs.check(
        {"output": [output]},
        [*found.paths, *found.lists, *outputs.model_files(artefact)],
        folders=outputs.model_folders(artefact),
    )
    return os.path.realpath(output)


def _options(beam_flags: Sequence[str]) -> Any:
    """Makes Beam's options; a local runner knows all of its flags."""
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.options.pipeline_options import StandardOptions

    if beam_flags and not beam_flags[0].startswith("-"):
        raise InputError(f"expected --input={beam_flags[0]}")
    try:
        options = PipelineOptions(list(beam_flags))
        given = options.get_all_options(retain_unknown_options=True)
    except SystemExit:
        # Its parser has said why.
        raise InputError(f"flags of Beam: {' '.join(beam_flags)}") from None
    unknown = set(given) - set(PipelineOptions([]).get_all_options())
    runner = options.view_as(StandardOptions).runner
    if unknown and runner in (None, "DirectRunner"):
        raise InputError(
            f"unknown flag --{min(unknown)} (--help lists the flags)"
        )
    return options


def _counts(result: Any) -> dict[str, int]:
    """Rows by their state, from the runner's counters."""
    from apache_beam.metrics import MetricsFilter

    wanted = MetricsFilter().with_namespace(COUNTERS)
    counters = result.metrics().query(wanted)["counters"]
    return {each.key.metric.name: each.result for each in counters}


def define_flags() -> None:
    """Defines the flags of the command; others are left to Beam."""
    flags.DEFINE_string(
        "model",
        "",
        "Model: a name as for g2npan-score, a path that every "
        "worker has, or an address.",
    )
    flags.DEFINE_multi_string("input", [], "File, folder, pattern or @list.")
    flags.DEFINE_string("output", "", "File (.csv, .jsonl) or start of names.")
    flags.DEFINE_enum("format", "csv", list(rows.LINES), "Format of shards.")
    for name, default in (("batch_size", 16), ("num_threads", 1)):
        flags.DEFINE_integer(
            name, default, "As for g2npan-score.", 1, image_limits.HIGHEST[name]
        )
    score.define_limits()


def main(argv: list[str]) -> int:
    """Scores what the command line names."""
    values = flags.FLAGS
    for name in ("model", "input", "output"):
        if not values[name].value:
            raise InputError(f"--{name}=... is missing (--help says more)")
    scorer = LineScorer(
        values.model,
        values.batch_size,
        values.num_threads,
        score.limits_of_flags(),
        values.format,
    )
    return score_archive(scorer, values.input, values.output, argv[1:])


def run() -> None:
    """The command."""
    sys.modules["__main__"].__doc__ = __doc__
    command.run(main, known_only=True)


if __name__ == "__main__":
    # Workers import what they run by its name, which is not __main__.
    beam = importlib.import_module("g2npan_tf.scoring.beam")
    beam.define_flags()
    for module in (beam, score):
        flags.adopt_module_key_flags(module)
    beam.run()
