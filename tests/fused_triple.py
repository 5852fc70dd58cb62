"""Small grey images for the fusion measures, and shared ways to break them."""

import numpy as np
import pytest
from scipy import ndimage

from g2npan_tf.core.errors import InputError


def textured(seed, shape=(24, 31), deviation=40):
    """Smooth noise around grey 128. uint8, not square."""
    rng = np.random.default_rng(seed)
    sigma = (1.5, 1.5, 0)[: len(shape)]
    noise = ndimage.gaussian_filter(rng.normal(size=shape), sigma)
    levels = 128 + deviation * noise / noise.std()
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def constant(level, shape=(24, 31)):
    return np.full(shape, level, np.uint8)


def average(a, b):
    return np.rint((a.astype(float) + b) / 2).astype(np.uint8)


def check_refusals(measure):
    """Bad input of every kind is one line that names the image."""
    good = textured(0)
    bad = {
        "float32": good.astype(np.float32),
        "24, 31, 3": np.stack([good] * 3, axis=-1),
        "31, 24": good.T,
        "0, 31": good[:0],
        "list": [[1, 2]],
    }
    for words, image in bad.items():
        for position, name in enumerate(("source_a", "source_b", "fused")):
            images = [good, good, good]
            images[position] = image
            with pytest.raises(InputError) as error:
                measure(*images)
            line = str(error.value)
            assert "\n" not in line
            assert words in line
            # Of two sizes the fused image's is the one that counts.
            assert name in line or name == "fused"
