"""Serves the page to this machine's browsers, and to nobody else."""

import dataclasses
import hmac
import json
import os
import secrets
import sys
import threading
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

from g2npan_tf.core import mos
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.page import upload

ADDRESS = "127.0.0.1"
TOKEN_HEADER = "X-G2NPAN-Token"
SCORE_PATH = "/score"
# Uploads in memory at once: one is scored, the others wait.
MAX_REQUESTS = 4
# What a client may be silent for, in seconds.
_SILENCE = 30
# Bytes of an upload that is not kept, at once.
_PART = 2**16
# Our script, our style, and leave to talk to our own server.
_OURS: dict[str, Any] = {
    "scripts": ["scoring/page/app.js"],
    "styles": ["scoring/page/app.css"],
    "allow": {"connect-src": "'self'"},
}
_POLICY = f"{page.policy(**_OURS)}; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def serve(
    assessor: Assessor,
    model: str | os.PathLike,
    *,
    port: int = 0,
    open_browser: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> int:
    """Serves the page of a model until Ctrl-C, which is how it ends: 0."""
    facts = model_facts.read(model)
    server = PageServer(
        assessor,
        model_facts.describe(model, facts),
        caution=model_facts.caution(facts),
        port=port,
        limits=limits,
    )
    with server:
        print(f"open {server.url} in a browser; Ctrl-C ends", flush=True)
        try:
            if open_browser:
                webbrowser.open(server.url)
            server.serve_forever()
        except KeyboardInterrupt:
            # Behind the terminal's ^C.
            print("\nstopped")
    return 0


class PageServer(ThreadingHTTPServer):
    """Scores what the page sends, one image after the other.

    Nothing is read from disk for a request and nothing is written. A page of
    another origin cannot use it: it cannot read the token that every upload
    must bear, nor come by a name of its own that leads to this machine.
    """

    daemon_threads = True

    def __init__(
        self,
        assessor: Assessor,
        facts: dict[str, str],
        *,
        caution: str = "",
        limits: Limits = DEFAULT_LIMITS,
        port: int = 0,
    ):
        """Opens a port of this machine's loopback; 0 takes a free one.

        `facts` and `caution` are what the page says of the model, `limits`
        what is accepted of one upload. A port that is taken or not allowed
        is an `InputError`.
        """
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"--port={port}: {reason}".lower()) from error
        self.url = f"http://{ADDRESS}:{self.server_port}/"
        self.limits = limits
        self.token = secrets.token_urlsafe(32)
        self.page = _document(facts, self.token, limits, caution).encode()
        self.slots = threading.BoundedSemaphore(MAX_REQUESTS)
        self._assessor = assessor
        # Decoders are not made for several threads.
        self._one_at_a_time = threading.Lock()

    def score(self, data: bytes) -> list[upload.UploadRow]:
        """Scores the images of one upload."""
        with self._one_at_a_time:
            return upload.score(self._assessor, data, self.limits)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of browsers that went away; anything else is ours."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _document(
    facts: dict[str, str], token: str, limits: Limits, caution: str
) -> str:
    """The page, with the token that every upload must bear."""
    return page.render(
        "scoring/page/page.html",
        "Quality of fused medical images",
        facts=facts,
        token=token,
        limits=limits,
        caution=caution,
        max_pictured=upload.MAX_PICTURED,
        low=mos.MOS_MIN,
        high=mos.MOS_MAX,
        viridis=pictures.ramp_uri(pictures.VIRIDIS),
        magma=pictures.ramp_uri(pictures.MAGMA),
        **_OURS,
    )


class _Handler(BaseHTTPRequestHandler):
    """Answers one request: the page, or the scores of one upload."""

    server: PageServer
    timeout = _SILENCE

    def do_GET(self) -> None:
        """Gives the page."""
        if self._is_foreign():
            return
        if self.path != "/":
            self._refuse(HTTPStatus.NOT_FOUND, "there is only one page: /")
            return
        self._answer(
            HTTPStatus.OK, "text/html; charset=utf-8", self.server.page
        )

    def do_POST(self) -> None:
        """Gives the rows of the images in one upload."""
        if self._is_foreign() or not self._is_from_the_page():
            return
        size = self._size()
        if size is None:
            return
        if not self.server.slots.acquire(blocking=False):
            # Who is refused amid an upload sees a broken connection only.
            while size and (part := self.rfile.read(min(size, _PART))):
                size -= len(part)
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"busy with {MAX_REQUESTS} uploads; try again",
            )
            return
        try:
            data = self.rfile.read(size)
            if len(data) < size:
                self._refuse(HTTPStatus.BAD_REQUEST, "the upload was cut off")
                return
            rows = list(map(dataclasses.asdict, self.server.score(data)))
            self._answer_json(HTTPStatus.OK, {"rows": rows})
        finally:
            self.server.slots.release()

    def version_string(self) -> str:
        """Names the server without versions."""
        return "g2npan-score"

    def log_message(self, format: str, *args: object) -> None:
        """Stays silent: the terminal is the user's."""

    def _is_foreign(self) -> bool:
        """Refuses names that only lead here, as of a rebound DNS entry."""
        name = self.headers.get("Host", "").partition(":")[0]
        if name in (ADDRESS, "localhost"):
            return False
        self._refuse(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"this is {self.server.url} and nothing else",
        )
        return True

    def _is_from_the_page(self) -> bool:
        """Refuses uploads to elsewhere, and without the page's token."""
        token = self.headers.get(TOKEN_HEADER, "").encode()
        if self.path != SCORE_PATH:
            self._refuse(HTTPStatus.NOT_FOUND, f"uploads go to {SCORE_PATH}")
        elif not hmac.compare_digest(token, self.server.token.encode()):
            self._refuse(
                HTTPStatus.FORBIDDEN, "this page is of an earlier start; reload"
            )
        else:
            return True
        return False

    def _size(self) -> int | None:
        """The length of the upload, if it is stated and small enough."""
        stated = self.headers.get("Content-Length", "")
        largest = self.server.limits.max_bytes
        if not (stated.isascii() and stated.isdigit()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "of unknown length")
        # Nothing longer than a sane length is turned into an integer.
        elif len(stated) > 15 or int(stated) > largest:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{stated[:15]} bytes; expected at most {largest:,}",
            )
        else:
            return int(stated)
        return None

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answers with one line of error."""
        self._answer_json(status, {"error": reason})

    def _answer_json(self, status: HTTPStatus, content: object) -> None:
        """Answers with JSON."""
        text = json.dumps(content, allow_nan=False)
        self._answer(status, "application/json", text.encode())

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        """Sends headers and content."""
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
