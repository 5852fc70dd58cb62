"""Every server that the checks of serving may run against.

The stand-in always: it runs the SavedModel as TF Serving does, by the session
loader, and answers REST and gRPC requests on loopback with the same forms,
codes and errors. It proves the client and the shape of requests, not TF
Serving itself. `tensorflow_model_server` if it is on the PATH or
TF_SERVING_BINARY names it; a server that runs already if TF_SERVING_ADDRESS
is `host:grpc_port,host:rest_port,model` (the checks then compare its answers
with each other, since its scorer is not known here).
"""

import base64
import contextlib
import dataclasses
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from g2npan_tf.core import command
from tests.tiny import REPOSITORY

HTTP_CODES = {"NOT_FOUND": 404, "UNAVAILABLE": 503}
_PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict")
_SECONDS_TO_START = 120


@dataclasses.dataclass
class Address:
    """Where a server is: `host:port` of both interfaces, and its model."""

    grpc: str
    rest: str
    model: str


@contextlib.contextmanager
def running(kind, base, folder):
    """Starts a server of a kind, or skips the test with the reason.

    Args:
        kind: `stand-in`, `tensorflow_model_server` or `address`.
        base: Folder of a model's versions.
        folder: For what a server needs besides.
    """
    if kind == "stand-in":
        with StandIn(base) as server:
            yield server
    elif kind == "address":
        address = os.environ.get("TF_SERVING_ADDRESS")
        if not address:
            pytest.skip("TF_SERVING_ADDRESS names no server")
        yield Address(*address.split(","))
    else:
        binary = os.environ.get("TF_SERVING_BINARY") or shutil.which(kind)
        if not binary:
            pytest.skip(
                "no tensorflow_model_server on the PATH or in TF_SERVING_BINARY"
            )
        yield from _run_binary(binary, base, folder)


def _run_binary(binary, base, folder):
    """Runs TF Serving with the project's own configuration."""
    ports = [free_port(), free_port()]
    configs = REPOSITORY / "export" / "serving"
    models = (configs / "models.config").read_text()
    models = models.replace("/models/g2npan", str(base))
    (folder / "models.config").write_text(models)
    command = [
        binary,
        f"--port={ports[0]}",
        f"--rest_api_port={ports[1]}",
        f"--model_config_file={folder / 'models.config'}",
        f"--monitoring_config_file={configs / 'monitoring.config'}",
        "--enable_batching=true",
        f"--batching_parameters_file={configs / 'batching.config'}",
    ]
    log = pathlib.Path(folder, "log.txt")
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        address = Address(*(f"127.0.0.1:{port}" for port in ports), base.name)
        _wait(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait(address, process, log):
    """Waits until the model has been loaded."""
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection(address.rest, timeout=5)
            connection.request("GET", f"/v1/models/{address.model}/metadata")
            if connection.getresponse().status == http.client.OK:
                return
        time.sleep(0.5)
    pytest.fail(f"TF Serving did not start:\n{log.read_text()[-2000:]}")


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ServingError(Exception):
    """An answer that is none: a gRPC code and a message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Servable:
    """One version of a model in a session."""

    def __init__(self, folder):
        with tf.Graph().as_default(), command.quiet_stderr():
            self._session = tf.compat.v1.Session()
            model = tf.compat.v1.saved_model.loader.load(
                self._session, [tf.saved_model.SERVING], str(folder)
            )
        self.signatures = model.signature_def

    def predict(self, name, inputs):
        """Runs a signature; the inputs are arrays by name."""
        signature = self.signatures[name]
        feeds = {signature.inputs[key].name: x for key, x in inputs.items()}
        fetches = {key: x.name for key, x in signature.outputs.items()}
        return self._session.run(fetches, feeds)


class StandIn:
    """Serves every version in a folder, as `<base>/<name>/<version>`.

    Attributes:
        rest, grpc, model: As of `Address`.
        sizes: Number of images in every request that was answered.
        num_failures: So many requests to come are answered UNAVAILABLE.
    """

    def __init__(self, base, certificate=None):
        self.model = base.name
        self._versions = {
            int(path.name): Servable(path) for path in base.iterdir()
        }
        self.sizes = []
        self.num_failures = 0
        self._http = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"stand_in": self})
        )
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(2),
            options=[("grpc.max_receive_message_length", -1)],
        )
        if certificate:
            certificate.wrap(self._http)
            port = self._grpc.add_secure_port("127.0.0.1:0", certificate.grpc())
        else:
            port = self._grpc.add_insecure_port("127.0.0.1:0")
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Servicer(self), self._grpc
        )
        self.rest = f"127.0.0.1:{self._http.server_port}"
        self.grpc = f"127.0.0.1:{port}"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self._grpc.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(None).wait()

    def servable(self, name, version):
        """The version that is asked for, or the latest."""
        found = self._versions.get(version or max(self._versions))
        if name != self.model or found is None:
            raise ServingError(
                "NOT_FOUND", f"Servable not found for request: {name} {version}"
            )
        return found

    def predict(self, name, version, signature, inputs):
        """Answers a request of either interface."""
        if self.num_failures:
            self.num_failures -= 1
            raise ServingError(
                "UNAVAILABLE", "The batch scheduling queue is full"
            )
        outputs = self.servable(name, version).predict(signature, inputs)
        self.sizes.append(len(next(iter(inputs.values()))))
        return outputs


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC interface."""

    def __init__(self, stand_in):
        self._stand_in = stand_in

    def Predict(self, request, context):
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        inputs = {n: tf.make_ndarray(x) for n, x in request.inputs.items()}
        try:
            outputs = self._stand_in.predict(
                spec.name, version, spec.signature_name, inputs
            )
        except ServingError as error:
            context.abort(grpc.StatusCode[error.code], str(error))
        response = predict_pb2.PredictResponse()
        for name, values in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(values))
        return response


