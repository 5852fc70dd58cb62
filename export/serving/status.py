"""What the codes in the output `status` of a served model mean.

Read by the graph that gives them and by clients; needs no TensorFlow.
"""

from g2npan_tf.images import limits
from g2npan_tf.images.content import NO_CONTENT as NO_CONTENT_TEXT
from g2npan_tf.scoring.rows import OK as OK_TEXT

OK = 0
DAMAGED = 1
UNKNOWN_FORMAT = 2
TOO_MANY_BYTES = 3
TOO_MANY_PIXELS = 4
TOO_SMALL = 5
NOT_TAKEN = 6
NOT_FINITE = 7
NO_CONTENT = 8

_MESSAGES = {
    OK: OK_TEXT,
    DAMAGED: "damaged or truncated image",
    UNKNOWN_FORMAT: "not a PNG, JPEG or BMP image",
    TOO_MANY_BYTES: f"more than {limits.MAX_BYTES:,} bytes",
    TOO_MANY_PIXELS: f"more than {limits.MAX_PIXELS:,} pixels",
    TOO_SMALL: f"less than {limits.MIN_SIDE} pixels wide or high",
    NOT_TAKEN: f"an animation, an image that EXIF turns, a JPEG of more than "
    f"{limits.MAX_SCANS} scans, a PNG of 16 bits, or a BMP that is compressed "
    "or of other than 24 or 32 bits",
    NOT_FINITE: "the model gave no finite score",
    NO_CONTENT: NO_CONTENT_TEXT,
}


def message(code: int) -> str:
    """What a code means; a later server may know more of them."""
    return _MESSAGES.get(code, f"status {code} of the server")
