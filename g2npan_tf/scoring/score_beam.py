"""Scores archives of images with Apache Beam; rows as g2npan-score writes.

Usage: python -m g2npan_tf.scoring.score_beam --model=ARTEFACT --input=PATTERN
           --output=scores.csv [--runner=... and further flags of Beam]

PATTERN is a file, a folder, a pattern ("scans/**/*.png"), @list.txt, or an
address with * ("gs://bucket/*.png"); it may be given several times. An output
that ends in .csv or .jsonl is one file; any other one is the start of the
names of several. Exit code: 0 if every image was scored, 1 if some were not, 2
if nothing could be done. docs/beam.md tells of runners.
"""

import importlib
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import missing_package
from g2npan_tf.core.files import is_stream
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import GREY_BITS_HELP
from g2npan_tf.images.limits import HIGHEST
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.paths import find_images

SOME_FAILED = 1
FORMATS = ("csv", "jsonl")


def score_archive(
    model: str,
    patterns: Sequence[str],
    output: str,
    *,
    file_format: str = "csv",
    batch_size: int = 16,
    num_threads: int | None = 1,
    limits: Limits = DEFAULT_LIMITS,
    beam_flags: Sequence[str] = (),
) -> int:
    """Runs the pipeline and waits for it.

    Args:
        model: An artefact, there for every worker, or the address of a file.
        patterns: What to score.
        output: One file (`.csv`, `.jsonl`) or the start of several names.
        file_format: Of an output that does not tell it by its ending.
        batch_size: Most images scored at once.
        num_threads: Of a `.tflite` model in each process.
        limits: What is accepted of a file.
        beam_flags: For the runner, as `--runner=DirectRunner`.

    Returns:
        0 if every image was scored, else 1.

    Raises:
        InputError: If nothing can be done.
    """
    import apache_beam as beam

    from g2npan_tf.scoring import beam_scoring

    file_format, names = _target(output, file_format)
    output = _checked(model, patterns, output)
    options = _options(beam_flags)
    # Here too, so that a wrong model is told at once, in one line.
    with command.quiet_stderr():
        size = beam_scoring.load(model, batch_size, num_threads).size
    handler = beam_scoring.ScorerHandler(model, batch_size, num_threads)
    pipeline = beam.Pipeline(options=options)
    (
        pipeline
        | beam.Create([tuple(patterns)])
        | beam_scoring.ScoreFiles(handler, size, limits, file_format)
        | beam.io.WriteToText(
            output,
            coder=beam.coders.BytesCoder(),
            header=beam_scoring.header(file_format).decode() or None,
            **names,
        )
    )
    result = pipeline.run()
    result.wait_until_finish()
    counts = _counts(result, beam_scoring)
    print(_summary(counts, output), file=sys.stderr)
    return SOME_FAILED if counts.get(beam_scoring.FAILED) else 0


def _target(output: str, file_format: str) -> tuple[str, dict[str, Any]]:
    """The format, and what `WriteToText` must know of the names of files."""
    from apache_beam.io.filesystems import FileSystems

    for known in FORMATS:
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
    from g2npan_tf.scoring.beam_scoring import REMOTE

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
    outputs.check(
        {"output": [output]},
        [*found.paths, *found.lists, *outputs.model_files(model)],
        folders=outputs.model_folders(model),
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


def _counts(result: Any, beam_scoring: Any) -> dict[str, int]:
    """Rows by their state, from the runner's counters."""
    from apache_beam.metrics import MetricsFilter

    wanted = MetricsFilter().with_namespace(beam_scoring.COUNTERS)
    counters = result.metrics().query(wanted)["counters"]
    return {
        each.key.metric.name: each.result
        for each in counters
        if each.key.metric.name in (beam_scoring.SCORED, beam_scoring.FAILED)
    }


def _summary(counts: dict[str, int], output: str) -> str:
    """One line for people."""
    failed = counts.get("failed", 0)
    total = counts.get("scored", 0) + failed
    return f"{output}: {total} rows, {failed} without a score"


def define_flags() -> None:
    """Defines the flags of the command; others are left to Beam."""
    flags.DEFINE_string("model", "", "What scores; there for every worker.")
    flags.DEFINE_multi_string("input", [], "File, folder, pattern or @list.")
    flags.DEFINE_string("output", "", "File (.csv, .jsonl) or start of names.")
    flags.DEFINE_enum("format", "csv", FORMATS, "Of shards.")
    for name, default in (
        ("batch_size", 16),
        ("num_threads", 1),
        ("max_bytes", DEFAULT_LIMITS.max_bytes),
        ("max_pixels", DEFAULT_LIMITS.max_pixels),
        ("max_frames", DEFAULT_LIMITS.max_frames),
    ):
        flags.DEFINE_integer(
            name, default, "As g2npan-score.", 1, HIGHEST[name]
        )
    flags.DEFINE_integer("grey_bits", None, GREY_BITS_HELP, 8, 16)


def main(argv: list[str]) -> int:
    """Scores what the command line names."""
    values = flags.FLAGS
    for name in ("model", "input", "output"):
        if not values[name].value:
            raise InputError(f"--{name}=... is missing (--help says more)")
    limits = Limits(
        values.max_bytes,
        values.max_pixels,
        values.max_frames,
        grey_bits=values.grey_bits,
    )
    try:
        return score_archive(
            values.model,
            values.input,
            values.output,
            file_format=values.format,
            batch_size=values.batch_size,
            num_threads=values.num_threads,
            limits=limits,
            beam_flags=argv[1:],
        )
    except ModuleNotFoundError as error:
        raise InputError(missing_package(error) or str(error)) from error


def run() -> None:
    """The command."""
    define_flags()
    sys.modules["__main__"].__doc__ = __doc__
    command.run(main, known_only=True)


if __name__ == "__main__":
    # Workers import what they run by its name, which is not __main__.
    importlib.import_module("g2npan_tf.scoring.score_beam").run()
