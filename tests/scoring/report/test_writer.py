"""The folder of a report is whole, and never in place of anything else."""

import functools
import json
import os

import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.report import writer
from g2npan_tf.scoring.report.writer import written_aside


def fill(directory, content="old"):
    """Writes what a report of one image has."""
    (directory / "index.html").write_text(content)
    (directory / "scores.csv").write_text("path,mos\n")
    (directory / "images").mkdir(parents=True)
    (directory / "images" / writer.page_name(1)).write_text("page")
    (directory / "report.json").write_text(json.dumps(writer.FORMAT))


def make(directory, content):
    with written_aside(directory) as aside:
        fill(aside, content)


def everything(directory):
    """All below a folder: files with their bytes, links with their ends."""
    return {
        str(path): os.readlink(path)
        if path.is_symlink()
        else path.is_file() and path.read_bytes()
        for path in directory.rglob("*")
    }


@pytest.mark.parametrize("before", ["nothing", "empty", "report", "link"])
def test_a_folder_appears_whole_in_place_of_an_earlier_one(tmp_path, before):
    place = tmp_path / "a" / "b"
    if before == "empty":
        place.mkdir(parents=True)
    if before == "link":
        (tmp_path / "real").mkdir()
        place.parent.mkdir()
        place.symlink_to(tmp_path / "real")
    if before == "report":
        make(place, "old")
        (place / "images" / writer.page_name(123456)).touch()
    make(place, "new")
    assert (place / "index.html").read_text() == "new"
    assert os.listdir(place / "images") == ["00001.html"]
    assert os.listdir(place.parent) == ["b"]
    assert place.is_symlink() == (before == "link")


def test_what_failed_leaves_the_earlier_one(tmp_path):
    make(tmp_path / "b", "old")
    with pytest.raises(KeyboardInterrupt), written_aside(tmp_path / "b"):
        raise KeyboardInterrupt
    assert (tmp_path / "b" / "index.html").read_text() == "old"
    assert os.listdir(tmp_path) == ["b"]


def as_link(path):
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def as_folder(path):
    path.unlink()
    path.mkdir()


def summary(text):
    return lambda b: (b / "report.json").write_text(text)


NO_SUMMARY = "b holds no report.json of a report; expected"
FOREIGN = [
    (lambda b: (b / "notes.txt").touch(), r"b holds notes\.txt; expected a"),
    (lambda b: (b / "images" / "1.png").touch(), r"b holds images/1\.png; "),
    (lambda b: (b / "images" / "00002.html").mkdir(), "images/00002.html; "),
    (lambda b: as_link(b / "images"), "b holds images; expected"),
    (lambda b: as_link(b / "index.html"), "b holds index.html; expected"),
    (lambda b: as_folder(b / "scores.csv"), "b holds scores.csv; expected"),
    # Also a data set with the names of a report.
    (lambda b: (b / "report.json").unlink(), NO_SUMMARY),
    # What other programs call report.json.
    *(
        (summary(text), NO_SUMMARY)
        for text in (
            *("", "[]", '"x"', '{"made": "today"}', '{"format": 1}'),
            "[" * 99999,
        )
    ),
]


@pytest.mark.parametrize("meanwhile", [False, True])
@pytest.mark.parametrize(("change", "message"), FOREIGN)
def test_what_others_made_is_never_replaced(
    tmp_path, change, message, meanwhile
):
    make(tmp_path / "b", "old")
    writing = written_aside(tmp_path / "b")
    if meanwhile:
        fill(writing.__enter__(), "new")
    change(tmp_path / "b")
    before = everything(tmp_path / "b")
    leave = functools.partial(writing.__exit__, None, None, None)
    with pytest.raises(InputError, match=message):
        (leave if meanwhile else writing.__enter__)()
    assert everything(tmp_path / "b") == before
    assert not list(tmp_path.glob(".*"))


def test_a_file_is_never_replaced(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="a file; expected"):
        make(tmp_path / "file", "new")
    with (
        pytest.raises(InputError, match="later: a file; expected"),
        written_aside(tmp_path / "later"),
    ):
        (tmp_path / "later").write_text("mine")
    assert sorted(os.listdir(tmp_path)) == ["file", "later"]


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", denied)
    with pytest.raises(InputError, match="Permission denied"):
        writer.check(tmp_path)
