"""A small server that keeps to TF Serving's contract, for want of a real one.

It runs the SavedModel as TF Serving does, by the session loader, and answers
REST and gRPC requests on loopback with the same forms, codes and errors. It
proves the client and the shape of requests, not TF Serving itself.
"""

import base64
import http.server
import json
import re
import threading
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from g2npan_tf.core import command

HTTP_CODES = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "UNAVAILABLE": 503}
_PATH = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+))?(:predict|/metadata)?"
)


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
        """Runs a signature; the inputs are arrays or lists by name."""
        signature = self.signature(name)
        if set(inputs) != set(signature.inputs):
            raise ServingError(
                "INVALID_ARGUMENT",
                f"input size does not match signature: {sorted(inputs)} != "
                f"{sorted(signature.inputs)}",
            )
        feeds = {signature.inputs[key].name: x for key, x in inputs.items()}
        fetches = {key: x.name for key, x in signature.outputs.items()}
        try:
            return self._session.run(fetches, feeds)
        except (tf.errors.InvalidArgumentError, ValueError) as error:
            raise ServingError("INVALID_ARGUMENT", str(error)) from error

    def signature(self, name):
        """The signature of a name; the default one for none."""
        name = name or "serving_default"
        if name not in self.signatures:
            raise ServingError(
                "INVALID_ARGUMENT",
                f'Serving signature name: "{name}" not found in signature def',
            )
        return self.signatures[name]


class StandIn:
    """Serves every version in a folder, as `<base>/<name>/<version>`.

    Attributes:
        rest: `host:port` of the REST interface.
        grpc: `host:port` of the gRPC interface.
        model: Name of the model.
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
            asked = (
                f"Specific({name}, {version})" if version else f"Latest({name})"
            )
            raise ServingError(
                "NOT_FOUND", f"Servable not found for request: {asked}"
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

    def versions(self, name, version):
        """What the status interface says."""
        self.servable(name, version)
        return [
            {
                "version": str(number),
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
            for number in sorted(self._versions, reverse=True)
            if version in (None, number)
        ]


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC interface."""

    def __init__(self, stand_in):
        self._stand_in = stand_in

    def Predict(self, request, context):
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        try:
            outputs = self._stand_in.predict(
                spec.name,
                version,
                spec.signature_name,
                {
                    name: tf.make_ndarray(x)
                    for name, x in request.inputs.items()
                },
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

    def do_GET(self):
        self._answer(self._status)

    def do_POST(self):
        self._answer(self._predict)

    def _answer(self, function):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            match = _PATH.fullmatch(self.path)
            if not match:
                raise ServingError(
                    "INVALID_ARGUMENT", f"Malformed request: {self.path}"
                )
            name, version, kind = match.groups()
            code = 200
            content = function(name, version and int(version), kind, body)
        except ServingError as error:
            code, content = HTTP_CODES[error.code], {"error": str(error)}
        data = json.dumps(content, allow_nan=False).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _status(self, name, version, kind, body):
        if kind == "/metadata":
            servable = self.stand_in.servable(name, version)
            return {"metadata": {"signature_def": sorted(servable.signatures)}}
        return {"model_version_status": self.stand_in.versions(name, version)}

    def _predict(self, name, version, kind, body):
        try:
            request = json.loads(body)
            rows = request["instances"]
        except (ValueError, KeyError, TypeError) as error:
            raise ServingError(
                "INVALID_ARGUMENT", f"JSON Parse error: {error}"
            ) from error
        signature = request.get("signature_name")
        # As the server does, before the request counts as one.
        servable = self.stand_in.servable(name, version)
        inputs = _columns(rows, servable.signature(signature))
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
    values = []
    for row in rows:
        if isinstance(row, dict) and set(row) != {"b64"}:
            if set(row) != {only}:
                raise ServingError("INVALID_ARGUMENT", f"missing input: {only}")
            row = row[only]
        values.append(
            base64.b64decode(row["b64"]) if isinstance(row, dict) else row
        )
    if kind == tf.string:
        return {only: np.array(values, object)}
    return {only: np.array(values, kind.as_numpy_dtype)}


def _json(name, values):
    """Bytes in base 64 if the name says so."""
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(x).decode()} for x in values]
    return values.tolist()
