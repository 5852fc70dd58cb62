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


def listed(directory):
    return sorted(path.name for path in directory.iterdir())


def everything(directory):
    """All below a folder: files with their bytes, links with their ends."""
    return {
        str(path): os.readlink(path)
        if path.is_symlink()
        else path.is_file() and path.read_bytes()
        for path in directory.rglob("*")
    }


def test_a_folder_appears_with_those_above_it(tmp_path):
    make(tmp_path / "a" / "b", "new")
    assert (tmp_path / "a" / "b" / "index.html").read_text() == "new"
    assert listed(tmp_path / "a") == ["b"]


def test_an_earlier_one_is_replaced_whole(tmp_path):
    make(tmp_path / "b", "old")
    (tmp_path / "b" / "images" / writer.page_name(123456)).touch()
    make(tmp_path / "b", "new")
    assert (tmp_path / "b" / "index.html").read_text() == "new"
    assert listed(tmp_path / "b" / "images") == ["00001.html"]
    assert listed(tmp_path) == ["b"]


def test_an_empty_one_is_replaced(tmp_path):
    make(tmp_path, "new")
    assert (tmp_path / "index.html").read_text() == "new"


def test_a_link_to_a_folder_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "index.html").read_text() == "new"


def test_what_failed_leaves_the_earlier_one(tmp_path):
    make(tmp_path / "b", "old")
    with pytest.raises(KeyboardInterrupt), written_aside(tmp_path / "b"):
        raise KeyboardInterrupt
    assert (tmp_path / "b" / "index.html").read_text() == "old"
    assert listed(tmp_path) == ["b"]


def as_link(path):
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def as_folder(path):
    path.unlink()
    path.mkdir()


FOREIGN = [
    (lambda b: (b / "notes.txt").touch(), r"b holds notes\.txt; expected a"),
    (lambda b: (b / "images" / "1.png").touch(), r"b holds images/1\.png; "),
    (lambda b: (b / "images" / "00002.html").mkdir(), "images/00002.html; "),
    (lambda b: as_link(b / "images"), "b holds images; expected"),
    (lambda b: as_link(b / "index.html"), "b holds index.html; expected"),
    (lambda b: as_folder(b / "scores.csv"), "b holds scores.csv; expected"),
    (
        lambda b: (b / "report.json").unlink(),
        "b holds no report.json of a report; expected",
    ),
]
# What other programs call report.json.
OTHERS = ["", "[]", '"x"', '{"made": "today"}', '{"format": 1}', "[" * 99999]


@pytest.mark.parametrize(("change", "message"), FOREIGN)
def test_what_others_made_is_never_replaced(tmp_path, change, message):
    make(tmp_path / "b", "old")
    change(tmp_path / "b")
    before = everything(tmp_path)
    with pytest.raises(InputError, match=message):
        make(tmp_path / "b", "new")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("text", OTHERS)
def test_a_report_json_of_others_marks_no_report(tmp_path, text):
    make(tmp_path / "b", "old")
    (tmp_path / "b" / "report.json").write_text(text)
    before = everything(tmp_path)
    with pytest.raises(InputError, match=r"holds no report\.json"):
        make(tmp_path / "b", "new")
    assert everything(tmp_path) == before


@pytest.mark.parametrize(("change", "message"), FOREIGN)
def test_nor_what_they_wrote_meanwhile(tmp_path, change, message):
    make(tmp_path / "b", "old")
    writing = written_aside(tmp_path / "b")
    fill(writing.__enter__(), "new")
    change(tmp_path / "b")
    before = everything(tmp_path / "b")
    with pytest.raises(InputError, match=message):
        writing.__exit__(None, None, None)
    assert everything(tmp_path / "b") == before
    assert not list(tmp_path.glob(".*"))


def test_a_data_set_with_the_names_of_a_report_is_no_report(tmp_path):
    (tmp_path / "b" / "images").mkdir(parents=True)
    (tmp_path / "b" / "scores.csv").write_text("image,mos\n")
    with pytest.raises(InputError, match="holds no report"):
        make(tmp_path / "b", "new")
    assert listed(tmp_path / "b") == ["images", "scores.csv"]


def test_a_file_is_never_replaced(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="a file; expected"):
        make(tmp_path / "file", "new")
    with (
        pytest.raises(InputError, match="later: a file; expected"),
        written_aside(tmp_path / "later"),
    ):
        (tmp_path / "later").write_text("mine")
    assert listed(tmp_path) == ["file", "later"]


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", denied)
    with pytest.raises(InputError, match="Permission denied"):
        writer.check(tmp_path)
