"""The side file of a `.tflite` file: is it the file that was exported?"""

import hashlib
import pathlib

from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError


def check(path: pathlib.Path) -> None:
    """Compares a model with the SHA-256 of its side file, if it has one.

    It finds damage and mixed-up files, not an attacker, who would change
    both.

    Args:
        path: `<name>.tflite`; the side file is `<name>.json` beside it.

    Raises:
        InputError: If the sum differs or the side file cannot be read.
    """
    side_file = path.with_suffix(".json")
    try:
        content = plain_json.parse(side_file.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise InputError(
            f"{side_file}: unreadable; expected what the export wrote beside "
            f"{path.name}"
        ) from error
    expected = content.get("sha256") if isinstance(content, dict) else None
    if expected is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise InputError(
            f"{path}: not the file that {side_file.name} describes (SHA-256 "
            f"{found[:12]}..., expected {str(expected)[:12]}...)"
        )
