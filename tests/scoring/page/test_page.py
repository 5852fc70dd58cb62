import base64
import http.client
import io
import json
import re
import socket
import threading

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.read import Frame
from g2npan_tf.images.read import resize
from g2npan_tf.report.picture_row import encode_png
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.page import server as server_module
from g2npan_tf.scoring.page import upload
from g2npan_tf.scoring.page.server import MAX_REQUESTS
from g2npan_tf.scoring.page.server import PageServer
from tests import page_server
from tests.html_checks import Elements
from tests.html_checks import check_page
from tests.page_server import LIMITS
from tests.page_server import brightness
from tests.page_server import grey_png
from tests.pictures import NO_CONTENT
from tests.pictures import shades


@pytest.fixture(scope="module")
def server():
    with page_server.running() as running:
        yield running


def ask(server, method, path, body=None, **headers):
    """Sends one request; headers are named with `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    return answer, answer.read()


def post(server, data, **headers):
    """Uploads as the page does; with the status and the content."""
    headers = {"X_G2NPAN_Token": server.token, **headers}
    answer, content = ask(server, "POST", "/score", data, **headers)
    return answer.status, json.loads(content)


def pixels(address):
    """Decodes a picture of an answer."""
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_the_page_is_sound_and_every_control_has_a_label(server):
    answer, content = ask(server, "GET", "/")
    assert answer.status == 200
    page = check_page(content.decode())
    text = " ".join(page.texts)
    assert "Research use only; not a medical device." in text
    assert "simulated readers" in text
    assert "8, simulated <b>" in text
    assert not page.find("b")
    labels = {attributes["for"] for attributes in page.find("label")}
    controls = page.find("input") + page.find("select")
    assert {attributes["id"] for attributes in controls} == labels


def test_headers_keep_other_pages_out(server):
    assert server.server_address[0] == "127.0.0.1"
    answer, content = ask(server, "GET", "/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert policy.startswith(
        Elements(content.decode()).find("meta")[1]["content"]
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Python" not in answer.headers["Server"]


def test_an_upload_gets_its_row_and_its_maps(server):
    status, content = post(server, grey_png(51))
    ((row, maps),) = [(x["row"], x["pictures"]) for x in content["rows"]]
    assert status == 200
    assert row["mos"] == pytest.approx(1.8, abs=1e-5)
    assert row["quality"] == pytest.approx(0.2, abs=1e-6)
    assert row["status"] == "ok"
    assert row["notes"] == ["32 x 16 squeezed to a square"]
    assert (maps["width"], maps["height"]) == (32, 16)
    sent = np.asarray(shades(51, (32, 16)).convert("RGB"))
    assert np.array_equal(pixels(maps["image"]), sent)
    negative = 255 - resize(sent, 128)
    assert np.array_equal(pixels(maps["reference"]), negative)
    # Viridis at 0.2 and magma near its end, by matplotlib's tables.
    middle = pixels(maps["cam"])[:, 14:18].mean((0, 1))
    assert np.abs(middle - [65, 68, 135.0]).max() <= 4
    assert np.abs(pixels(maps["nuance"])[5, 5] - [252, 253, 191.0]).max() <= 4
    assert maps["nuance_high"] == pytest.approx(1 - 2 * 39 / 255, abs=1e-6)


def test_a_model_without_a_generator_shows_its_cam_only():
    assessor = Assessor(page_server.without_gan)
    (scored,) = upload.score(assessor, grey_png(51), LIMITS)
    assert scored.pictures.cam
    assert scored.pictures.reference is scored.pictures.nuance is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"no image", "not a readable"),
        (grey_png(51)[:60], "damaged or truncated"),
        (grey_png(51, (8, 8)), "at least 16 x 16"),
        (grey_png(51, (400, 400)), "expected at most 100,000"),
        (encode_png(NO_CONTENT["white"]), "no content"),
    ],
)
def test_what_cannot_be_scored_has_a_row_with_its_reason(server, data, reason):
    status, content = post(server, data)
    (scored,) = content["rows"]
    assert status == 200
    assert reason in scored["row"]["status"]
    assert scored["row"]["mos"] is scored["pictures"] is None


def test_only_the_first_frames_of_a_file_come_with_pictures(monkeypatch):
    picture = np.array(shades(90).convert("RGB"))
    frames = [Frame(f"#{n}", picture) for n in "123"]
    monkeypatch.setattr(upload, "decode_frames", lambda *_: iter(frames))
    monkeypatch.setattr(upload, "MAX_PICTURED", 2)
    scored = upload.score(Assessor(brightness), b"", LIMITS)
    assert [item.row.path for item in scored] == ["#1", "#2", "#3"]
    assert [bool(item.pictures) for item in scored] == [True, True, False]


def upload_of(status, **headers):
    return status, "POST", "/score", headers


HOSTS = ("evil.example", "127.0.0.1.evil.example:80", "", "[::1]:80", "0")
TOO_LONG = (str(LIMITS.max_bytes + 1), "9" * 5000)
NO_LENGTHS = [length.encode() for length in ("-1", "+5", "1_0", "x", "²")]
REFUSED = [
    *(upload_of(403, X_G2NPAN_Token=token) for token in ("", "x", "é")),
    *(upload_of(421, Host=host) for host in HOSTS),
    *((421, "GET", "/", {"Host": host}) for host in HOSTS),
    *(upload_of(413, Content_Length=length) for length in TOO_LONG),
    *(upload_of(411, Content_Length=length) for length in NO_LENGTHS),
    *((404, "GET", x, {}) for x in ("/x", "/score", "/../setup.cfg")),
    *((404, "GET", x, {}) for x in ("/%2e%2e/x", "/?", "/app.js")),
    (404, "POST", "/", {}),
    *((501, method, "/score", {}) for method in ("PUT", "DELETE", "OPTIONS")),
]


@pytest.mark.parametrize(("status", "method", "path", "headers"), REFUSED)
def test_what_is_no_request_of_our_page_is_refused(
    server, status, method, path, headers
):
    headers = {"X_G2NPAN_Token": server.token, **headers}
    answer, content = ask(server, method, path, b"", **headers)
    assert answer.status == status
    assert server.token.encode() not in content
    reasons = {403: b"reload", 413: b"expected at most 200,000"}
    assert reasons.get(status, b"") in content


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1"])
def test_names_of_this_machine_are_served(server, host):
    assert ask(server, "GET", "/", Host=host)[0].status == 200


def test_an_upload_that_breaks_off_is_refused(server):
    address = ("127.0.0.1", server.server_port)
    with socket.create_connection(address) as connection:
        connection.sendall(
            b"POST /score HTTP/1.0\r\nHost: localhost\r\nContent-Length: 9\r\n"
            b"X-G2NPAN-Token: " + server.token.encode() + b"\r\n\r\nabc"
        )
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.makefile("rb").readline()


def test_one_image_is_scored_at_a_time_and_few_wait():
    busy, most, go = [], [], threading.Event()

    def slow(batch, maps):
        busy.append(1)
        most.append(len(busy))
        go.wait(30)
        busy.pop()
        return brightness(batch, maps)

    with page_server.running(slow) as server:
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(post(server, grey_png(51))[0])
            )
            for _ in range(MAX_REQUESTS + 2)
        ]
        for thread in threads:
            thread.start()
        while len(answers) < 2:
            threads[0].join(0.01)
        assert answers == [503, 503]
        go.set()
        for thread in threads:
            thread.join()
    assert sorted(answers) == [200] * MAX_REQUESTS + [503, 503]
    assert max(most) == 1


def test_a_large_upload_that_is_refused_hears_it():
    limits = Limits(max_bytes=2**26)
    with page_server.running(limits=limits) as server:
        for _ in range(MAX_REQUESTS):
            server.slots.acquire()
        assert post(server, bytes(2**25))[0] == 503


def test_a_defect_gives_its_place_free(capfd):
    def broken(batch, maps):
        raise ZeroDivisionError

    with page_server.running(broken, caution="") as server:
        for _ in range(MAX_REQUESTS + 1):
            with pytest.raises(http.client.RemoteDisconnected):
                post(server, grey_png(51))
        answer, content = ask(server, "GET", "/")
    assert answer.status == 200
    assert b'class="warning"' not in content
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_port_in_use_is_one_line(server):
    with pytest.raises(InputError, match=r"^--port=\d+: address already in"):
        PageServer(Assessor(brightness), {}, port=server.server_port)


def test_ctrl_c_ends_it_well(monkeypatch, capsys, tmp_path):
    opened = []

    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", stop)
    monkeypatch.setattr(server_module.webbrowser, "open", opened.append)
    model = tmp_path / "g2npan.tflite"
    code = server_module.serve(Assessor(brightness), model, open_browser=True)
    printed = capsys.readouterr().out.splitlines()
    assert code == 0
    assert re.fullmatch(
        r"open http://127\.0\.0\.1:\d+/ in a browser; Ctrl-C ends", printed[0]
    )
    assert printed[1:] == ["", "stopped"]
    assert opened == [printed[0].split()[1]]
