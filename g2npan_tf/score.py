"""Scores medical images: the predicted mean opinion score of each, 1..5.

Usage: g2npan-score --model=ARTEFACT PATH...
       g2npan-score --model=ARTEFACT --serve

ARTEFACT is a training workdir, a scorer.keras, a SavedModel folder or a
.tflite file. Every PATH is an image file, a folder, which is searched with its
subfolders, a pattern ("images/**/*.png", quoted or not), @list.txt for a file
with one path or pattern a line, or - for such a list on stdin. Exit code: 0 if
every image was scored, 1 if some were not, 2 if nothing could be done.
"""

import contextlib
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TextIO

from absl import flags

from g2npan_tf import cli
from g2npan_tf.assessor import Assessor
from g2npan_tf.atomic_file import written_aside
from g2npan_tf.errors import InputError
from g2npan_tf.file_scoring import score_files
from g2npan_tf.image_paths import NO_IMAGE
from g2npan_tf.image_paths import find_images
from g2npan_tf.input_policy import DEFAULT_LIMITS
from g2npan_tf.input_policy import Limits
from g2npan_tf.progress import Progress
from g2npan_tf.score_rows import OK
from g2npan_tf.score_rows import WRITERS
from g2npan_tf.score_rows import Row

SOME_FAILED = 1


def score_command(
    model: str,
    arguments: Sequence[str],
    *,
    file_format: str = "table",
    output: str = "",
    explain: str = "",
    batch_size: int = 16,
    num_threads: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    follow_links: bool = False,
) -> int:
    """Does what the command does; see the help of its flags.

    Returns:
        0 if every image was scored, else 1.

    Raises:
        InputError: If nothing can be done: no images, no model, or a place
            that cannot be written to.
    """
    paths = find(arguments, follow_links)
    assessor = _load_quietly(model, batch_size, num_threads)
    directory = _explain_directory(explain, paths) if explain else None
    statuses: Counter[bool] = Counter()

    def counted(paths: Iterable[pathlib.Path]) -> Iterator[Row]:
        for row in score_files(assessor, paths, batch_size, directory, limits):
            statuses[row.status == OK] += 1
            yield row

    with opened(output) as stream, Progress("files") as progress:
        # Rows that come one by one to the terminal show the progress.
        in_sight = stream.isatty() and file_format != "table"
        files = paths if in_sight else progress.over(paths)
        WRITERS[file_format](counted(files), stream)
    if statuses[False]:
        print(
            f"{statuses[False]} of {statuses.total()} failed", file=sys.stderr
        )
        return SOME_FAILED
    return 0


def find(
    arguments: Sequence[str], follow_links: bool
) -> tuple[pathlib.Path, ...]:
    """Finds the images; there must be some."""
    found = find_images(arguments, follow_links=follow_links)
    if not found.paths:
        raise InputError("no PATH is given (--help says more)")
    if all(path.is_dir() for path in found.paths):
        raise InputError(f"{', '.join(map(str, found.paths))}: {NO_IMAGE}")
    if found.num_links_left_out:
        print(
            f"{found.num_links_left_out} links out of the folders left out "
            "(--follow_links takes them)",
            file=sys.stderr,
        )
    return found.paths


def _explain_directory(
    name: str, paths: Sequence[pathlib.Path]
) -> pathlib.Path:
    """Makes the folder for pictures; it must not hold the images."""
    directory = pathlib.Path(os.path.realpath(name))
    for path in paths:
        if directory in pathlib.Path(os.path.realpath(path)).parents:
            raise InputError(
                f"--explain={name} holds the image {path}; "
                "expected another folder"
            )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--explain={name}: {error.strerror}") from error
    return directory


def _load_quietly(
    model: str, batch_size: int, num_threads: int | None
) -> Assessor:
    """Loads the model without the greetings of native libraries."""
    with cli.quiet_stderr():
        return Assessor.load(
            model, batch_size=batch_size, num_threads=num_threads
        )


