"""A progress bar of one line, on a terminal only."""

import shutil
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO
from typing import TypeVar

Item = TypeVar("Item")
_SECONDS_BETWEEN = 0.2
_BAR_SIGNS = 24


class Progress:
    """Says how far a loop is, how fast, and how long it will take.

    Example:
    >>> with Progress("files") as progress:
    ...     sum(progress.over([1, 2, 3]))
    6
    """

    def __init__(
        self,
        unit: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Prepares a bar; nothing is written before the first item.

        Args:
            unit: What is counted, in the plural.
            stream: Where the bar goes if that is a terminal; by default
                stderr.
            clock: Seconds.
        """
        self._unit = unit
        self._stream = stream or sys.stderr
        self._clock = clock
        self._shown = 0

    def __enter__(self) -> "Progress":
        """Returns itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wipes the bar, so that what follows stands on an empty line."""
        self._write("")

    def over(self, items: Sequence[Item]) -> Iterator[Item]:
        """Yields the items; each is done when the next one is asked for."""
        if not self._stream.isatty():
            yield from items
            return
        start = last = self._clock()
        for done, item in enumerate(items):
            now = self._clock()
            if now - last >= _SECONDS_BETWEEN or not done:
                self._write(line(done, len(items), now - start, self._unit))
                last = now
            yield item
        self._write("")

    def _write(self, text: str) -> None:
        """Replaces the line by another one that fits into the window."""
        if not text and not self._shown:
            return
        text = text[: max(0, shutil.get_terminal_size().columns - 1)]
        gap = " " * (self._shown - len(text))
        end = "" if text else "\r"
        self._stream.write(f"\r{text}{gap}{end}")
        self._stream.flush()
        self._shown = len(text)


def line(done: int, total: int, seconds: float, unit: str) -> str:
    """What a bar shows.

    Args:
        done: Items done.
        total: Items in all, at least one.
        seconds: Since the start.
        unit: What is counted, in the plural.

    Returns:
        Bar, counts, rate and time left; the latter two once they are known.

    Example:
    >>> line(50, 200, 25.0, "files")
    '[######                  ]  25% 50/200 files, 2.0 a second, 1:15 left'
    """
    filled = "#" * (_BAR_SIGNS * done // total)
    shown = f"[{filled:{_BAR_SIGNS}}] {done / total:4.0%} {done}/{total} {unit}"
    if not done or seconds <= 0:
        return shown
    rate = done / seconds
    return f"{shown}, {_rate(rate)}, {_duration((total - done) / rate)} left"


def _rate(rate: float) -> str:
    """Items a second, or a minute if they are slow."""
    return f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"


def _duration(seconds: float) -> str:
    """Minutes and seconds, with hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest:02d}"
