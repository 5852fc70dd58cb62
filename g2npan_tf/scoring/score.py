"""Scores medical images: the predicted mean opinion score of each, 1..5.

Usage: g2npan-score [--model=MODEL] PATH...
       g2npan-score [--model=MODEL] --serve
       g2npan-score --list_models

MODEL is the name of a model that comes with the package (by default fusion;
--list_models says what there is), a training workdir, a scorer.keras, a
SavedModel folder or a .tflite file; ./fusion is a path. Every PATH is an image
file, a folder, which is searched with its subfolders, a pattern
("images/**/*.png", quoted or not), @list.txt for a file with one path or
pattern a line, or - for such a list on stdin. Exit code: 0 if every image was
scored, 1 if some were not, 2 if nothing could be done.
"""

import contextlib
import dataclasses
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import TextIO

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import STDOUT
from g2npan_tf.core.files import written_aside
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import GREY_BITS_HELP
from g2npan_tf.images.limits import HIGHEST
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.paths import ImagePaths
from g2npan_tf.images.paths import find_images
from g2npan_tf.images.paths import why_no_file
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring import rows
from g2npan_tf.scoring import shipped
from g2npan_tf.scoring.assessor import Assessor

if TYPE_CHECKING:
    from g2npan_tf.scoring.explain import Explanations
    from g2npan_tf.scoring.report.origins import Origin
    from g2npan_tf.scoring.report.writer import Report

SOME_FAILED = 1


def score_command(
    model: str | os.PathLike[str],
    arguments: Sequence[str],
    *,
    file_format: str = "table",
    output: str = "",
    explain: str = "",
    batch_size: int = 16,
    num_threads: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    follow_links: bool = False,
    report: str = "",
    algorithms: str = "",
) -> int:
    """Runs the command (see its flags); returns 0 or `SOME_FAILED`.

    Raises:
        InputError: If nothing can be done: no images, no model, or a place
            that cannot be written to.
    """
    if algorithms and not report:
        raise InputError("--algorithms is for --report=DIR, which is missing")
    found = find(arguments, follow_links)
    model = shipped.resolve(model)
    outputs.check(
        {"output": [output] if output else []},
        [*found.paths, *found.lists, *outputs.model_files(model), algorithms],
        folders=outputs.model_folders(model),
        filled={"explain": explain},
        replaced={"report": report},
    )
    table = _origins(report, algorithms)
    assessor = load_quietly(model, batch_size, num_threads)
    say_which(model)
    further = assessor.further
    with (
        _reported(report, model, table, further) as made,
        opened(output) as stream,
    ):
        pictures = _pictures(explain)

        def scored(paths: Iterable[pathlib.Path]) -> Iterator[rows.ScoreRow]:
            maps = bool(explain or report)
            for image in rows.score_files(assessor, paths, limits, maps):
                if pictures:
                    image = pictures.save(image)
                if made:
                    made.add(image)
                yield image.row

        with _progress(found.paths, file_format, stream) as paths:
            return write(scored(paths), file_format, stream, further)


def find(arguments: Sequence[str], follow_links: bool) -> ImagePaths:
    """Finds the images; there must be some."""
    found = find_images(arguments, follow_links=follow_links)
    if not found.paths:
        raise InputError("no PATH is given (--help says more)")
    if all(map(os.path.isdir, found.paths)):
        reasons = [f"{path}: {why_no_file(path)}" for path in found.paths[:20]]
        raise InputError("; ".join(reasons))
    if found.num_links_left_out:
        print(
            f"links that are not followed: {found.num_links_left_out} "
            "(--follow_links follows them)",
            file=sys.stderr,
        )
    return found


def say_which(model: str | os.PathLike[str]) -> None:
    """Says on stderr what must be known of a model's scores."""
    if note := shipped.note(model):
        print(f"note: {note}", file=sys.stderr)


