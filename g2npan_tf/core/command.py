"""Runs a command: quiet start, one line for bad input, an exit code."""

import contextlib
import io
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from absl import app
from absl import flags
from absl import logging

from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import missing_package

ENVIRONMENT = {
    # Native code logs harmless fall-backs as errors; real ones raise.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
    # On by itself only with AVX-512 VNNI, bfloat16 or AMX.
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
USAGE_ERROR = 2
# sysexits.h: the same command may succeed when it is tried again.
WORKER_LOST = 75
# What shells say of a process that a signal ended: 128 and its number.
INTERRUPTED = 130
TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM: like Ctrl-C, but not by a hand."""


def set_environment() -> None:
    """Sets what TensorFlow reads when it is imported, unless the user did.

    So commands import the heavy modules inside their main function.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def terminate(number: int, frame: Any) -> None:
    """Handles SIGTERM by `Terminated`."""
    raise Terminated


def fail(message: object) -> None:
    """Prints `error: message` as one line and leaves with exit code 2."""
    line = " ".join(str(message).split())
    print(f"error: {line}", file=sys.stderr)
    sys.exit(USAGE_ERROR)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what native libraries print on stderr while they load.

    TensorFlow greets with several lines that no setting switches off. If the
    block fails by a defect, they are printed after all.
    """
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except (InputError, KeyboardInterrupt):
            raise
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def run(
    main: Callable[[list[str]], int | None],
    known_only: bool = False,
    tidy: bool = False,
) -> None:
    """Parses the flags, calls `main(argv)` and exits with what it returns.

    `argv` is the program and the arguments that are not flags; `known_only`:
    also flags that nobody defined, for another parser, instead of refusing
    them. An `InputError`, or what the system refuses (`OSError`), becomes one
    line on stderr and exit code 2; Ctrl-C that main does not handle becomes
    exit code 130; any other exception is a defect and keeps its traceback.
    `tidy`: SIGTERM ends main as Ctrl-C does, so that it leaves nothing half
    written, with exit code 143.
    """
    set_environment()
    logging.set_verbosity(logging.ERROR)
    _check_surroundings()
    if tidy:
        signal.signal(signal.SIGTERM, terminate)
    try:
        try:
            app.run(
                lambda argv: _guarded(main, argv),
                flags_parser=lambda argv: _parse(argv, known_only),
            )
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) went away: nothing is wrong with us.
        _drop_stdout()
    except OSError as error:
        if error.errno is None:
            raise
        _drop_stdout()
        # A failed write names no file.
        fail(f"{error.filename or 'standard output'}: {error.strerror}")


def _check_surroundings() -> None:
    """Refuses what no command can work with, before anything is opened."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    if sys.stdout is None:
        # The next file would take its place and get what is printed.
        fail("standard output is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every terminal has the signs of every name.
            stream.reconfigure(errors="backslashreplace")
    try:
        os.getcwd()
    except FileNotFoundError:
        fail("the current folder has been deleted")


def _drop_stdout() -> None:
    """Python would complain once more when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse(argv: list[str], known_only: bool) -> list[str]:
    """Parses flags; a mistyped one is a line, not a usage page."""
    try:
        return flags.FLAGS(argv, known_only)
    except SystemExit:
        # absl ends with 1 after --help, which is no failure.
        sys.exit(0)
    except flags.Error as error:
        fail(f"{error} (--help lists the flags)")
        raise


def _guarded(main: Callable, argv: list[str]) -> int | None:
    """Calls main and turns expected exceptions into exit codes."""
    try:
        return main(argv)
    except InputError as error:
        fail(error)
    except ModuleNotFoundError as error:
        # Commands import what an extra brings inside main.
        message = missing_package(error)
        if message is None:
            raise
        fail(message)
    except Terminated:
        print("stopped by SIGTERM", file=sys.stderr)
        return TERMINATED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return None