@contextlib.contextmanager
def opened(output: str) -> Iterator[TextIO]:
    """Opens the output, which appears whole or not at all, or stdout."""
    # Names of files need not be text.
    lenient = "backslashreplace"
    if not output:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors=lenient)
        yield sys.stdout
        return
    try:
        with (
            written_aside(pathlib.Path(output)) as aside,
            open(
                aside, "w", encoding="utf-8", errors=lenient, newline=""
            ) as stream,
        ):
            yield stream
    except OSError as error:
        raise InputError(f"--output={output}: {error.strerror}") from error


def define_flags() -> None:
    """Defines the flags of the command.

    Not done on import, so that other commands may have flags of these names.
    """
    flags.DEFINE_string("model", "", "What scores: workdir or exported model.")
    flags.DEFINE_enum("format", "table", list(WRITERS), "How to print.")
    flags.DEFINE_string("output", "", "File to write instead of printing.")
    flags.DEFINE_string(
        "explain",
        "",
        "Folder for pictures of each image: CAM, generated reference, nuance.",
    )
    flags.DEFINE_integer(
        "batch_size", 16, "Images scored at once.", lower_bound=1
    )
    flags.DEFINE_integer(
        "num_threads",
        None,
        "Threads of a .tflite model; by default one per core.",
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "serve", False, "Open a page here that scores what is dropped on it."
    )
    flags.DEFINE_integer("port", 0, "Of --serve; 0 takes a free one.", 0, 65535)
    flags.DEFINE_bool("open", False, "Show the page of --serve in a browser.")
    _define_limits()


def _define_limits() -> None:
    """Defines the flags of what is accepted from outside."""
    flags.DEFINE_bool(
        "follow_links", False, "Follow links that lead out of a folder."
    )
    flags.DEFINE_integer(
        "max_bytes",
        DEFAULT_LIMITS.max_bytes,
        "Largest file in bytes.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "max_pixels",
        DEFAULT_LIMITS.max_pixels,
        "Width times height of the largest image.",
        lower_bound=1,
        upper_bound=2**27,
    )
    flags.DEFINE_integer(
        "max_frames",
        DEFAULT_LIMITS.max_frames,
        "Most images in one file.",
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "animations",
        False,
        "Score every image of GIF, APNG and TIFF files with several.",
    )


def main(argv: list[str]) -> int:
    """Scores what the command line names."""
    values = flags.FLAGS
    if not values.model:
        raise InputError("--model=ARTEFACT is missing (--help says more)")
    limits = Limits(
        max_bytes=values.max_bytes,
        max_pixels=values.max_pixels,
        max_frames=values.max_frames,
        animations=values.animations,
    )
    if values.serve:
        return _serve(values.model, argv[1:], values.num_threads, limits)
    return score_command(
        values.model,
        argv[1:],
        file_format=values.format,
        output=values.output,
        explain=values.explain,
        batch_size=values.batch_size,
        num_threads=values.num_threads,
        limits=limits,
        follow_links=values.follow_links,
    )


def _serve(
    model: str,
    arguments: Sequence[str],
    num_threads: int | None,
    limits: Limits,
) -> int:
    """Opens the local page."""
    # Most runs need none of it.
    from g2npan_tf.local_page import command

    if arguments:
        raise InputError(f"--serve takes no PATH. Received: {arguments[0]}")
    return command.serve(
        _load_quietly(model, 1, num_threads),
        model,
        port=flags.FLAGS.port,
        open_browser=flags.FLAGS.open,
        limits=limits,
    )


def run() -> None:
    """The console script `g2npan-score`."""
    define_flags()
    # absl's --help shows the text and the flags of the main module, which is
    # a stub if this is called as a console script.
    sys.modules["__main__"].__doc__ = __doc__
    for flag in flags.FLAGS.get_flags_for_module(__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    cli.run(main)


if __name__ == "__main__":
    run()
