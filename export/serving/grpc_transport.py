"""Asks a server by TF Serving's gRPC interface (extra `serving`)."""

import pathlib
from collections.abc import Sequence
from typing import Any

from export.serving import request as serving_request
from export.serving.request import Predict
from export.serving.request import Score
from export.serving.request import Server
from export.serving.request import Unavailable
from g2npan_tf.core import command
from g2npan_tf.core.errors import InputError

_TRY_AGAIN = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")
# The default, 4 MB, is less than a batch of images.
_ANY_SIZE = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


def connect(server: Server) -> Predict:
    """Makes the function that sends images.

    Args:
        server: Which model is asked.

    Returns:
        The function; it raises `Unavailable`, or `InputError` if a new try
        would not help.

    Raises:
        InputError: If the packages of gRPC are missing, or the file of
            certificates cannot be read.
    """
    try:
        with command.quiet_stderr():
            import grpc
            import tensorflow as tf
            from tensorflow_serving.apis import predict_pb2
            from tensorflow_serving.apis import prediction_service_pb2_grpc
    except ModuleNotFoundError as error:
        raise InputError(
            f"gRPC needs the package {error.name}: pip install '.[serving]', "
            "or take --server=http://..."
        ) from error
    stub = prediction_service_pb2_grpc.PredictionServiceStub(
        _channel(grpc, server)
    )

    def predict(files: Sequence[bytes]) -> list[Score]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = server.model
        request.model_spec.signature_name = serving_request.SIGNATURE
        if server.version:
            request.model_spec.version.value = server.version
        request.inputs[serving_request.INPUT].CopyFrom(
            tf.make_tensor_proto(list(files), tf.string, [len(files)])
        )
        try:
            response = stub.Predict(request, timeout=server.timeout)
        except grpc.RpcError as error:
            raise _translated(server, error) from error
        columns = {
            name: _array(tf, tensor, len(files))
            for name, tensor in response.outputs.items()
            if name in serving_request.OUTPUTS
        }
        return serving_request.scores(server, columns, len(files))

    return predict


def _array(tf: Any, tensor: Any, count: int) -> Any:
    """Decodes an output; None if it is not one value for each file."""
    # Else one value might be spread over any shape that the server names.
    if [dim.size for dim in tensor.tensor_shape.dim] != [count]:
        return None
    try:
        return tf.make_ndarray(tensor)
    except (TypeError, ValueError):
        return None


def _channel(grpc: Any, server: Server) -> Any:
    """Opens the connection, which is made when it is first used."""
    address = f"{server.host}:{server.port}"
    if not server.secure:
        return grpc.insecure_channel(address, options=_ANY_SIZE)
    roots = None
    if server.authority:
        try:
            roots = pathlib.Path(server.authority).read_bytes()
        except OSError as error:
            raise InputError(
                f"--ca={server.authority}: {error.strerror}"
            ) from error
    credentials = grpc.ssl_channel_credentials(roots)
    return grpc.secure_channel(address, credentials, options=_ANY_SIZE)


def _translated(server: Server, error: Any) -> Exception:
    """Tells what may be tried again from what may not."""
    code = error.code().name
    message = f"{server}: {code}: {' '.join((error.details() or '').split())}"
    return (Unavailable if code in _TRY_AGAIN else InputError)(message)
