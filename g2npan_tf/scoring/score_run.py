"""Scores the files of a command line: finds, scores, prints, draws, reports.

What `g2npan-score` does once its flags are read.
"""

import contextlib
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import TextIO

from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import STDOUT
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.outputs import model_files
from g2npan_tf.core.outputs import model_folders
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.paths import ImagePaths
from g2npan_tf.images.paths import find_images
from g2npan_tf.images.paths import why_no_file
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.file_scoring import Watch
from g2npan_tf.scoring.file_scoring import score_files
from g2npan_tf.scoring.progress import Progress
from g2npan_tf.scoring.report import folder
from g2npan_tf.scoring.report.origins import Origin
from g2npan_tf.scoring.report.origins import read_table
from g2npan_tf.scoring.report.writer import Report
from g2npan_tf.scoring.score_rows import OK
from g2npan_tf.scoring.score_rows import WRITERS
from g2npan_tf.scoring.score_rows import Row

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
    report: str = "",
    algorithms: str = "",
) -> int:
    """Does what the command does; see the help of its flags.

    Returns:
        0 if every image was scored, else 1.

    Raises:
        InputError: If nothing can be done: no images, no model, or a place
            that cannot be written to.
    """
    found = find(arguments, follow_links)
    outputs.check(
        {"output": [output] if output else []},
        [*found.paths, *found.lists, *model_files(model), algorithms],
        folders=model_folders(model),
        filled={"explain": explain},
        replaced={"report": report},
    )
    if report:
        folder.check(pathlib.Path(report))
    paths = found.paths
    table = _origins(algorithms, report)
    assessor = load_quietly(model, batch_size, num_threads)
    facts = model_facts.read(model)
    if caution := model_facts.caution(facts):
        print(f"note: {caution} Research use only.", file=sys.stderr)
    directory = _made("explain", explain) if explain else None
    statuses: Counter[bool] = Counter()

    with (
        _reported(report, model, facts, table) as watch,
        opened(output) as stream,
        Progress("files") as progress,
    ):

        def counted(paths: Iterable[pathlib.Path]) -> Iterator[Row]:
            for row in score_files(
                assessor, paths, batch_size, directory, limits, watch
            ):
                statuses[row.status == OK] += 1
                yield row

        # Rows that come one by one to the terminal show the progress.
        in_sight = stream.isatty() and file_format != "table"
        files = paths if in_sight else progress.over(paths)
        WRITERS[file_format](counted(files), stream)
    if report:
        print(f"report: {pathlib.Path(report, folder.INDEX)}", file=sys.stderr)
    if statuses[False]:
        print(
            f"{statuses[False]} of {statuses.total()} failed", file=sys.stderr
        )
        return SOME_FAILED
    return 0


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


def _origins(algorithms: str, report: str) -> dict[str, Origin] | None:
    """Reads the table of the algorithms, if there is one."""
    if not algorithms:
        return None
    if not report:
        raise InputError("--algorithms is for --report=DIR, which is missing")
    return read_table(pathlib.Path(algorithms))


def _made(flag: str, name: str) -> pathlib.Path:
    """Makes a folder."""
    directory = pathlib.Path(os.path.realpath(name))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--{flag}={name}: {error.strerror}") from error
    return directory


@contextlib.contextmanager
def _reported(
    name: str,
    model: str,
    facts: dict[str, Any],
    table: dict[str, Origin] | None,
) -> Iterator[Watch | None]:
    """Yields what takes the rows of a report, which appears whole or not."""
    if not name:
        yield None
        return
    try:
        with (
            folder.written_aside(pathlib.Path(name)) as aside,
            Report(aside, model, facts, table) as report,
        ):
            yield report.add
            rule = report.finish()
        if table is not None:
            print(f"algorithms: {rule}", file=sys.stderr)
    except BrokenPipeError:
        # Of stdout, not of the report.
        raise
    except OSError as error:
        raise InputError(f"--report={name}: {error.strerror}") from error


def load_quietly(
    model: str, batch_size: int, num_threads: int | None
) -> Assessor:
    """Loads the model without the greetings of native libraries.

    Args:
        model: The artefact.
        batch_size: As of `Assessor.load`.
        num_threads: Likewise.

    Returns:
        The assessor.

    Raises:
        InputError: As `Assessor.load`.
    """
    with command.quiet_stderr():
        return Assessor.load(
            model,
            batch_size=batch_size,
            num_threads=num_threads,
            # Of files this is done as they are read.
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
            # Names of files need not be text.
            open(
                aside,
                "w",
                encoding="utf-8",
                errors="backslashreplace",
                newline="",
            ) as stream,
        ):
            yield stream
    except BrokenPipeError:
        # The reader of a FIFO went away, as that of stdout may.
        raise
    except OSError as error:
        raise InputError(f"--output={output}: {error.strerror}") from error
