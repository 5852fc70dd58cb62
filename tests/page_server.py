"""The local page with a scorer of known arithmetic, for its tests."""

import contextlib
import functools
import io
import threading

import numpy as np
from PIL import Image

from g2npan_tf.images.limits import Limits
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.page.server import PageServer
from tests.pictures import encode
from tests.pictures import shades
from tests.score_reports import brightness

LIMITS = Limits(max_bytes=200_000, max_pixels=100_000)
FACTS = {"Model": "g2npan.tflite", "Readers": "8, simulated <b>"}
CAUTION = model_facts.caution({"scores": "simulated"})


without_gan = functools.partial(brightness, use_gan=False)


@contextlib.contextmanager
def running(runner=brightness, **options):
    """Serves the page meanwhile."""
    options = {"limits": LIMITS, "caution": CAUTION, **options}
    with PageServer(Assessor(runner), FACTS, **options) as server:
        # Its default looks every half second whether it should stop.
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def grey_png(value, size=(32, 16)):
    """The bytes of a grey image that is not blank."""
    return encode(shades(value, size), "PNG")


def decoded(data):
    """The pixels of a PNG, RGB."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
