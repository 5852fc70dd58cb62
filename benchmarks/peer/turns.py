"""How long a call takes, the same way in both engines."""

import time
from collections.abc import Callable
from typing import Any


def take_turn(call: Callable[[], Any], seconds: float) -> tuple[float, float]:
    """Calls again and again for some time; the first call is not counted.

    In it threads wake up and caches fill with this engine's data again.

    Args:
        call: Does the work once.
        seconds: Time after which no further call starts; one is always made.

    Returns:
        Wall time and this process's processor time per call, in seconds.
    """
    call()
    calls = 0
    own, start = time.process_time(), time.perf_counter()
    while calls == 0 or time.perf_counter() - start < seconds:
        call()
        calls += 1
    wall = time.perf_counter() - start
    return wall / calls, (time.process_time() - own) / calls
