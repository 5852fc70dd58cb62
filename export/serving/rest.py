"""Asks a server by TF Serving's REST interface, with the standard library."""

import base64
import http.client
import json
import ssl
from collections.abc import Sequence
from typing import Any

from export.serving import request as serving_request
from export.serving.request import Predict
from export.serving.request import Score
from export.serving.request import Server
from export.serving.request import Unavailable
from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError

# Too many requests, bad gateway, not available, gateway's timeout.
_TRY_AGAIN = (429, 502, 503, 504)
_LONGEST_MESSAGE = 300
# What reading JSON of another kind raises; the last if it is nested deeply.
_NO_ANSWER = (ValueError, KeyError, TypeError, RecursionError)


def connect(server: Server) -> Predict:
    """Makes the function that sends images.

    Args:
        server: Which model is asked.

    Returns:
        The function; it raises `Unavailable`, or `InputError` if a new try
        would not help.

    Raises:
        InputError: If the file of certificates cannot be used.
    """
    context = _context(server) if server.secure else None
    version = f"/versions/{server.version}" if server.version else ""
    path = f"/v1/models/{server.model}{version}:predict"

    def predict(files: Sequence[bytes]) -> list[Score]:
        instances = [
            {serving_request.INPUT: {"b64": base64.b64encode(data).decode()}}
            for data in files
        ]
        request = {
            "signature_name": serving_request.SIGNATURE,
            "instances": instances,
        }
        body = json.dumps(request).encode()
        answer = _post(server, context, path, body)
        return _parse(server, answer, len(files))

    return predict


def _context(server: Server) -> ssl.SSLContext:
    """The certificates to trust."""
    try:
        return ssl.create_default_context(cafile=server.authority or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"--ca={server.authority}: {error}") from error


def _post(
    server: Server, context: ssl.SSLContext | None, path: str, body: bytes
) -> bytes:
    """Sends one request on a connection of its own."""
    connection = (
        http.client.HTTPSConnection(
            server.host, server.port, timeout=server.timeout, context=context
        )
        if context
        else http.client.HTTPConnection(
            server.host, server.port, timeout=server.timeout
        )
    )
    headers = {"Content-Type": "application/json"}
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    except ssl.SSLCertVerificationError as error:
        raise InputError(f"{server}: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"{server}: {reason}") from error
    finally:
        connection.close()
    if response.status == http.client.OK:
        return answer
    message = f"{server}: HTTP {response.status}: {_error(answer)}"
    if response.status in _TRY_AGAIN:
        raise Unavailable(message)
    raise InputError(message)


def _error(answer: bytes) -> str:
    """What a server says is wrong, in JSON or otherwise."""
    text = answer.decode("utf-8", "replace")
    try:
        text = str(plain_json.parse(text)["error"])
    except _NO_ANSWER:
        pass
    return " ".join(text.split())[:_LONGEST_MESSAGE]


def _parse(server: Server, answer: bytes, count: int) -> list[Score]:
    """Reads the rows of an answer."""
    try:
        rows: list[dict[str, Any]] = plain_json.parse(answer)["predictions"]
        columns = {
            name: [row[name] for row in rows]
            for name in serving_request.OUTPUTS
        }
    except _NO_ANSWER:
        columns = {}
    return serving_request.scores(server, columns, count)
