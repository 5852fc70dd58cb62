import json
import math
import subprocess
import sys

import numpy as np
import pytest

from export import serving_client
from export.serving import transport
from g2npan_tf.core.errors import InputError
from tests.image_files import GOOD
from tests.serving_servers import StandIn
from tests.tiny import REPOSITORY


@pytest.fixture(scope="module")
def server(served_model):
    with StandIn(served_model) as server:
        yield server


@pytest.fixture
def images(tmp_path):
    for name in ("PNG RGB", "JPEG 4:2:0", "BMP RGB"):
        (tmp_path / f"{name[:3]}.png").write_bytes(GOOD[name])
    return tmp_path


def run(*arguments):
    """Runs the command as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "export.serving_client", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_is_busy_at_first_is_asked_again(
    server, images, capsys, monkeypatch, scheme
):
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.01)
    server.num_failures = 2
    server.sizes.clear()
    address = server.grpc if scheme == "grpc" else server.rest
    code = serving_client.client_command(
        f"{scheme}://{address}",
        [str(images)],
        file_format="csv",
        batch_size=2,
        tries=3,
    )
    assert code == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert server.sizes == [2, 1]


def test_a_server_that_stays_busy_ends_it(server, images, monkeypatch):
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.01)
    server.num_failures = 2
    with pytest.raises(InputError, match=r"HTTP 503: .*\(2 tries\)"):
        serving_client.client_command(
            f"http://{server.rest}", [str(images)], tries=2
        )
    assert server.num_failures == 0


@pytest.mark.parametrize(
    ("scheme", "mos"),
    # The stand-in writes no NaN in JSON; see test_transport.
    [("grpc", math.nan), ("grpc", 7.5), ("http", 7.5), ("http", 0.3)],
)
def test_a_score_off_the_scale_is_a_row_of_its_own(
    server, images, capsys, monkeypatch, scheme, mos
):
    outputs = {
        "mos": np.array([3, mos, 5], np.float32),
        "quality": np.array([0.5, 0.5, 1], np.float32),
        "status": np.zeros(3, np.int32),
    }
    monkeypatch.setattr(server, "predict", lambda *_: outputs)
    address = server.grpc if scheme == "grpc" else server.rest
    code = serving_client.client_command(
        f"{scheme}://{address}", [str(images)], file_format="jsonl"
    )
    assert code == 1
    output = capsys.readouterr().out
    rows = [json.loads(line) for line in output.splitlines()]
    assert [row["mos"] for row in rows] == [3, None, 5]
    assert rows[1]["status"] == "the server gave no score on 1 to 5"


@pytest.mark.parametrize("scheme", ["http", "grpc"])
@pytest.mark.parametrize(
    "changed",
    [
        {"mos": np.array(["3", "3", "3"])},
        {"mos": np.array([[3.0], [3.0], [3.0]])},
        {"quality": np.array([[0.5] * 2] * 3)},
        {"status": np.array([True, True, True])},
        {"status": None},
    ],
)
def test_an_answer_of_another_kind_is_one_line(
    server, images, monkeypatch, scheme, changed
):
    outputs = {
        "mos": np.full(3, 3.0),
        "quality": np.full(3, 0.5),
        "status": np.zeros(3, np.int32),
        **changed,
    }
    found = {name: x for name, x in outputs.items() if x is not None}
    monkeypatch.setattr(server, "predict", lambda *_: found)
    address = server.grpc if scheme == "grpc" else server.rest
    with pytest.raises(InputError, match="expected outputs mos") as caught:
        serving_client.client_command(f"{scheme}://{address}", [str(images)])
    assert "\n" not in str(caught.value)


def test_a_version_can_be_asked_for(server, images):
    for version, found in ((1, True), (2, False)):
        settings = {"version": version}
        if found:
            assert not serving_client.client_command(
                f"http://{server.rest}", [str(images)], settings=settings
            )
        else:
            with pytest.raises(InputError, match="404"):
                serving_client.client_command(
                    f"http://{server.rest}", [str(images)], settings=settings
                )


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
