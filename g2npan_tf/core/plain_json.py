"""JSON that nobody vouches for."""

import json
from collections.abc import Iterable
from typing import Any

_MAX_DEPTH = 100
_TOO_DEEP = f"nested deeper than {_MAX_DEPTH}"


def parse(text: str | bytes) -> Any:
    """Reads JSON; all that can be wrong with it is a `ValueError`.

    So is a nesting so deep that code which walks it might exhaust the stack.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = [content]
    for _ in range(_MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return content
    raise ValueError(_TOO_DEEP)


def _children(item: Any) -> Iterable[Any]:
    """What an object or array holds."""
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
