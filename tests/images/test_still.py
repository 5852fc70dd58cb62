import io

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.still import open_still


def test_the_header_is_checked_before_pixels_are_decoded():
    buffer = io.BytesIO()
    Image.new("L", (40, 30)).save(buffer, "BMP")
    header_alone = buffer.getvalue()[:1200]
    with pytest.raises(InputError, match="40 x 30 pixels; expected at most"):
        open_still(header_alone, Limits(max_pixels=1199))


def test_pixels_are_decoded_when_they_are_asked_for():
    pixels = np.arange(768, dtype=np.uint8).reshape(16, 16, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    count, images = open_still(buffer.getvalue(), Limits())
    assert count == 1
    np.testing.assert_array_equal(next(images).pixels, pixels)
    assert next(images, None) is None
