"""The three kinds of artefact, made from one tiny scorer of known arithmetic.

Shared by the tests of everything that reads artefacts.
"""

import keras
import tensorflow as tf
from keras import initializers
from keras import layers

SHAPE = (128, 128, 3)


def tiny_scorer(use_gan=True):
    """Quality is the mean brightness, its map that of 8 x 8 cells.

    The generated reference is the negative; a convolution holds variables.
    """
    image = keras.Input(SHAPE, dtype="uint8", name="image")
    scaled = layers.Rescaling(1 / 255)(image)
    third = initializers.Constant(1 / 3)
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
    return keras.Model(image, outputs)


class _Exported(tf.Module):
    """Tracks raw variables, as the exporters do (a model does not convert)."""

    def __init__(self, scorer):
        super().__init__()
        self.raw_variables = [item.value for item in scorer.variables]

        def run(image):
            image = tf.image.resize(image, SHAPE[:2])
            return scorer(tf.cast(tf.round(image), tf.uint8), training=False)

        any_size = tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")
        one_image = tf.TensorSpec([1, *SHAPE], tf.uint8, name="image")
        self.explain = tf.function(run, input_signature=[any_size])
        self.score = tf.function(
            lambda image: {key: run(image)[key] for key in ("mos", "quality")},
            input_signature=[any_size],
        )
        self.lite = tf.function(
            lambda image: scorer(image, training=False),
            input_signature=[one_image],
        )


def save_artefacts(scorer, folder):
    """Writes `scorer.keras`, `saved_model/` and `scorer.tflite`."""
    scorer.save(folder / "scorer.keras")
    exported = _Exported(scorer)
    tf.saved_model.save(
        exported,
        folder / "saved_model",
        signatures={
            "serving_default": exported.score,
            "score_pixels": exported.score,
            "explain_pixels": exported.explain,
        },
    )
    tf.saved_model.save(
        exported, folder / "lite", signatures={"serving_default": exported.lite}
    )
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "lite"))
    (folder / "scorer.tflite").write_bytes(converter.convert())
