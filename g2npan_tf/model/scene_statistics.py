"""Local statistics of a fused image: its levels, colours and contrasts.

How often each brightness, colour and local contrast occurs in an image, and
which of them occur together, shows what a fusion did to it. Blind quality
measures of photographs use such natural scene statistics (Mittal, Moorthy &
Bovik, BRISQUE, IEEE TIP 2012; Ye & Doermann, IEEE TIP 2012: codebooks).
"""

import keras
import numpy as np

from g2npan_tf.model.blocks import Tensor
from g2npan_tf.model.blocks import window_mean
from g2npan_tf.model.spectrum import CELL
from g2npan_tf.model.spectrum import LEAST_WEIGHT

# Luma of BT.601.
_LUMA = (0.299, 0.587, 0.114)
# Tissue is where the mean of 5 x 5 pixels lies above this. A rounder number can
# be exactly the mean of 25 grey levels, and rounding would then decide.
_TISSUE_LEVEL = 0.0401
# Below this, on [0, 1], a deviation or a gradient is quantisation.
_LEAST_CONTRAST = 2e-3
# Mean and deviation of each map over the tissue of 300 random fusions.
MAPS = {
    "luma": (0.40, 0.27),
    "blue": (-0.01, 0.24),
    "red": (0.04, 0.15),
    "chroma": (0.17, 0.23),
    "deviation of luma, 3 pixels": (-2.8, 0.99),
    "deviation of luma, 7 pixels": (-2.1, 0.75),
    "deviation of luma, 15 pixels": (-1.8, 0.63),
    "deviation of chroma, 7 pixels": (-4.0, 1.85),
    "difference of luma, 1 to 3 pixels": (-3.6, 1.24),
    "difference of luma, 3 to 7 pixels": (-3.3, 1.14),
    "gradient of luma": (-2.9, 1.12),
    "gradient of blue": (-4.5, 1.79),
    "gradient of red": (-4.8, 1.53),
    "shared edges of luma and blue": (-0.01, 0.063),
    "shared edges of luma and red": (0.0, 0.046),
}
# In deviations: where shares are taken. A pixel counts in full from a sixth
# above a threshold on.
THRESHOLDS = tuple(np.linspace(-2.5, 2.5, 16))
_STEEPNESS = 3.0
# In deviations: the luma and chroma for which means are taken. A pixel counts
# within half a deviation.
LEVELS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
NUM_STATISTICS = len(MAPS) * (len(THRESHOLDS) + 2 * len(LEVELS))
# Only every second pixel counts.
_STEP = 2


def local_maps(image: Tensor) -> Tensor:
    """Brightness, colour, contrast and edges at every second pixel.

    Blue and red are these channels minus the luma. Deviations, differences and
    gradients are logarithms. Edges that luma shares with a colour are the
    signed root of the product of both gradients.

    Choice: every second row and column, since neighbours are much alike.

    Args:
        image: `[batch, height, width, 3]`, range [0, 1].

    Returns:
        `[batch, height / 2, width / 2, 15]`, in the order of `MAPS` and
        standardised by it.
    """
    red, green, blue = (image[..., k : k + 1] for k in range(3))
    luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    blue, red = blue - luma, red - luma
    chroma = keras.ops.sqrt(
        keras.ops.square(blue) + keras.ops.square(red) + 1e-8
    )
    fine, coarse = (window_mean(luma, side) for side in (3, 7))
    edges = [_gradient(x) for x in (luma, blue, red)]
    maps = [
        *(_half(x) for x in (luma, blue, red, chroma)),
        *(_deviation(luma, side) for side in (3, 7, 15)),
        _deviation(chroma, 7),
        _level(keras.ops.square(_half(luma - fine))),
        _level(keras.ops.square(_half(fine - coarse))),
        *(_level(_product(x, x)) for x in edges),
        *(_signed_root(_product(edges[0], x)) for x in edges[1:]),
    ]
    means, units = np.array([*MAPS.values()], np.float32).T
    return (keras.ops.concatenate(maps, axis=-1) - means) / units


