"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def written_aside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path beside `path` and moves it there if the block succeeds.

    Args:
        path: The file to be made or replaced; its folder must exist.

    Yields:
        A hidden path in the same folder with the same suffix. If the block
        fails, it is removed and a file that was at `path` stays as it was.
    """
    # The suffix stays last, since writers choose the format by it.
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
