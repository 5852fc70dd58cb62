import pytest

from g2npan_tf.errors import InputError
from g2npan_tf.score_report.folder import written_aside

NAMES = ("index.html", "images")


def make(directory, content):
    with written_aside(directory, NAMES) as aside:
        (aside / "index.html").write_text(content)


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_with_those_above_it(tmp_path):
    make(tmp_path / "a" / "b", "new")
    assert (tmp_path / "a" / "b" / "index.html").read_text() == "new"
    assert listed(tmp_path / "a") == ["b"]


def test_an_earlier_one_is_replaced_whole(tmp_path):
    make(tmp_path / "b", "old")
    (tmp_path / "b" / "images").mkdir()
    make(tmp_path / "b", "new")
    assert (tmp_path / "b" / "index.html").read_text() == "new"
    assert listed(tmp_path / "b") == ["index.html"]
    assert listed(tmp_path) == ["b"]


def test_a_link_to_a_folder_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "index.html").read_text() == "new"


def test_what_failed_leaves_the_earlier_one(tmp_path):
    make(tmp_path / "b", "old")
    with pytest.raises(KeyboardInterrupt), written_aside(tmp_path / "b", NAMES):
        raise KeyboardInterrupt
    assert (tmp_path / "b" / "index.html").read_text() == "old"
    assert listed(tmp_path) == ["b"]


def test_what_others_wrote_is_never_replaced(tmp_path):
    make(tmp_path / "b", "old")
    (tmp_path / "b" / "notes.txt").touch()
    with pytest.raises(InputError, match=r"holds notes\.txt; expected"):
        make(tmp_path / "b", "new")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a file; expected"):
        make(tmp_path / "file", "new")
    assert listed(tmp_path) == ["b", "file"]
