"""A certificate for this machine alone, made anew for each test."""

import shutil
import ssl
import subprocess

import grpc
import pytest


class Certificate:
    """Signed by itself, for `localhost` and 127.0.0.1.

    Attributes:
        path: The certificate (PEM), which a client may trust.
    """

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
