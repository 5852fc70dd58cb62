"""REST and gRPC alike: encryption, waiting, failures. See also test_server."""

import contextlib
import http.server
import math
import socket
import sys
import threading

import pytest

from export.serving import transport
from export.serving.transport import Score
from export.serving.transport import Server
from export.serving.transport import Unavailable
from export.serving.transport import with_retries
from g2npan_tf.core.errors import InputError
from tests.image_files import GOOD
from tests.serving_servers import Certificate
from tests.serving_servers import StandIn
from tests.serving_servers import free_port

SERVER = Server("http", "there", 8501)
SCHEMES = pytest.mark.parametrize("scheme", ["http", "grpc"])
FILES = [GOOD["PNG RGB"]]
DEEP = b'{"predictions": ' + b"[" * 200_000


@pytest.mark.parametrize(
    ("url", "expected", "name"),
    [
        ("http://there", SERVER, "there:8501"),
        ("https://there/", Server("https", "there", 443), "there:443"),
        ("grpc://10.0.0.1:9", Server("grpc", "10.0.0.1", 9), "10.0.0.1:9"),
        ("grpcs://[::1]", Server("grpcs", "::1", 8500), "[::1]:8500"),
    ],
)
def test_addresses(url, expected, name):
    assert Server.parse(url) == expected
    assert str(expected) == f"g2npan at {name}"
    chosen = Server.parse(url, model="m", version=3)
    assert str(chosen) == f"m version 3 at {name}"


@pytest.mark.parametrize(
    "url",
    [
        *("there:8501", "ftp://there", "htps://there:443"),
        *("http://", "http://x/v1", "http://x:y"),
    ],
)
def test_other_addresses_are_one_line(url):
    with pytest.raises(InputError, match=r"^--server=.*: expected http://HOST"):
        Server.parse(url)


def failing(times):
    """Answers after so many failures."""
    left = [Unavailable(f"there: failure {n}") for n in range(times)]

    def call():
        if left:
            raise left.pop()
        return "answer"

    return call


@pytest.fixture
def pauses(monkeypatch):
    """Seconds that were waited for."""
    waited = []
    monkeypatch.setattr(transport.time, "sleep", waited.append)
    return waited


def test_it_is_tried_again_with_pauses_that_double_and_differ(pauses):
    assert with_retries(failing(9), 10) == "answer"
    first = pauses.copy()
    longest = [min(0.5 * 2**n, 30) for n in range(9)]
    for pause, most in zip(first, longest, strict=True):
        assert most / 2 <= pause <= most
    with_retries(failing(9), 10)
    assert pauses[9:] != first
    assert with_retries(failing(0), 1) == "answer"
    assert len(pauses) == 18


def test_the_last_failure_is_told(pauses):
    with pytest.raises(InputError, match=r"^there: failure 2 \(3 tries\)$"):
        with_retries(failing(5), 3)
    assert len(pauses) == 2


def test_what_a_new_try_would_not_help_is_raised_at_once(pauses):
    def refuse():
        raise InputError("no such model")

    with pytest.raises(InputError, match="no such model"):
        with_retries(refuse, 5)
    assert pauses == []


def test_scores_are_rows_of_the_outputs():
    columns = {"mos": [2, 1], "quality": [0.25, 0], "status": [0, 3], "x": []}
    assert transport.scores(SERVER, columns, 2) == [
        Score(2.0, 0.25, 0),
        Score(1.0, 0.0, 3),
    ]
    columns |= {"mos_low": [1.5, 1], "mos_high": [2.5, 5]}
    assert transport.scores(SERVER, columns, 2) == [
        Score(2.0, 0.25, 0, {"mos_low": 1.5, "mos_high": 2.5}),
        Score(1.0, 0.0, 3, {"mos_low": 1, "mos_high": 5}),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        *({"mos": x} for x in ([1], [1, "x"], None, ["1", "2"], [b"1", b"2"])),
        *({"mos": x} for x in ([1, 10**400], [[1], [2]], [[1], 2])),
        *({"status": x} for x in (None, [0.5, 0], [True, False])),
        {"quality": [0, None]},
        {"mos_low": [1, "x"]},
    ],
)
def test_answers_of_another_kind_of_model_are_refused(changed):
    columns = {"mos": [1, 2], "quality": [0, 0], "status": [0, 0]} | changed
    with pytest.raises(InputError, match="expected outputs mos, quality"):
        transport.scores(SERVER, columns, 2)
    del columns["mos"]
    with pytest.raises(InputError, match="expected outputs mos, quality"):
        transport.scores(SERVER, columns, 2)


