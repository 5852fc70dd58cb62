import io
import math

import pytest

from export.serving import rows as serving_rows
from export.serving import status
from export.serving.transport import Score
from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.rows import WRITERS
from g2npan_tf.scoring.rows import ScoreRow


class Server:
    """Scores a file by its length; what is shorter than 3 is damaged."""

    def __init__(self):
        self.requests = []

    def predict(self, files):
        self.requests.append([len(data) for data in files])
        return [
            Score(1.0, 0.0, status.DAMAGED)
            if len(data) < 3
            else Score(len(data), (len(data) - 1) / 4, 0)
            for data in files
        ]


@pytest.fixture
def server():
    return Server()


def files(folder, *lengths):
    paths = []
    for index, length in enumerate(lengths):
        paths.append(folder / f"{index}.png")
        paths[-1].write_bytes(b"x" * length)
    return paths


def rows(server, paths, batch_size=2):
    return list(serving_rows.score_files(server.predict, paths, batch_size, 1))


def test_a_row_per_file_in_their_order(server, tmp_path):
    paths = files(tmp_path, 3, 2, 5, 4, 3)
    assert rows(server, paths) == [
        ScoreRow(str(paths[0]), 3.0, 0.5),
        ScoreRow(str(paths[1]), status="damaged or truncated image"),
        ScoreRow(str(paths[2]), 5.0, 1.0),
        ScoreRow(str(paths[3]), 4.0, 0.75),
        ScoreRow(str(paths[4]), 3.0, 0.5),
    ]
    assert server.requests == [[3, 2], [5, 4], [3]]


def test_what_cannot_be_read_is_not_sent(server, tmp_path, monkeypatch):
    monkeypatch.setattr(serving_rows, "MAX_BYTES", 10)
    paths = [*files(tmp_path, 0, 11, 3), tmp_path, tmp_path / "missing.png"]
    found = rows(server, paths, batch_size=8)
    assert [row.status for row in found] == [
        "empty file",
        status.message(status.TOO_MANY_BYTES),
        "ok",
        found[3].status,
        "no such file or directory",
    ]
    assert "file in this folder" in found[3].status
    assert server.requests == [[3]]


def test_a_pipe_is_not_waited_for(server, tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.png")
    (row,) = rows(server, [tmp_path / "pipe.png"])
    assert row.status == "not a regular file"
    assert server.requests == []


def test_large_files_are_sent_in_smaller_requests(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(serving_rows, "MAX_REQUEST_BYTES", 10)
    rows(server, files(tmp_path, 5, 5, 5, 9, 3), batch_size=8)
    assert server.requests == [[5, 5], [5], [9], [3]]


@pytest.mark.parametrize("mos", [math.nan, math.inf, 7.5, 0.3, -1.0])
@pytest.mark.parametrize("file_format", WRITERS)
def test_a_score_off_the_scale_is_none(tmp_path, mos, file_format):
    def predict(files):
        return [Score(mos, 0.5, 0), Score(3.0, mos, 0), Score(3.0, 0.5, 0)]

    paths = files(tmp_path, 3, 3, 3)
    found = list(serving_rows.score_files(predict, paths, 3, 1))
    assert [row.status for row in found] == [
        *["the server gave no score on 1 to 5"] * (2 if mos != 0.3 else 1),
        *["ok"] * (1 if mos != 0.3 else 2),
    ]
    assert found[0].mos is found[0].quality is None
    stream = io.StringIO()
    WRITERS[file_format](found, stream)
    assert "no score on 1 to 5" in stream.getvalue()


def test_a_server_that_fails_for_good_ends_it_after_the_rows_before(tmp_path):
    def predict(files):
        if len(files[0]) == 4:
            raise InputError("there: 404")
        return [Score(2.0, 0.25, 0)] * len(files)

    paths = files(tmp_path, 3, 4)
    scored = serving_rows.score_files(predict, paths, 1, 1)
    assert next(scored).mos == 2.0
    with pytest.raises(InputError, match="404"):
        next(scored)
