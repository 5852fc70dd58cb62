"""Asks a server by TF Serving's REST or gRPC interface (extra `serving`)."""

import base64
import dataclasses
import pathlib
import random
import ssl
import time
import urllib.parse
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from g2npan_tf.core import command
from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.assessor import FURTHER

SIGNATURE = "serving_default"
INPUT = "image_bytes"
OUTPUTS = ("mos", "quality", "status")
# Seconds before a second try, and at most before any.
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
# Usual port of each scheme; the last letter says whether TLS encrypts it.
_PORTS = {"http": 8501, "https": 443, "grpc": 8500, "grpcs": 8500}
# Too many requests, bad gateway, not available, gateway's timeout.
_BUSY_HTTP = (429, 502, 503, 504)
_BUSY_GRPC = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")
_LONGEST_MESSAGE = 300
# What reading JSON of another kind raises; the last if it is nested deeply.
_NO_ANSWER = (ValueError, KeyError, TypeError, RecursionError)
# The default, 4 MB, is less than a batch of images.
_ANY_SIZE = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


class Unavailable(Exception):
    """The server cannot answer now; the same request may succeed later."""


@dataclasses.dataclass(frozen=True)
class Server:
    """Which model of which server is asked, and how.

    Attributes:
        scheme: `http`, `https`, `grpc` or `grpcs`.
        host: Name or address.
        port: Its TCP port.
        model: Name of the model.
        version: Of the model; None takes the server's latest.
        timeout: Seconds for one try.
        authority: File of the root certificates to trust, PEM; empty takes
            those of the system (REST) or of grpcio (gRPC).
    """

    scheme: str
    host: str
    port: int
    model: str = "g2npan"
    version: int | None = None
    timeout: float = 30.0
    authority: str = ""

    @classmethod
    def parse(cls, url: str, **settings: Any) -> "Server":
        """Reads SCHEME://HOST[:PORT]; the settings are other attributes."""
        try:
            parts = urllib.parse.urlsplit(url)
            usual = _PORTS[parts.scheme]
            port = parts.port or usual
            if not parts.hostname or parts.path.strip("/") or parts.query:
                raise ValueError
        except (KeyError, ValueError) as error:
            raise InputError(
                f"--server={url}: expected http://HOST:PORT, https://, "
                "grpc:// or grpcs://"
            ) from error
        return cls(parts.scheme, parts.hostname, port, **settings)

    @property
    def is_secure(self) -> bool:
        """Whether TLS encrypts the connection."""
        return self.scheme.endswith("s")

    @property
    def address(self) -> str:
        """Host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        """For messages."""
        version = f" version {self.version}" if self.version else ""
        return f"{self.model}{version} at {self.address}"


@dataclasses.dataclass(frozen=True)
class Score:
    """What a server says of one image; none if the status is not 0.

    Attributes:
        mos: Predicted mean opinion score, 1..5.
        quality: The same on 0..1.
        status: A code of `export.serving.status`.
        further: Those of `assessor.FURTHER` that the server gives.
    """

    mos: float
    quality: float
    status: int
    further: Mapping[str, float] = dataclasses.field(default_factory=dict)


# Sends whole files; returns one score for each, in the same order. Raises
# `Unavailable`, or `InputError` if a new try would not help.
Predict = Callable[[Sequence[bytes]], list[Score]]


def connect(server: Server) -> Predict:
    """Makes the function that sends files to a server."""
    by_rest = server.scheme.startswith("http")
    try:
        return (_rest if by_rest else _grpc)(server)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{server.scheme}:// needs the package {error.name}: "
            "pip install '.[serving]'"
        ) from error
    except OSError as error:
        raise InputError(f"--ca={server.authority}: {error}") from error


def with_retries(call: Callable[[], list[Score]], tries: int) -> list[Score]:
    """Tries again while a server is not available, by either interface.

    The pauses double from `FIRST_WAIT`, up to `LONGEST_WAIT`, and are cut by
    up to a half at random, so that many clients do not come back at once.

    Raises:
        InputError: If the server was not available at the last try either.
    """
    for attempt in range(tries):
        try:
            return call()
        except Unavailable as error:
            if attempt + 1 == tries:
                raise InputError(f"{error} ({tries} tries)") from error
        pause = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
        time.sleep(pause * random.uniform(0.5, 1))
    raise ValueError(f"tries is at least 1. Received: {tries}")


def scores(
    server: Server, columns: Mapping[str, Any], count: int
) -> list[Score]:
    """Makes scores of the outputs of a server that nobody vouches for.

    Args:
        server: For the message.
        columns: Outputs by name.
        count: How many images were sent.

    Raises:
        InputError: If the outputs are not those of a scorer.
    """
    try:
        numbers = [
            _numbers(columns[name], kinds, count)
            for name, kinds in zip(OUTPUTS, ("iuf", "iuf", "iu"), strict=True)
        ]
        further = {
            name: _numbers(columns[name], "iuf", count)
            for name in FURTHER
            if name in columns
        }
        return [
            Score(mos, quality, status, {x: further[x][n] for x in further})
            for n, (mos, quality, status) in enumerate(
                zip(*numbers, strict=True)
            )
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{server}: expected outputs {', '.join(OUTPUTS)} of {count} images"
        ) from error


def _numbers(column: Any, kinds: str, count: int) -> list:
    """Reads one output; texts, truth values and nested lists are no numbers."""
    values = np.array(column)
    if values.shape != (count,) or values.dtype.kind not in kinds:
        raise ValueError
    return values.tolist()


def _rest(server: Server) -> Predict:
    """Asks by HTTP with JSON."""
    import requests

    session = requests.Session()
    # Else proxies and passwords of the environment would count.
    session.trust_env = False
    if server.is_secure:
        system = ssl.get_default_verify_paths()
        roots = server.authority or system.cafile or system.capath
        session.verify = roots or True
        # Fails here, not at the first request.
        ssl.create_default_context(cafile=server.authority or None)
    scheme = "https" if server.is_secure else "http"
    version = f"/versions/{server.version}" if server.version else ""
    path = f"v1/models/{server.model}{version}:predict"
    url = f"{scheme}://{server.address}/{path}"

    def predict(files: Sequence[bytes]) -> list[Score]:
        instances = [
            {INPUT: {"b64": base64.b64encode(data).decode()}} for data in files
        ]
        body: dict[str, Any] = {
            "signature_name": SIGNATURE,
            "instances": instances,
        }
        try:
            response = session.post(
                url, json=body, timeout=server.timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            cause = _cause(error)
            # A connection that breaks while it is made may be made later.
            final = "CERTIFICATE_VERIFY_FAILED" in cause
            raise (InputError if final else Unavailable)(
                f"{server}: {cause}"
            ) from error
        code = response.status_code
        if code != requests.codes.ok:
            message = f"{server}: HTTP {code}: {_said(response.content)}"
            raise (Unavailable if code in _BUSY_HTTP else InputError)(message)
        return scores(server, _columns(response.content), len(files))

    return predict


def _cause(error: Exception) -> str:
    """What went wrong, without what was tried how often."""
    inner = error.args[0] if error.args else error
    return str(getattr(inner, "reason", inner)) or type(error).__name__


def _said(answer: bytes) -> str:
    """What a server says is wrong, in JSON or otherwise."""
    text = answer.decode("utf-8", "replace")
    try:
        text = str(plain_json.parse(text)["error"])
    except _NO_ANSWER:
        pass
    return " ".join(text.split())[:_LONGEST_MESSAGE]


def _columns(answer: bytes) -> dict[str, list]:
    """The outputs of an answer in rows; none of an answer of another kind."""
    try:
        rows = plain_json.parse(answer)["predictions"]
        further = [x for x in FURTHER if rows and x in rows[0]]
        names = (*OUTPUTS, *further)
        return {name: [row[name] for row in rows] for name in names}
    except _NO_ANSWER:
        return {}


def _grpc(server: Server) -> Predict:
    """Asks by gRPC, whose connection is made when it is first used."""
    with command.quiet_stderr():
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2
        from tensorflow_serving.apis import prediction_service_pb2_grpc

    if server.is_secure:
        path = server.authority
        roots = pathlib.Path(path).read_bytes() if path else None
        channel = grpc.secure_channel(
            server.address, grpc.ssl_channel_credentials(roots), _ANY_SIZE
        )
    else:
        channel = grpc.insecure_channel(server.address, _ANY_SIZE)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def array(tensor: Any, count: int) -> Any:
        # Else one value might be spread over any shape that the server names.
        if [dim.size for dim in tensor.tensor_shape.dim] != [count]:
            return None
        try:
            return tf.make_ndarray(tensor)
        except (TypeError, ValueError):
            return None

    def predict(files: Sequence[bytes]) -> list[Score]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = server.model
        request.model_spec.signature_name = SIGNATURE
        if server.version:
            request.model_spec.version.value = server.version
        request.inputs[INPUT].CopyFrom(
            tf.make_tensor_proto(list(files), tf.string, [len(files)])
        )
        try:
            response = stub.Predict(request, timeout=server.timeout)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            message = f"{server}: {code}: {' '.join(details.split())}"
            raise (Unavailable if code in _BUSY_GRPC else InputError)(
                message
            ) from error
        columns = {
            name: array(tensor, len(files))
            for name, tensor in response.outputs.items()
            if name in (*OUTPUTS, *FURTHER)
        }
        return scores(server, columns, len(files))

    return predict
