"""Sends image files to a server, one row per file."""

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
from g2npan_tf.scoring.score_rows import Row

# A message of gRPC has at most 2^31 bytes, one of REST a third more than these.
MAX_REQUEST_BYTES = 2**28
NO_SCORE = f"the server gave no score on {mos.MOS_MIN:.0f} to {mos.MOS_MAX:.0f}"


def score_files(
    predict: Predict, paths: Iterable[pathlib.Path], batch_size: int, tries: int
) -> Iterator[Row]:
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
    for batch in _batches(paths, batch_size):
        files = [item for _, item in batch if isinstance(item, bytes)]
        request = functools.partial(predict, files)
        scores = iter(with_retries(request, tries) if files else ())
        for path, item in batch:
            yield item if isinstance(item, Row) else _row(path, next(scores))


def _batches(
    paths: Iterable[pathlib.Path], batch_size: int
) -> Iterator[list[tuple[pathlib.Path, bytes | Row]]]:
    """Reads files, some at a time; a row stands for what cannot be read."""
    batch: list[tuple[pathlib.Path, bytes | Row]] = []
    size = 0
    for path in paths:
        item = _read(path)
        length = len(item) if isinstance(item, bytes) else 0
        if batch and size + length > MAX_REQUEST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((path, item))
        size += length
        if len(batch) == batch_size:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(path: pathlib.Path) -> bytes | Row:
    """Reads one file; nothing is sent that the server would not decode."""
    try:
        if reason := why_no_file(path):
            return Row(str(path), status=reason)
        if os.path.exists(path) and not os.path.isfile(path):
            return Row(str(path), status="not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        # Names that no file can have are a ValueError.
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        return Row(str(path), status=reason)
    if not data:
        return Row(str(path), status="empty file")
    if len(data) > MAX_BYTES:
        code = status.TOO_MANY_BYTES
        return Row(str(path), status=status.message(code))
    return data


def _row(path: pathlib.Path, score: Score) -> Row:
    """The row of an image that was sent."""
    if score.status != status.OK:
        return Row(str(path), status=status.message(score.status))
    on_scale = mos.MOS_MIN <= score.mos <= mos.MOS_MAX
    # Also not if one is NaN.
    if not (on_scale and 0 <= score.quality <= 1):
        return Row(str(path), status=NO_SCORE)
    return Row(str(path), score.mos, score.quality)
