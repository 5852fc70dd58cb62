"""Runs a command: quiet start, one line for bad input, an exit code."""

import os
import sys
from collections.abc import Callable

# TensorFlow reads these when it is first imported, so commands import this
# module first and the heavy ones inside their main function.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from absl import app
from absl import flags
from absl import logging

from g2npan_tf.errors import InputError

USAGE_ERROR = 2
INTERRUPTED = 130


def fail(message: object) -> None:
    """Prints `error: message` as one line and leaves with exit code 2."""
    line = " ".join(str(message).split())
    print(f"error: {line}", file=sys.stderr)
    sys.exit(USAGE_ERROR)


def run(main: Callable[[list[str]], int | None]) -> None:
    """Parses the flags, calls `main(argv)` and exits with what it returns.

    Args:
        main: Takes the arguments that are not flags (`argv[0]` is the
            program) and returns an exit code or None. An `InputError` becomes
            one line on stderr and exit code 2; Ctrl-C that main does not
            handle becomes exit code 130; any other exception is a defect and
            keeps its traceback.
    """
    logging.set_verbosity(logging.WARNING)
    app.run(lambda argv: _guarded(main, argv), flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    """Parses flags; a mistyped one is a line, not a usage page."""
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        fail(f"{error} (--help lists the flags)")
        raise


def _guarded(main: Callable, argv: list[str]) -> int | None:
    """Calls main and turns expected exceptions into exit codes."""
    try:
        return main(argv)
    except InputError as error:
        fail(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) went away: nothing is wrong with us.
        sys.stderr.close()
    return None
