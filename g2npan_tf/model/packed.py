"""Several scorers as one: their mean, and the spread of their scores."""

from collections.abc import Sequence

import keras
from keras import layers
from keras import ops

from g2npan_tf.model.blocks import Tensor

SPREAD = "mos_spread"
# The names of scorers once they are packed.
_NAME = "scorer_{}"
FIRST = _NAME.format(0)


def pack(scorers: Sequence[keras.Model]) -> keras.Model:
    """Joins scorers, e.g. of a cross-validation's folds, into one graph.

    Choice: the plain mean of every output. So the score is that of the mean
    quality, and the map is the mean map; but the mean nuance is not the nuance
    of the mean reference.

    Args:
        scorers: From `build_scorer`, at least two; their names are changed.
            Outputs that some of them lack, such as an interval, are left out.

    Returns:
        Functional model from the scorers' input to the means of their outputs
        and `mos_spread`, float32 `[batch]`, 0..4: the standard deviation
        (n - 1) of their MOS.
    """
    image = keras.Input(scorers[0].input_shape[1:], dtype="uint8", name="image")
    found = []
    for number, scorer in enumerate(scorers):
        # All of them were saved under the same name.
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
