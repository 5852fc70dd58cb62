"""Several scorers as one: their mean, and how far their scores differ."""

from collections.abc import Sequence

import keras
from keras import layers
from keras import ops

from g2npan_tf.model.blocks import Tensor

SPREAD = "mos_spread"
# What scorers are called once they are packed.
_NAME = "scorer_{}"
FIRST = _NAME.format(0)


def pack(scorers: Sequence[keras.Model]) -> keras.Model:
    """Joins scorers, e.g. of a cross-validation's folds, to one graph.

    Choice: the plain mean of every output, so that the score is that of the
    mean quality, whose map is the mean of the maps; the mean nuance is not
    that of the mean reference.

    Args:
        scorers: From `build_scorer`, two at least, with the same outputs;
            their names are changed. An interval that some have not is left
            out; else its ends are means, too.

    Returns:
        Functional model from the scorers' input to the means of their outputs
        and `mos_spread`, float32 `[batch]`, 0..4: the standard deviation
        (n - 1) of their MOS.
    """
    image = keras.Input(scorers[0].input_shape[1:], dtype="uint8", name="image")
    found = []
    for number, scorer in enumerate(scorers):
        # All of them were saved under one name.
        scorer.name = _NAME.format(number)
        found.append(scorer(image, training=False))
    means = {
        name: layers.average([one[name] for one in found])
        for name in found[0]
        if all(name in one for one in found)
    }
    spread = _deviation([one["mos"] for one in found], means["mos"])
    return keras.Model(image, {**means, SPREAD: spread}, name="packed")


def _deviation(values: Sequence[Tensor], mean: Tensor) -> Tensor:
    """Standard deviation (n - 1) of tensors of one shape."""
    squares = [ops.square(value - mean) for value in values]
    return ops.sqrt(layers.add(squares) / (len(values) - 1))
