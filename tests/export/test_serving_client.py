import io
import json
import math
import os

import numpy as np
import pytest

from export import serving_client
from export.serving import status
from export.serving import transport
from export.serving.transport import Score
from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.rows import OUTSIDE
from g2npan_tf.scoring.rows import WRITERS
from g2npan_tf.scoring.rows import ScoreRow
from tests.image_files import GOOD
from tests.serving_servers import StandIn
from tests.tiny import run_python

SCHEMES = pytest.mark.parametrize("scheme", ["http", "grpc"])


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

    def rows(self, paths, batch_size=2):
        return list(
            serving_client.score_files(self.predict, paths, batch_size, 1)
        )


def files(folder, *lengths):
    paths = [folder / f"{index}.png" for index in range(len(lengths))]
    for path, length in zip(paths, lengths, strict=True):
        path.write_bytes(b"x" * length)
    return paths


def test_a_row_per_file_in_their_order(tmp_path):
    server, paths = Server(), files(tmp_path, 3, 2, 5, 4, 3)
    assert server.rows(paths) == [
        ScoreRow(str(paths[0]), 3.0, 0.5),
        ScoreRow(str(paths[1]), status="damaged or truncated image"),
        ScoreRow(str(paths[2]), 5.0, 1.0),
        ScoreRow(str(paths[3]), 4.0, 0.75),
        ScoreRow(str(paths[4]), 3.0, 0.5),
    ]
    assert server.requests == [[3, 2], [5, 4], [3]]


def test_numbers_that_the_server_gives_have_columns(tmp_path):
    def predict(data):
        further = {"mos_low": 2.0, "mos_high": 4.5}
        return [
            Score(3.0, 0.5, 0, further)
            if len(one) > 2
            else Score(1.0, 0.0, status.DAMAGED, further)
            for one in data
        ]

    paths = files(tmp_path, 2, 3, 4)
    rows = serving_client.score_files(predict, paths, 1, 1)
    names, rows = serving_client._with_further(rows)
    assert names == ["mos_low", "mos_high"]
    broken, *scored = rows
    assert broken.mos_low is None
    assert [(row.mos_low, row.mos_high) for row in scored] == [(2.0, 4.5)] * 2
    assert [row.notes for row in scored] == [()] * 2
    none, rows = serving_client._with_further(iter([broken]))
    assert (none, list(rows)) == ([], [broken])


def test_what_is_outside_is_said_to_be(tmp_path):
    def predict(data):
        further = ({"distance": x} for x in (99.0, 99.5))
        return [
            Score(3.0, 0.5, 0, x) for _, x in zip(data, further, strict=True)
        ]

    rows = serving_client.score_files(predict, files(tmp_path, 3, 4), 2, 1)
    assert [row.notes for row in rows] == [(), (OUTSIDE,)]


def test_what_cannot_be_read_is_not_sent(tmp_path):
    empty, large, good = files(tmp_path, 0, 1, 3)
    os.truncate(large, 2**26 + 1)
    os.mkfifo(tmp_path / "pipe.png")
    paths = [empty, large, good, tmp_path, tmp_path / "missing.png"]
    server = Server()
    found = server.rows([*paths, tmp_path / "pipe.png"], batch_size=8)
    *reasons, of_folder, of_missing, of_pipe = [row.status for row in found]
    assert reasons == [
        "empty file",
        "67,108,865 bytes; expected at most 67,108,864",
        "ok",
    ]
    assert "file in this folder" in of_folder
    assert of_missing == "no such file or directory"
    assert of_pipe == "not a regular file"
    assert server.requests == [[3]]


def test_large_files_are_sent_in_smaller_requests(tmp_path, monkeypatch):
    monkeypatch.setattr(serving_client, "MAX_REQUEST_BYTES", 10)
    server = Server()
    server.rows(files(tmp_path, 5, 5, 5, 9, 3), batch_size=8)
    assert server.requests == [[5, 5], [5], [9], [3]]


@pytest.mark.parametrize("mos", [math.nan, math.inf, 7.5, 0.3, -1.0])
@pytest.mark.parametrize("file_format", WRITERS)
def test_a_score_off_the_scale_is_none(tmp_path, mos, file_format):
    def predict(files):
        return [Score(mos, 0.5, 0), Score(3.0, mos, 0), Score(3.0, 0.5, 0)]

    paths = files(tmp_path, 3, 3, 3)
    found = list(serving_client.score_files(predict, paths, 3, 1))
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
    scored = serving_client.score_files(predict, paths, 1, 1)
    assert next(scored).mos == 2.0
    with pytest.raises(InputError, match="404"):
        next(scored)


@pytest.fixture(scope="module")
def server(served_model):
    with StandIn(served_model) as server:
        yield server


@pytest.fixture
def images(tmp_path):
    for name in ("PNG RGB", "JPEG 4:2:0", "BMP RGB"):
        (tmp_path / f"{name[:3]}.png").write_bytes(GOOD[name])
    return tmp_path


def ask(server, scheme, images, **options):
    """Runs the command in this process; its exit code."""
    address = server.grpc if scheme == "grpc" else server.rest
    found = transport.Server.parse(f"{scheme}://{address}")
    return serving_client.client_command(found, [str(images)], **options)


@SCHEMES
def test_a_server_that_is_busy_at_first_is_asked_again(
    server, images, capsys, monkeypatch, scheme
):
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.01)
    server.num_failures = 2
    server.sizes.clear()
    options = {"file_format": "csv", "batch_size": 2, "tries": 3}
    assert ask(server, scheme, images, **options) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert server.sizes == [2, 1]


def test_a_server_that_stays_busy_ends_it(server, images, monkeypatch):
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.01)
    server.num_failures = 2
    with pytest.raises(InputError, match=r"HTTP 503: .*\(2 tries\)"):
        ask(server, "http", images, tries=2)
    assert server.num_failures == 0


@pytest.mark.parametrize(
    "mos", [["3", "3", "3"], [[3.0], [3.0], [3.0]], [True, True, True], 3.0]
)
def test_an_answer_by_grpc_of_another_kind_is_one_line(
    server, images, monkeypatch, mos
):
    # By REST: test_transport.
    found = {name: np.zeros(3, np.int32) for name in transport.OUTPUTS}
    found["mos"] = np.array(mos)
    monkeypatch.setattr(server, "predict", lambda *_: found)
    with pytest.raises(InputError, match="expected outputs mos") as caught:
        ask(server, "grpc", images)
    assert "\n" not in str(caught.value)


def run(*arguments):
    """Runs the command as a person does."""
    return run_python("-m", "export.serving_client", *arguments)


def test_from_the_command_line(server, images):
    done = run(f"--server=http://{server.rest}", "--format=jsonl", images)
    assert done.stderr == ""
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["ok"] * 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x.png"], "error: --server=URL is missing"),
        (["--server=http://127.0.0.1:1"], "error: no PATH is given"),
        (
            ["--server=http://127.0.0.1:1", "--retries=0", "{image}"],
            "error: g2npan at 127.0.0.1:1: ",
        ),
    ],
)
def test_errors_are_one_line_and_exit_code_2(images, arguments, expected):
    image = str(images / "PNG.png")
    done = run(*[text.format(image=image) for text in arguments])
    assert done.returncode == 2
    assert done.stderr.startswith(expected)
    assert len(done.stderr.splitlines()) == 1