class _Handler(http.server.BaseHTTPRequestHandler):
    """The REST interface."""

    stand_in: StandIn

    def log_message(self, *_):
        """Says nothing."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name, version = _PATH.fullmatch(self.path).groups()
        try:
            code = 200
            content = self._predict(name, version and int(version), body)
        except ServingError as error:
            code, content = HTTP_CODES[error.code], {"error": str(error)}
        data = json.dumps(content, allow_nan=False).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _predict(self, name, version, body):
        request = json.loads(body)
        rows, signature = request["instances"], request["signature_name"]
        # As the server does, before the request counts as one.
        servable = self.stand_in.servable(name, version)
        inputs = _columns(rows, servable.signatures[signature])
        outputs = self.stand_in.predict(name, version, signature, inputs)
        columns = {key: _json(key, values) for key, values in outputs.items()}
        return {
            "predictions": [
                {key: values[row] for key, values in columns.items()}
                for row in range(len(rows))
            ]
        }


def _columns(rows, signature):
    """Inputs of a request in rows; one name may be left out."""
    (only,) = signature.inputs
    kind = tf.as_dtype(signature.inputs[only].dtype)
    values = [
        row[only] if isinstance(row, dict) and only in row else row
        for row in rows
    ]
    if kind == tf.string:
        values = [base64.b64decode(value["b64"]) for value in values]
    as_numpy = object if kind == tf.string else kind.as_numpy_dtype
    return {only: np.array(values, as_numpy)}


def _json(name, values):
    """Bytes in base 64 if the name says so."""
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(x).decode()} for x in values]
    return values.tolist()


class Certificate:
    """Signed by itself, for `localhost` and 127.0.0.1; `path` is its PEM."""

    def __init__(self, folder):
        if not shutil.which("openssl"):
            pytest.skip("no openssl command to make a certificate with")
        self.path = folder / "certificate.pem"
        self._key = folder / "key.pem"
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1".split()
        command += ["-subj", "/CN=localhost", "-addext", names]
        command += ["-keyout", self._key, "-out", self.path]
        subprocess.run(command, check=True, capture_output=True)

    def wrap(self, server):
        """Encrypts an HTTP server's connections."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self._key)
        server.socket = context.wrap_socket(server.socket, server_side=True)

    def grpc(self):
        """The credentials of a gRPC server."""
        pair = (self._key.read_bytes(), self.path.read_bytes())
        return grpc.ssl_server_credentials([pair])
