import contextlib
import doctest
import io

import pytest

from g2npan_tf.scoring import progress
from g2npan_tf.scoring.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def clock(step):
    """Seconds that pass between two looks."""
    times = iter(range(1000))
    return lambda: next(times) * step


def test_nothing_is_written_where_there_is_no_terminal():
    stream = io.StringIO()
    with Progress("files", stream) as bar:
        assert list(bar.over("abc")) == ["a", "b", "c"]
    assert stream.getvalue() == ""


def test_a_terminal_sees_counts_rate_and_time_left():
    stream = Terminal()
    with Progress("files", stream, clock(0.5)) as bar:
        assert list(bar.over(range(4))) == [0, 1, 2, 3]
    shown = stream.getvalue().split("\r")
    assert shown[1].endswith("  0% 0/4 files")
    # Two items were done at the third look, 1.5 seconds after the start.
    assert "] " in shown[3]
    assert shown[3].strip().endswith("50% 2/4 files, 1.3 a second, 0:02 left")


def test_the_line_is_wiped_also_after_an_error():
    stream = Terminal()
    with contextlib.suppress(KeyError), Progress("files", stream) as bar:
        for _ in bar.over(range(2)):
            raise KeyError
    wiped = stream.getvalue().split("\r")[-2]
    assert wiped
    assert not wiped.strip()


def test_a_line_fits_into_a_narrow_window(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    with Progress("files", stream) as bar:
        list(bar.over(range(2)))
    assert max(map(len, stream.getvalue().split("\r"))) == 19


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(7261, "1 a minute, 2:01:01 left"), (0, "1/2 files"), (1, "0:01 left")],
)
def test_hours_are_shown_and_nothing_that_is_not_known(seconds, shown):
    text = progress.line(1, 2, seconds, "files")
    assert text.endswith(shown.replace("1 a minute", "0.0 a minute"))


def test_the_examples_are_true():
    assert doctest.testmod(progress).failed == 0
