"""Scores images by a server that runs an exported SavedModel (TF Serving).

Usage: python -m export.serving_client --server=URL PATH...

URL is http://host:8501 or https://host (REST), grpc://host:8500 or
grpcs://host:8500 (gRPC); needs pip install .[serving]. Paths and rows are
those of g2npan-score, but the files are sent as they are and decoded by the
server: PNG, JPEG and BMP. Exit code: 0 if every image was scored, 1 if some
were not, 2 if nothing could be done or the server failed for good.
"""

import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from absl import flags

from export.serving import status
from export.serving import transport
from g2npan_tf.core import command
from g2npan_tf.core import mos
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import HIGHEST
from g2npan_tf.images.paths import why_no_file
from g2npan_tf.images.read import read_file
from g2npan_tf.scoring import score
from g2npan_tf.scoring.assessor import FURTHER
from g2npan_tf.scoring.rows import ScoreRow
from g2npan_tf.scoring.rows import in_batches
from g2npan_tf.scoring.rows import with_score

# A message of gRPC has at most 2^31 bytes, one of REST a third more than these.
MAX_REQUEST_BYTES = 2**28
NO_SCORE = f"the server gave no score on {mos.MOS_MIN:.0f} to {mos.MOS_MAX:.0f}"


@dataclasses.dataclass(frozen=True)
class _File:
    """A file that is sent as it is."""

    path: str
    data: bytes


def client_command(
    server: transport.Server,
    arguments: Sequence[str],
    *,
    file_format: str = "table",
    output: str = "",
    follow_links: bool = False,
    batch_size: int = 16,
    tries: int = 5,
) -> int:
    """Does what the command does; see the help of its flags.

    Returns:
        0 if every image was scored, else 1.

    Raises:
        InputError: If nothing can be done, or the server fails for good.
    """
    found = score.find(arguments, follow_links)
    outputs.check(
        {"output": [output] if output else []},
        [*found.paths, *found.lists, server.authority],
    )
    predict = transport.connect(server)
    with score.opened(output) as stream:
        rows = score_files(predict, found.paths, batch_size, tries)
        further, rows = _with_further(rows)
        return score.write(rows, file_format, stream, further)


def _with_further(
    rows: Iterator[ScoreRow],
) -> tuple[list[str], Iterator[ScoreRow]]:
    """Which further numbers the server gives, by the first score; all rows."""
    first = []
    for row in rows:
        first.append(row)
        if row.mos is not None:
            break
    given = [dataclasses.asdict(row) for row in first[-1:]]
    names = [x for x in FURTHER for row in given if row[x] is not None]
    return names, itertools.chain(first, rows)


def score_files(
    predict: transport.Predict,
    paths: Iterable[str | os.PathLike[str]],
    batch_size: int,
    tries: int,
) -> Iterator[ScoreRow]:
    """Has untrusted files scored by a server, one row per path in order.

    Raises:
        InputError: If the server fails for good.
    """

    def ask(files: list[_File]) -> Iterator[ScoreRow]:
        request = functools.partial(predict, [file.data for file in files])
        return map(_row, files, transport.with_retries(request, tries))

    return in_batches(
        map(_read, paths),
        ask,
        batch_size,
        lambda file: len(file.data),
        MAX_REQUEST_BYTES,
    )


def _read(path: str | os.PathLike[str]) -> _File | ScoreRow:
    """Reads one file, or makes the row that says why it cannot be sent."""
    name = os.fspath(path)
    try:
        if reason := why_no_file(path):
            raise InputError(reason)
        data = read_file(path)
        if not data:
            raise InputError("empty file")
    except InputError as error:
        return ScoreRow(name, status=str(error))
    return _File(name, data)


def _row(file: _File, found: transport.Score) -> ScoreRow:
    """The row of an image that was sent."""
    if found.status != status.OK:
        return ScoreRow(file.path, status=status.message(found.status))
    on_scale = mos.MOS_MIN <= found.mos <= mos.MOS_MAX
    on_scale &= all(map(math.isfinite, found.further.values()))
    # Also not if one is NaN.
    if not (on_scale and 0 <= found.quality <= 1):
        return ScoreRow(file.path, status=NO_SCORE)
    row = ScoreRow(file.path)
    return with_score(row, found.mos, found.quality, found.further)


def main(argv: list[str]) -> int:
    """Scores what the command line names."""
    values = flags.FLAGS
    if not values.server:
        raise InputError("--server=URL is missing (--help says more)")
    server = transport.Server.parse(
        values.server,
        model=values.model,
        version=values.version,
        timeout=values.timeout,
        authority=values.ca,
    )
    return client_command(
        server,
        argv[1:],
        file_format=values.format,
        output=values.output,
        follow_links=values.follow_links,
        batch_size=values.batch_size,
        tries=values.retries + 1,
    )


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_string("server", "", "Where the model is served. Required.")
    flags.DEFINE_string("model", "g2npan", "Name of the model.")
    flags.DEFINE_integer(
        "version", None, "Of the model. Default: the latest.", 1, 2**63 - 1
    )
    score.define_output_flags()
    flags.DEFINE_integer(
        "batch_size",
        16,
        "Images in a request; TF Serving takes at most max_batch_size.",
        1,
        HIGHEST["batch_size"],
    )
    flags.DEFINE_float("timeout", 30, "Seconds for one try.", 0.001, 86400)
    flags.DEFINE_integer(
        "retries",
        4,
        "More tries while the server is not available, with growing pauses.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "ca", "", "Root certificates to trust (PEM), for https:// and grpcs://."
    )


if __name__ == "__main__":
    define_flags()
    command.run(main)
