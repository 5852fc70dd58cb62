"""Scores medical images: the predicted mean opinion score of each, 1..5.

Usage: g2npan-score --model=ARTEFACT PATH...
       g2npan-score --model=ARTEFACT --serve

ARTEFACT is a training workdir, a scorer.keras, a SavedModel folder or a
.tflite file. Every PATH is an image file, a folder, which is searched with its
subfolders, a pattern ("images/**/*.png", quoted or not), @list.txt for a file
with one path or pattern a line, or - for such a list on stdin. Exit code: 0 if
every image was scored, 1 if some were not, 2 if nothing could be done.
"""

import sys
from collections.abc import Sequence

from absl import flags

from g2npan_tf.core import command as cli
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import GREY_BITS_HELP
from g2npan_tf.images.limits import HIGHEST
from g2npan_tf.images.limits import Limits
from g2npan_tf.scoring.score_rows import WRITERS
from g2npan_tf.scoring.score_run import find as find
from g2npan_tf.scoring.score_run import load_quietly
from g2npan_tf.scoring.score_run import opened as opened
from g2npan_tf.scoring.score_run import score_command


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
    flags.DEFINE_string(
        "report",
        "",
        "Folder for a report: index.html and a page for each image.",
    )
    flags.DEFINE_string(
        "algorithms",
        "",
        "CSV for --report with the columns path, algorithm and perhaps group "
        "(source pair); by default the paths may tell.",
    )
    flags.DEFINE_integer(
        "batch_size",
        16,
        "Images scored at once.",
        1,
        HIGHEST["batch_size"],
    )
    flags.DEFINE_integer(
        "num_threads",
        None,
        "Threads of a .tflite model; by default one per core.",
        1,
        HIGHEST["num_threads"],
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
        grey_bits=values.grey_bits,
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
        report=values.report,
        algorithms=values.algorithms,
    )


def _serve(
    model: str,
    arguments: Sequence[str],
    num_threads: int | None,
    limits: Limits,
) -> int:
    """Opens the local page."""
    # Most runs need none of it.
    from g2npan_tf.scoring.page import command

    if arguments:
        raise InputError(f"--serve takes no PATH. Received: {arguments[0]}")
    return command.serve(
        load_quietly(model, 1, num_threads),
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
