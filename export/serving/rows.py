"""Sends image files to a server, one row per file."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator

from export.serving import status
from export.serving.request import Predict
from export.serving.request import Score
from export.serving.request import with_retries
from g2npan_tf.core import mos
from g2npan_tf.images.limits import MAX_BYTES
from g2npan_tf.images.paths import why_no_file
from g2npan_tf.scoring.rows import ScoreRow
from g2npan_tf.scoring.rows import in_batches

# A message of gRPC has at most 2^31 bytes, one of REST a third more than these.
MAX_REQUEST_BYTES = 2**28
NO_SCORE = f"the server gave no score on {mos.MOS_MIN:.0f} to {mos.MOS_MAX:.0f}"


@dataclasses.dataclass(frozen=True)
class _File:
    """A file that is sent as it is."""

    path: str
    data: bytes


def score_files(
    predict: Predict, paths: Iterable[pathlib.Path], batch_size: int, tries: int
) -> Iterator[ScoreRow]:
    """Scores files that nobody vouches for by a server.

    Args:
        predict: Sends files.
        paths: Image files, as from `image_paths.find_images`.
        batch_size: Images in a request; fewer if they are large.
        tries: Of one request.

    Yields:
        One row per path in the same order.

    Raises:
        InputError: If the server fails for good.
    """

    def score(files: list[_File]) -> Iterator[ScoreRow]:
        request = functools.partial(predict, [file.data for file in files])
        return map(_row, files, with_retries(request, tries))

    return in_batches(
        map(_read, paths),
        score,
        batch_size,
        lambda file: len(file.data),
        MAX_REQUEST_BYTES,
    )


def _read(path: pathlib.Path) -> _File | ScoreRow:
    """Reads one file; nothing is sent that the server would not decode."""
    try:
        if reason := why_no_file(path):
            return ScoreRow(str(path), status=reason)
        if os.path.exists(path) and not os.path.isfile(path):
            return ScoreRow(str(path), status="not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        # Names that no file can have are a ValueError.
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        return ScoreRow(str(path), status=reason)
    if not data:
        return ScoreRow(str(path), status="empty file")
    if len(data) > MAX_BYTES:
        code = status.TOO_MANY_BYTES
        return ScoreRow(str(path), status=status.message(code))
    return _File(str(path), data)


def _row(file: _File, score: Score) -> ScoreRow:
    """The row of an image that was sent."""
    if score.status != status.OK:
        return ScoreRow(file.path, status=status.message(score.status))
    on_scale = mos.MOS_MIN <= score.mos <= mos.MOS_MAX
    # Also not if one is NaN.
    if not (on_scale and 0 <= score.quality <= 1):
        return ScoreRow(file.path, status=NO_SCORE)
    return ScoreRow(file.path, score.mos, score.quality)
