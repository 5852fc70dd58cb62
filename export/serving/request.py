"""What requests to a server have in common, whatever carries them."""

import dataclasses
import random
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

import numpy as np

from g2npan_tf.core.errors import InputError

SIGNATURE = "serving_default"
INPUT = "image_bytes"
OUTPUTS = ("mos", "quality", "status")
# Seconds before a second try, and at most before any.
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0

_Answer = TypeVar("_Answer")


class Unavailable(Exception):
    """The server cannot answer now; the same request may succeed later."""


@dataclasses.dataclass(frozen=True)
class Server:
    """Which model of which server is asked, and how.

    Attributes:
        host: Name or address.
        port: Its TCP port.
        secure: Whether the connection is encrypted (TLS).
        model: Name of the model.
        version: Of the model; None takes the server's latest.
        timeout: Seconds for one try.
        authority: File of the root certificates to trust, PEM; empty takes
            those of the system (REST) or of grpcio (gRPC).
    """

    host: str
    port: int
    secure: bool = False
    model: str = "g2npan"
    version: int | None = None
    timeout: float = 30.0
    authority: str = ""

    def __str__(self) -> str:
        """For messages."""
        version = f" version {self.version}" if self.version else ""
        return f"{self.model}{version} at {self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Score:
    """What a server says of one image.

    Attributes:
        mos: Predicted mean opinion score, 1..5.
        quality: The same on 0..1.
        status: A code of `export.serving.status`; if it is not 0 there is no
            score.
    """

    mos: float
    quality: float
    status: int


# Sends whole files; returns one score for each, in the same order.
Predict = Callable[[Sequence[bytes]], list[Score]]


def with_retries(
    call: Callable[[], _Answer],
    tries: int,
    wait: Callable[[float], None] = time.sleep,
) -> _Answer:
    """Tries again while a server is not available.

    The pauses double from `FIRST_WAIT`, up to `LONGEST_WAIT`, and are cut by
    up to a half at random, so that many clients do not come back at once.

    Args:
        call: Raises `Unavailable` if it may be tried again.
        tries: At least 1.
        wait: Sleeps so many seconds.

    Returns:
        What the call returns.

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
        wait(pause * random.uniform(0.5, 1))
    raise ValueError(f"tries is at least 1. Received: {tries}")


def scores(
    server: Server, columns: Mapping[str, Any], count: int
) -> list[Score]:
    """Makes scores of a server's outputs.

    Args:
        server: For the message.
        columns: Outputs by name, of a server that nobody vouches for.
        count: How many images were sent.

    Returns:
        One score for every image.

    Raises:
        InputError: If the outputs are not those of a scorer.
    """
    try:
        numbers = [
            _numbers(columns[name], kinds, count)
            for name, kinds in zip(OUTPUTS, ("iuf", "iuf", "iu"), strict=True)
        ]
        return [Score(*row) for row in zip(*numbers, strict=True)]
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