def load_quietly(
    model: str | os.PathLike[str], batch_size: int, num_threads: int | None
) -> Assessor:
    """Loads a model without the greetings of native libraries."""
    with command.quiet_stderr():
        return Assessor.load(
            model,
            batch_size=batch_size,
            num_threads=num_threads,
            # Files are judged as they are read.
            check_content=False,
        )


@contextlib.contextmanager
def opened(output: str) -> Iterator[TextIO]:
    """Opens the output, which appears whole or not at all, or stdout."""
    if not output or output in STDOUT:
        yield sys.stdout
        return
    try:
        with (
            written_aside(pathlib.Path(output)) as aside,
            rows.open_text(aside) as stream,
        ):
            yield stream
    except BrokenPipeError:
        # The reader of a FIFO went away, as that of stdout may.
        raise
    except OSError as error:
        raise InputError(f"--output={output}: {error.strerror}") from error


def write(
    scored: Iterable[rows.ScoreRow],
    file_format: str,
    stream: TextIO,
    further: Sequence[str] = (),
) -> int:
    """Writes rows as they come, and on stderr how many failed.

    `further` names the numbers that the model gives beside the score. Returns
    the exit code.
    """
    statuses: Counter[bool] = Counter()

    def counted() -> Iterator[rows.ScoreRow]:
        for row in scored:
            statuses[row.status == rows.OK] += 1
            yield row

    rows.WRITERS[file_format](counted(), stream, further)
    if not statuses[False]:
        return 0
    print(f"{statuses[False]} of {statuses.total()} failed", file=sys.stderr)
    return SOME_FAILED


@contextlib.contextmanager
def _progress(
    paths: Sequence[pathlib.Path], file_format: str, stream: TextIO
) -> Iterator[Iterable[pathlib.Path]]:
    """Yields the paths; on a terminal a bar shows how many are done."""
    # Rows that reach the terminal one by one show the progress themselves.
    in_sight = stream.isatty() and file_format != "table"
    if in_sight or not sys.stderr.isatty():
        yield paths
        return
    import tqdm

    with tqdm.tqdm(
        paths, unit=" files", leave=False, dynamic_ncols=True
    ) as shown:
        yield shown


def _pictures(name: str) -> "Explanations | None":
    """What draws into a folder, if one is named."""
    if not name:
        return None
    from g2npan_tf.scoring.explain import Explanations

    try:
        return Explanations(pathlib.Path(name))
    except OSError as error:
        raise InputError(f"--explain={name}: {error.strerror}") from error


def _origins(report: str, algorithms: str) -> "dict[str, Origin] | None":
    """Reads a report's table of algorithms, after checking its place."""
    if not report:
        return None
    from g2npan_tf.scoring.report import origins
    from g2npan_tf.scoring.report import writer

    writer.check(pathlib.Path(report))
    return origins.read_table(pathlib.Path(algorithms)) if algorithms else None


@contextlib.contextmanager
def _reported(
    name: str,
    model: str | os.PathLike[str],
    table: "dict[str, Origin] | None",
    further: Sequence[str],
) -> "Iterator[Report | None]":
    """Yields a report to add rows to, which appears whole or not at all."""
    if not name:
        yield None
        return
    from g2npan_tf.scoring.report import writer

    facts = model_facts.read(model)
    try:
        with writer.reported(
            pathlib.Path(name), model, facts, table, further
        ) as report:
            yield report
    except BrokenPipeError:
        # Of stdout, not of the report.
        raise
    except OSError as error:
        raise InputError(f"--report={name}: {error.strerror}") from error
    if table is not None:
        print(f"algorithms: {report.rule}", file=sys.stderr)
    print(f"report: {pathlib.Path(name, writer.INDEX)}", file=sys.stderr)