def is_tissue(image: Tensor) -> Tensor:
    """1 where the picture shows something, else 0, at every second pixel.

    From an image as for `local_maps`; `[batch, height / 2, width / 2, 1]`.
    """
    brightest = keras.ops.max(image, axis=-1, keepdims=True)
    near = _half(window_mean(brightest, 5))
    return keras.ops.cast(near > _TISSUE_LEVEL, "float32")


def cell_statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """The distribution of each map over a cell's tissue, also by level.

    For each of `THRESHOLDS`: the share of tissue in which a map lies above it.
    For each of `LEVELS` of luma and of chroma: the sum of each map over the
    tissue of this level, divided by the whole tissue. Memberships are
    piecewise linear.

    Args:
        image: As for `local_maps`; sides are multiples of `CELL`.

    Returns:
        `[batch, height / 16, width / 16, 480]`, and the tissue's share of the
        cell, above 0, `[batch, height / 16, width / 16]`.
    """
    maps = _by_cell(local_maps(image))
    tissue = _by_cell(is_tissue(image))
    # Elsewhere so low that no threshold counts it.
    inside = maps - 100.0 * (1.0 - tissue)
    counted = [
        keras.ops.mean(
            keras.ops.clip(_STEEPNESS * (inside - at) + 0.5, 0.0, 1.0), axis=-2
        )
        for at in THRESHOLDS
    ]
    for name in ("luma", "chroma"):
        place = [*MAPS].index(name)
        away = keras.ops.abs(
            maps[..., place : place + 1] - np.array(LEVELS, np.float32)
        )
        members = tissue * keras.ops.relu(1.0 - 2.0 * away)
        sums = keras.ops.matmul(keras.ops.swapaxes(members, -1, -2), maps)
        rows, columns, pixels, _ = maps.shape[1:]
        size = (-1, rows, columns, len(LEVELS) * len(MAPS))
        counted.append(keras.ops.reshape(sums, size) / pixels)
    share = keras.ops.mean(tissue, axis=-2) + LEAST_WEIGHT
    return keras.ops.concatenate(counted, axis=-1) / share, share[..., 0]


def _half(x: Tensor) -> Tensor:
    """Every second row and column."""
    return x[:, ::_STEP, ::_STEP]


def _by_cell(x: Tensor) -> Tensor:
    """`[b, rows, columns, c]` to `[b, rows / 8, columns / 8, 64, c]`."""
    side = CELL // _STEP
    channels = x.shape[-1]
    x = keras.ops.space_to_depth(x, side)
    return keras.ops.reshape(x, (-1, *x.shape[1:3], side**2, channels))


def _deviation(x: Tensor, side: int) -> Tensor:
    """Level of the variance over a window."""
    mean = _half(window_mean(x, side))
    square = _half(window_mean(keras.ops.square(x), side))
    return _level(keras.ops.relu(square - keras.ops.square(mean)))


def _level(square: Tensor) -> Tensor:
    """Logarithm of a contrast, given as its square."""
    # The floor, a square as well, hides the rounding error of a variance of 0.
    return 0.5 * keras.ops.log(square + _LEAST_CONTRAST**2)


def _gradient(x: Tensor) -> Tensor:
    """Sobel's, across and down, at every second pixel; `[..., 2]`."""
    across = np.outer([1, 2, 1], [-1, 0, 1]).astype(np.float32) / 8
    kernel = np.stack([across, across.T], axis=-1)[:, :, None]
    x = keras.ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
    return keras.ops.conv(x, kernel, strides=_STEP, padding="valid")


def _product(x: Tensor, y: Tensor) -> Tensor:
    """Inner product of gradients, `[..., 1]`."""
    return keras.ops.sum(x * y, axis=-1, keepdims=True)


def _signed_root(x: Tensor) -> Tensor:
    return keras.ops.sign(x) * keras.ops.sqrt(keras.ops.abs(x) + 1e-8)
