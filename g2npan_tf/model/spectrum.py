"""Local power spectra: the trace that an algorithm's noise and blur leave."""

import keras
import numpy as np
import scipy.fft

from g2npan_tf.model.blocks import Tensor

# Side in pixels of the DCT's window, and the steps between windows.
WINDOW = 8
STRIDE = 4
# Side in windows of a cell, over which the power is averaged: 16 pixels.
CELL_WINDOWS = 4
CELL = STRIDE * CELL_WINDOWS
# Pairs of frequencies, one of rows and one of columns in any order, but for
# the constant one.
NUM_BANDS = WINDOW * (WINDOW + 1) // 2 - 1
# Power below this, on [0, 1] squared, is quantisation.
POWER_FLOOR = 1e-6
# A pixel is foreground above this share of full scale; scanners' background
# is black up to compression noise.
FOREGROUND_LEVEL = 0.04
# Exponent on the share of a cell that is foreground: a tenth of background
# leaves less than half of the weight.
MASK_EXPONENT = 8


def dct_filters() -> np.ndarray:
    """The 63 non-constant filters of the orthonormal 8 x 8 DCT-II.

    Returns:
        float32 `[8, 8, 1, 63]`, as a convolution's kernel; vertical frequency
        first.
    """
    waves = scipy.fft.dct(np.eye(WINDOW), norm="ortho", axis=0)
    filters = np.einsum("ur,vc->rcuv", waves, waves)
    return filters.reshape(WINDOW, WINDOW, 1, -1)[..., 1:].astype(np.float32)


def foreground(image: Tensor) -> Tensor:
    """Marks the pixels that show something: not the scanner's black.

    Args:
        image: Shape `[..., height, width, 3]`, range [0, 1].

    Returns:
        float32 `[..., height, width, 1]`, 1 where any channel is brighter than
        `FOREGROUND_LEVEL`, else 0.
    """
    brightest = keras.ops.max(image, axis=-1, keepdims=True)
    return keras.ops.cast(brightest > FOREGROUND_LEVEL, "float32")


def cell_weights(image: Tensor) -> Tensor:
    """How much each cell counts for the score of an image.

    Choice: cells wholly inside the body. At its border the step to the black
    of the scanner drowns the spectrum of noise and texture, and the black
    itself has none.

    Returns:
        `[batch, height / 16, width / 16]`, range 0..1, above 0, so that a
        black image has a mean.
    """
    share = keras.ops.average_pool(foreground(image), CELL)[..., 0]
    return share**MASK_EXPONENT + 1e-3


def log_power(image: Tensor) -> Tensor:
    """Logarithm of an image's power by place and DCT frequency.

    Choice: what denoising, fusion and compression do to an image is told by
    its power spectrum; a network learns squares of its input slowly. Windows
    overlap by half; the image is mirrored at its frame. The levels of the
    frequencies (u, v) and (v, u) are averaged: quality does not depend on
    which way the patient lies, and 35 bands overfit less than 63.

    Args:
        image: `[batch, height, width, channels]`, of which the channels' mean
            is taken; sides are multiples of `CELL`.

    Returns:
        `[batch, height / 16, width / 16, 35]`, from log(`POWER_FLOOR`) on.
    """
    grey = keras.ops.mean(image, axis=-1, keepdims=True)
    margin = (WINDOW - STRIDE) // 2
    frame = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    waves = keras.ops.conv(
        keras.ops.pad(grey, frame, mode="reflect"),
        dct_filters(),
        strides=STRIDE,
        padding="valid",
    )
    power = keras.ops.average_pool(keras.ops.square(waves), CELL_WINDOWS)
    levels = keras.ops.log(power + POWER_FLOOR)
    return keras.ops.matmul(levels, _mean_of_both_ways())


def _mean_of_both_ways() -> np.ndarray:
    """Matrix `[63, 35]` from levels of (u, v) to the mean with (v, u)."""
    rows, columns = np.triu_indices(WINDOW)
    place = np.arange(WINDOW**2).reshape(WINDOW, WINDOW)
    means = np.zeros((WINDOW**2, len(rows)), np.float32)
    for band, (u, v) in enumerate(zip(rows, columns, strict=True)):
        means[place[u, v], band] += 0.5
        means[place[v, u], band] += 0.5
    return means[1:, 1:]