def define_flags() -> None:
    """Defines the flags of the command.

    Not on import, so that other commands may have flags of the same names.
    """
    flags.DEFINE_string(
        "model",
        shipped.DEFAULT,
        "Model: name (--list_models), workdir or exported model.",
    )
    flags.DEFINE_bool(
        "list_models", False, "Say which models come with the package."
    )
    for name, text in {
        "explain": "Folder for pictures of each image: CAM, generated "
        "reference, nuance.",
        "report": "Folder for a report: index.html and a page for each image.",
        "algorithms": "CSV for --report with the columns path, algorithm and "
        "optionally group (source pair); by default they are taken from the "
        "paths.",
    }.items():
        flags.DEFINE_string(name, "", text)
    define_output_flags()
    flags.DEFINE_integer(
        "batch_size", 16, "Images scored at once.", 1, HIGHEST["batch_size"]
    )
    flags.DEFINE_integer(
        "num_threads",
        None,
        "Threads of a .tflite model; by default one per core.",
        1,
        HIGHEST["num_threads"],
    )
    flags.DEFINE_bool(
        "serve", False, "Open a local page that scores images dropped on it."
    )
    flags.DEFINE_integer(
        "port", 0, "Port of --serve; 0 takes a free one.", 0, 65535
    )
    flags.DEFINE_bool("open", False, "Show the page of --serve in a browser.")
    define_limits()


def define_output_flags() -> None:
    """Defines how rows are written and which links are followed."""
    flags.DEFINE_enum("format", "table", list(rows.WRITERS), "Output format.")
    flags.DEFINE_string("output", "", "File to write instead of printing.")
    flags.DEFINE_bool(
        "follow_links", False, "Follow links that lead out of a folder."
    )


def define_limits() -> None:
    """Defines the flags of what is accepted from outside."""
    for name, text in (
        ("max_bytes", "Largest file in bytes."),
        ("max_pixels", "Width times height of the largest image."),
        ("max_frames", "Most images in one file."),
    ):
        default = getattr(DEFAULT_LIMITS, name)
        flags.DEFINE_integer(name, default, text, 1, HIGHEST[name])
    flags.DEFINE_bool(
        "animations",
        False,
        "Score every image of GIF, APNG and TIFF files with several.",
    )
    flags.DEFINE_integer("grey_bits", None, GREY_BITS_HELP, 8, 16)


def limits_of_flags() -> Limits:
    """What the flags of `define_limits` say."""
    names = (field.name for field in dataclasses.fields(Limits))
    values: dict[str, Any] = {name: flags.FLAGS[name].value for name in names}
    return Limits(**values)


def main(argv: list[str]) -> int:
    """Scores what the command line names."""
    values = flags.FLAGS
    if values.list_models:
        print(shipped.listing())
        return 0
    if values.serve:
        return _serve(argv[1:])
    for name in ("open", "port"):
        if values[name].present:
            raise InputError(f"--{name} is for --serve, which is missing")
    names = ["output", "explain", "report", "algorithms", "follow_links"]
    names += ["batch_size", "num_threads"]
    settings: dict[str, Any] = {name: values[name].value for name in names}
    settings |= {"file_format": values.format, "limits": limits_of_flags()}
    return score_command(values.model, argv[1:], **settings)


def _serve(arguments: Sequence[str]) -> int:
    """Opens the local page."""
    # Most runs need none of it.
    from g2npan_tf.scoring.page import server

    if arguments:
        raise InputError(f"--serve takes no PATH. Received: {arguments[0]}")
    values = flags.FLAGS
    model = shipped.resolve(values.model)
    assessor = load_quietly(model, 1, values.num_threads)
    say_which(model)
    return server.serve(
        assessor,
        model,
        port=values.port,
        open_browser=values.open,
        limits=limits_of_flags(),
    )


def run() -> None:
    """The console script `g2npan-score`."""
    define_flags()
    # absl's --help shows the text and the flags of the main module, which is
    # a stub if this is called as a console script.
    sys.modules["__main__"].__doc__ = __doc__
    for flag in flags.FLAGS.get_flags_for_module(__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    command.run(main, tidy=True)


if __name__ == "__main__":
    run()
