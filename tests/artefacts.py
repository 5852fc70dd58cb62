"""The three kinds of artefact, made from one tiny scorer of known arithmetic.

Shared by the tests of everything that reads artefacts.
"""

import keras
import numpy as np
from keras import initializers
from keras import layers

from export import saved_model
from export.litert import conversion
from g2npan_tf.model.scope import PERCENTS
from g2npan_tf.model.scope import Scope
from g2npan_tf.model.scope import with_scope
from g2npan_tf.model.scorer import with_interval

SHAPE = (128, 128, 3)
# Of the interval of what `save_artefacts` writes, in MOS.
HALF_WIDTH = 1.75
# Of its scope: the distance is the mean luma's, in deviations of it over the
# root of 32, and its percentile is 100 at 4.
_LUMA = np.eye(32) * (np.arange(32) == 0)
SCOPE = Scope(_LUMA, np.zeros(32), np.array(PERCENTS) / 100 * 4 / 32**0.5)


def tiny_scorer(use_gan=True, gain=1.0, half_width=None):
    """Quality is the mean brightness, its map that of 8 x 8 cells.

    The generated reference is the negative; a convolution holds variables. A
    gain is of the quality and its map; with `half_width` it has an interval.
    """
    image = keras.Input(SHAPE, dtype="uint8", name="image")
    scaled = layers.Rescaling(1 / 255)(image)
    third = initializers.Constant(gain / 3)
    grey = layers.Conv2D(1, 1, kernel_initializer=third)(scaled)
    cells = layers.AveragePooling2D(16)(grey)
    quality = keras.ops.mean(cells, axis=(1, 2, 3))
    outputs = {
        "mos": layers.Rescaling(4.0, 1.0)(quality),
        "quality": quality,
        "cam": layers.Reshape((8, 8))(cells),
    }
    if use_gan:
        outputs["reference"] = layers.Rescaling(-1.0, 1.0)(scaled)
        difference = layers.Rescaling(-2.0, 1.0)(scaled)
        outputs["nuance"] = keras.ops.absolute(difference)
    scorer = keras.Model(image, outputs)
    return scorer if half_width is None else with_interval(scorer, half_width)


def save_artefacts(folder):
    """Writes `scorer.keras`, `saved_model/` and `scorer.tflite`."""
    scorer = with_scope(tiny_scorer(half_width=HALF_WIDTH), SCOPE)
    scorer.save(folder / "scorer.keras")
    saved_model.write(scorer, folder / "saved_model")
    save_litert(folder, scorer)


def save_litert(folder, scorer=None):
    """Writes `scorer.tflite` and returns its path."""
    path = folder / "scorer.tflite"
    path.write_bytes(conversion.convert(scorer or tiny_scorer()))
    return path
