import pytest

from g2npan_tf.atomic_file import written_aside


def write_half_and_fail(path):
    with written_aside(path) as aside:
        aside.write_text("half")
        (path / "missing").read_text()


def test_the_file_appears_when_the_block_succeeds(tmp_path):
    path = tmp_path / "table.csv"
    with written_aside(path) as aside:
        aside.write_text("new")
        assert aside.suffix == ".csv"
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_block_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="missing"):
        write_half_and_fail(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
