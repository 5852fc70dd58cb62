"""REST and gRPC alike: encryption, waiting, failures. See also _server."""

import contextlib
import dataclasses
import http.server
import math
import socket
import threading

import pytest

from export.serving import grpc_transport
from export.serving import rest
from export.serving.request import Unavailable
from export.serving_client import parse_server
from g2npan_tf.core.errors import InputError
from tests.certificate import Certificate
from tests.image_files import GOOD
from tests.serving_stand_in import StandIn

CONNECT = {"http": rest.connect, "grpc": grpc_transport.connect}
SCHEMES = pytest.mark.parametrize("scheme", CONNECT)
FILES = [GOOD["PNG RGB"]]
DEEP = b'{"predictions": ' + b"[" * 200_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def secure(served_model, certificate):
    with StandIn(served_model, certificate) as server:
        yield server


def connect(scheme, address, **settings):
    server = parse_server(f"{scheme}://{address}")
    kind = scheme.removesuffix("s")
    return CONNECT[kind](dataclasses.replace(server, **settings))


@SCHEMES
def test_a_trusted_certificate_is_taken(secure, certificate, scheme):
    address = secure.grpc if scheme == "grpc" else secure.rest
    trusting = {"authority": str(certificate.path)}
    (score,) = connect(f"{scheme}s", address, **trusting)(FILES)
    assert score.status == 0


@SCHEMES
def test_an_unknown_certificate_is_refused(secure, scheme):
    address = secure.grpc if scheme == "grpc" else secure.rest
    with pytest.raises(
        (InputError, Unavailable), match=r"(?i)certificate|handshake|connect"
    ):
        connect(f"{scheme}s", address, timeout=5)(FILES)


@SCHEMES
def test_a_missing_file_of_certificates_is_one_line(scheme, tmp_path):
    path = str(tmp_path / "missing.pem")
    with pytest.raises(InputError, match=r"--ca=.*missing.pem: "):
        connect(f"{scheme}s", "127.0.0.1:1", authority=path)


@SCHEMES
def test_nobody_at_the_port_may_be_tried_again(scheme):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable, match=f"g2npan at 127.0.0.1:{port}: "):
        connect(scheme, f"127.0.0.1:{port}", timeout=5)(FILES)


@SCHEMES
def test_a_server_that_is_silent_is_not_waited_for_long(scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match=r"timed out|DEADLINE"):
            connect(scheme, address, timeout=0.3)(FILES)


@contextlib.contextmanager
def answering(code, body):
    """An HTTP server that always says the same."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_codes_that_pass_by_may_be_tried_again(code):
    with answering(code, b"busy\nnow") as address:
        with pytest.raises(Unavailable, match=f"HTTP {code}: busy now"):
            connect("http", address)(FILES)


@pytest.mark.parametrize("code", [400, 401, 404, 413, 500])
def test_other_codes_are_final(code):
    with answering(code, b'{"error": "not\\nthis"}') as address:
        with pytest.raises(InputError, match=f"HTTP {code}: not this$"):
            connect("http", address)(FILES)


def test_an_answer_may_hold_nan():
    body = b'{"predictions": [{"mos": NaN, "quality": 0.5, "status": 0}]}'
    with answering(200, body) as address:
        (score,) = connect("http", address)(FILES)
    assert math.isnan(score.mos)


def test_an_error_that_is_nested_deeply_is_one_line():
    with answering(500, DEEP) as address:
        with pytest.raises(InputError, match="HTTP 500: ") as caught:
            connect("http", address)(FILES)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"predictions": [1]}',
        b'{"predictions": []}',
        b'{"predictions": "3"}',
        b'{"predictions": [{"mos": "3", "quality": "0.5", "status": "0"}]}',
        DEEP,
    ],
)
def test_an_answer_that_is_none_is_final(body):
    with answering(200, body) as address:
        with pytest.raises(InputError, match="expected outputs"):
            connect("http", address)(FILES)