@pytest.mark.parametrize(
    ("scheme", "package"), [("http", "requests"), ("grpc", "grpc")]
)
def test_without_its_packages_it_says_what_to_install(
    monkeypatch, scheme, package
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=f"package {package}: pip .*serving"):
        transport.connect(Server(scheme, "127.0.0.1", 8500))


def connect(scheme, address, **settings):
    if isinstance(address, StandIn):
        is_rest = scheme.startswith("http")
        address = address.rest if is_rest else address.grpc
    return transport.connect(Server.parse(f"{scheme}://{address}", **settings))


def test_a_batch_larger_than_4_mb_is_sent(served_model):
    with StandIn(served_model) as server:
        predict = connect("grpc", server)
        padded = GOOD["BMP RGB"] + bytes(5 * 2**20)
        (score,) = predict([padded])
        assert score.status == 0
        server.num_failures = 1
        with pytest.raises(Unavailable, match="UNAVAILABLE: The batch"):
            predict([padded])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def secure(served_model, certificate):
    with StandIn(served_model, certificate) as server:
        yield server


@SCHEMES
def test_a_trusted_certificate_is_taken(secure, certificate, scheme):
    trusting = {"authority": str(certificate.path)}
    (score,) = connect(f"{scheme}s", secure, **trusting)(FILES)
    assert score.status == 0


@SCHEMES
def test_an_unknown_certificate_is_refused(secure, scheme):
    # gRPC says no more than that there is no connection.
    kind = InputError if scheme == "http" else Unavailable
    with pytest.raises(kind, match=r"(?i)certificate|handshake|connect"):
        connect(f"{scheme}s", secure, timeout=5)(FILES)


@pytest.mark.parametrize(
    ("scheme", "name"),
    [("http", "missing.pem"), ("grpc", "missing.pem"), ("http", "text.pem")],
)
def test_a_file_without_certificates_is_one_line(scheme, name, tmp_path):
    (tmp_path / "text.pem").write_text("text")
    path = str(tmp_path / name)
    with pytest.raises(InputError, match=f"--ca=.*{name}: "):
        connect(f"{scheme}s", "127.0.0.1:1", authority=path)


@SCHEMES
def test_nobody_at_the_port_may_be_tried_again(scheme):
    port = free_port()
    with pytest.raises(Unavailable, match=f"g2npan at 127.0.0.1:{port}: "):
        connect(scheme, f"127.0.0.1:{port}", timeout=5)(FILES)


@SCHEMES
def test_a_server_that_is_silent_is_not_waited_for_long(scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match=r"timed out|DEADLINE"):
            connect(scheme, address, timeout=0.3)(FILES)


def test_a_handshake_that_breaks_off_may_be_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            client, _ = server.accept()
            client.recv(2**16)
            client.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(Unavailable, match="EOF"):
            connect("https", f"127.0.0.1:{server.getsockname()[1]}")(FILES)
        thread.join()


@contextlib.contextmanager
def answering(code, body):
    """An HTTP server that always says the same; a function that asks it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(code)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield connect("http", f"127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_codes_that_pass_by_may_be_tried_again(code):
    with answering(code, b"busy\nnow") as predict:
        with pytest.raises(Unavailable, match=f"HTTP {code}: busy now"):
            predict(FILES)


@pytest.mark.parametrize("code", [302, 400, 401, 404, 413, 500])
def test_other_codes_are_final(code):
    with answering(code, b'{"error": "not\\nthis"}') as predict:
        with pytest.raises(InputError, match=f"HTTP {code}: not this$"):
            predict(FILES)


def test_neither_proxies_nor_passwords_of_the_environment_count(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    body = b'{"predictions": [{"mos": NaN, "quality": 0.5, "status": 0}]}'
    with answering(200, body) as predict:
        (score,) = predict(FILES)
    # An answer may hold NaN; see test_rows.
    assert math.isnan(score.mos)


def test_an_error_that_is_nested_deeply_is_one_line():
    with answering(500, DEEP) as predict:
        with pytest.raises(InputError, match="HTTP 500: ") as caught:
            predict(FILES)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"[]", DEEP, b'{"predictions": [1]}'),
        *(b'{"predictions": []}', b'{"predictions": "3"}'),
        b'{"predictions": [{"mos": "3", "quality": "0.5", "status": "0"}]}',
    ],
)
def test_an_answer_that_is_none_is_final(body):
    with answering(200, body) as predict:
        with pytest.raises(InputError, match="expected outputs"):
            predict(FILES)
