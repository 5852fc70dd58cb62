"""Local power spectra, in which an algorithm's noise and blur leave traces."""

import math

import keras
import numpy as np
import scipy.fft

from g2npan_tf.model.blocks import Tensor

# Side in pixels of the DCT's window, and the steps between windows.
WINDOW = 16
STRIDE = 8
# Side in windows of a cell, over which the power is averaged: 16 pixels.
CELL_WINDOWS = 2
CELL = STRIDE * CELL_WINDOWS
# Unordered pairs of a frequency along rows and one along columns, without the
# constant.
NUM_BANDS = WINDOW * (WINDOW + 1) // 2 - 1
# Power below this, on [0, 1] squared, is quantisation.
POWER_FLOOR = 1e-7
# A pixel is foreground above this share of full scale; scanners' background
# is black up to compression noise.
FOREGROUND_LEVEL = 0.04
# The body is where the mean of about 20 x 20 pixels lies above this.
BODY_LEVEL = 0.06
# The lowest bands, whose level says how flat a cell is, and how steeply the
# weight of a cell falls around the mean level.
FLAT_BANDS = 14
FLAT_SLOPE = 4.0
# Added to all weights, so that a black image has a mean.
LEAST_WEIGHT = 1e-4
# Side in cells of the neighbourhood over which a cell's spectrum is averaged.
NEIGHBOURHOOD = 7


def foreground(image: Tensor) -> Tensor:
    """Marks the pixels that are not the scanner's black background.

    Args:
        image: Shape `[..., height, width, 3]`, range [0, 1].

    Returns:
        float32 `[..., height, width, 1]`, 1 where any channel is brighter than
        `FOREGROUND_LEVEL`, else 0.
    """
    brightest = keras.ops.max(image, axis=-1, keepdims=True)
    return keras.ops.cast(brightest > FOREGROUND_LEVEL, "float32")


def log_power(image: Tensor) -> Tensor:
    """Logarithm of an image's power by place and frequency.

    The orthonormal 16 x 16 DCT-II of windows that overlap by half, squared and
    averaged over the windows of a cell; the image is mirrored at its border.

    Choice: the power spectrum shows what denoising, fusion and compression do
    to an image, and a network is slow to learn squares of its input. The
    levels of the frequencies (u, v) and (v, u) are averaged, since quality
    does not depend on how the patient lies and half as many bands overfit
    less.

    Args:
        image: `[batch, height, width, channels]`, of which the channels' mean
            is taken; sides are multiples of `CELL`.

    Returns:
        `[batch, height / 16, width / 16, 135]`, from log(`POWER_FLOOR`) on,
        lowest frequencies first.
    """
    grey = keras.ops.mean(image, axis=-1, keepdims=True)
    waves = keras.ops.square(_dct(grey))
    power = keras.ops.average_pool(waves, CELL_WINDOWS)
    levels = keras.ops.log(power + POWER_FLOOR)
    pairs = frequencies()
    there = [u * WINDOW + v for u, v in pairs]
    back = [v * WINDOW + u for u, v in pairs]
    return 0.5 * (
        keras.ops.take(levels, there, axis=-1)
        + keras.ops.take(levels, back, axis=-1)
    )


def _dct(grey: Tensor) -> Tensor:
    """DCT of windows of `[batch, height, width, 1]`, by rows, then by columns.

    Returns:
        `[batch, height / 8, width / 8, 256]`, vertical frequency first.
    """
    _, height, width, _ = grey.shape
    rows, columns = height // STRIDE, width // STRIDE
    margin = (WINDOW - STRIDE) // 2
    frame = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    x = keras.ops.pad(grey, frame, mode="reflect")
    basis = scipy.fft.dct(np.eye(WINDOW), norm="ortho", axis=0).T
    basis = basis.astype(np.float32)
    down = basis.reshape(WINDOW, 1, 1, WINDOW)
    x = keras.ops.conv(x, down, strides=(STRIDE, 1), padding="valid")
    # Each vertical frequency becomes an image row of its own.
    x = keras.ops.transpose(x, (0, 1, 3, 2))
    x = keras.ops.reshape(x, (-1, rows * WINDOW, width + 2 * margin, 1))
    across = basis.reshape(1, WINDOW, 1, WINDOW)
    x = keras.ops.conv(x, across, strides=(1, STRIDE), padding="valid")
    x = keras.ops.reshape(x, (-1, rows, WINDOW, columns, WINDOW))
    x = keras.ops.transpose(x, (0, 1, 3, 2, 4))
    return keras.ops.reshape(x, (-1, rows, columns, WINDOW**2))


def frequencies() -> list[tuple[int, int]]:
    """The frequencies (u, v), u <= v, of each band, lowest first."""
    pairs = [(u, v) for v in range(WINDOW) for u in range(v + 1)][1:]
    return sorted(pairs, key=lambda pair: math.hypot(*pair))


def cell_weights(image: Tensor, levels: Tensor) -> Tensor:
    """How much each cell counts for the score of an image.

    Choice: only cells wholly inside the body count, and flat ones count more.
    At the body's border the step to black drowns the spectrum of noise and
    texture, and inside it edges of the anatomy do.

    Args:
        image: `[batch, height, width, 3]`, range [0, 1].
        levels: Its `log_power`.

    Returns:
        `[batch, height / 16, width / 16]`, above 0.
    """
    quarters = keras.ops.average_pool(image, CELL // 4)
    smooth = keras.ops.average_pool(quarters, 5, strides=1, padding="same")
    is_outside = keras.ops.mean(smooth, axis=-1, keepdims=True) <= BODY_LEVEL
    outside = keras.ops.cast(is_outside, "float32")
    body = 1.0 - keras.ops.max_pool(outside, 4)[..., 0]
    lowest = keras.ops.mean(levels[..., :FLAT_BANDS], axis=-1)
    total = keras.ops.sum(body, axis=(1, 2), keepdims=True)
    mean = keras.ops.sum(body * lowest, axis=(1, 2), keepdims=True)
    mean = mean / keras.ops.maximum(total, 1.0)
    flat = keras.ops.sigmoid(FLAT_SLOPE * (mean - lowest))
    return body * flat + LEAST_WEIGHT


def neighbourhood_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the cells around each cell.

    Choice: the spectrum of one cell is too noisy to tell algorithms apart.

    `values` are `[batch, rows, columns, bands]`, `weights` those of
    `cell_weights`. The result has the shape of `values`.
    """
    weights = weights[..., None]
    # Pooled together: `inference_form` would turn a pool of one channel into
    # matrix products.
    both = keras.ops.concatenate([values * weights, weights], axis=-1)
    sums = keras.ops.average_pool(
        both, NEIGHBOURHOOD, strides=1, padding="same"
    )
    return sums[..., :-1] / sums[..., -1:]
