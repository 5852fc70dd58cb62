"""Scores images by a server that runs an exported SavedModel (TF Serving).

Usage: python -m export.serving_client --server=URL PATH...

URL is http://host:8501 or https://host (REST), grpc://host:8500 or
grpcs://host:8500 (gRPC, encrypted; pip install .[serving]). Paths and rows are
those of g2npan-score, but the files are sent as they are and decoded by the
server: PNG, JPEG and BMP. Exit code: 0 if every image was scored, 1 if some
were not, 2 if nothing could be done or the server failed for good.
"""

import dataclasses
import urllib.parse
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from absl import flags

from export.serving import grpc_transport
from export.serving import rest
from export.serving.request import Server
from export.serving.rows import score_files
from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import HIGHEST
from g2npan_tf.scoring import score

# Scheme: transport, encrypted, port.
_SCHEMES = {
    "http": (rest.connect, False, 8501),
    "https": (rest.connect, True, 443),
    "grpc": (grpc_transport.connect, False, 8500),
    "grpcs": (grpc_transport.connect, True, 8500),
}


def parse_server(url: str) -> Server:
    """Reads the address of a server.

    Args:
        url: Scheme, host and port; the port may be left out.

    Returns:
        The server, with the other settings at their defaults.

    Raises:
        InputError: If it is not such an address.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        _, secure, port = _SCHEMES[parts.scheme]
        if not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError
        return Server(parts.hostname, parts.port or port, secure)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"--server={url}: expected http://HOST:PORT, https://, grpc:// "
            "or grpcs://"
        ) from error


def client_command(
    url: str,
    arguments: Sequence[str],
    *,
    settings: Mapping[str, Any] | None = None,
    file_format: str = "table",
    output: str = "",
    follow_links: bool = False,
    batch_size: int = 16,
    tries: int = 5,
) -> int:
    """Does what the command does; see the help of its flags.

    Args:
        url: For `parse_server`.
        arguments: Paths, as for g2npan-score.
        settings: Other attributes of `Server`.
        file_format: Of `scoring.rows.WRITERS`.
        output: File to write instead of printing.
        follow_links: As for g2npan-score.
        batch_size: Images in a request.
        tries: Of one request.

    Returns:
        0 if every image was scored, else 1.

    Raises:
        InputError: If nothing can be done, or the server fails for good.
    """
    server = dataclasses.replace(parse_server(url), **settings or {})
    found = score.find(arguments, follow_links)
    outputs.check(
        {"output": [output] if output else []},
        [*found.paths, *found.lists, server.authority],
    )
    predict = _SCHEMES[url.partition(":")[0]][0](server)
    with score.opened(output) as stream:
        rows = score_files(predict, found.paths, batch_size, tries)
        return score.write(rows, file_format, stream)


def main(argv: list[str]) -> int:
    """Scores what the command line names."""
    values = flags.FLAGS
    if not values.server:
        raise InputError("--server=URL is missing (--help says more)")
    return client_command(
        values.server,
        argv[1:],
        settings={
            "model": values.model,
            "version": values.version,
            "timeout": values.timeout,
            "authority": values.ca,
        },
        file_format=values.format,
        output=values.output,
        follow_links=values.follow_links,
        batch_size=values.batch_size,
        tries=values.retries + 1,
    )


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_string("server", "", "Where the model is served. Required.")
    flags.DEFINE_string("model", "g2npan", "Name of the model.")
    flags.DEFINE_integer(
        "version", None, "Of the model. Default: the latest.", 1, 2**63 - 1
    )
    score.define_output_flags()
    flags.DEFINE_integer(
        "batch_size",
        16,
        "Images in a request; TF Serving takes at most max_batch_size.",
        1,
        HIGHEST["batch_size"],
    )
    flags.DEFINE_float("timeout", 30, "Seconds for one try.", 0.001, 86400)
    flags.DEFINE_integer(
        "retries",
        4,
        "More tries while the server is not available, with growing pauses.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "ca", "", "Root certificates to trust (PEM), for https:// and grpcs://."
    )


if __name__ == "__main__":
    define_flags()
    command.run(main)
