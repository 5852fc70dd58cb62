"""Every server that the checks of serving may run against.

The stand-in always; `tensorflow_model_server` if it is on the PATH or
TF_SERVING_BINARY names it; a server that runs already if TF_SERVING_ADDRESS
is `host:grpc_port,host:rest_port,model` (the checks then compare its answers
with each other, since its scorer is not known here).
"""

import contextlib
import dataclasses
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from tests.serving_stand_in import StandIn
from tests.tiny import REPOSITORY

_SECONDS_TO_START = 120


@dataclasses.dataclass
class Address:
    """Where a server is; see `StandIn`."""

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
    ports = [_free_port(), _free_port()]
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


def _free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
