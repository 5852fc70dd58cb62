"""What the true reference tells of an image, and a head that predicts it.

The head exists only in training; exports do not have it.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.model import spectrum

Tensor = Any
# Constant of Xue et al., IEEE TIP 23(2), 2014, eq. 4, for the range [0, 1].
GMSD_C = 170 / 255**2
# Radial frequencies of the spectral transfer, in waves per 16 pixels, rounded;
# lower and higher ones join the first and the last.
NUM_RADII = 9
NUM_TARGETS = 2 + NUM_RADII
# The targets' running statistics cover some hundred images.
MOMENTUM = 0.95


class ReferenceHead(keras.layers.Layer):
    """Predicts `reference_features` from the means of a feature map.

    Choice: a dense layer on the global means, as the score has one (Eq. 5), so
    that the features themselves have to carry what the reference would tell.
    Targets are standardised by running statistics.
    """

    def __init__(self) -> None:
        super().__init__(name="reference_head", dtype="float32")
        self.dense = keras.layers.Dense(NUM_TARGETS, dtype="float32")
        self.standard = keras.layers.BatchNormalization(
            momentum=MOMENTUM,
            epsilon=1e-6,
            center=False,
            scale=False,
            synchronized=True,
            dtype="float32",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables, for features `[batch, rows, columns, n]`."""
        self.dense.build((None, input_shape[-1]))
        self.standard.build((None, NUM_TARGETS))
        self.built = True

    def call(self, features: Tensor) -> Tensor:
        """Predicts the standardised features, `[batch, NUM_TARGETS]`."""
        return self.dense(keras.ops.mean(features, axis=(1, 2)))

    def standardized(self, targets: Tensor) -> Tensor:
        """Standardises the targets by running statistics, which it updates."""
        self.standard(targets, training=True)
        return self.standard(targets, training=False)


def head_for(features: Tensor) -> ReferenceHead:
    """A built head for features `[batch, rows, columns, n]`."""
    head = ReferenceHead()
    head.build(tuple(features.shape))
    return head


def reference_features(
    image: Tensor, reference: Tensor, similarity: Tensor
) -> Tensor:
    """How an image differs from the reference, in a few numbers.

    Args:
        image: I_org. Shape `[batch, height, width, 3]`, range [0, 1].
        reference: I_GT. Same shape and range.
        similarity: SSIM of the two. Shape `[batch]`.

    Returns:
        `[batch, NUM_TARGETS]`: SSIM, GMSD, and for each radial frequency how
        much more power the image has, as a logarithm.
    """
    transfer = tf.reduce_mean(
        spectrum.log_power(image) - spectrum.log_power(reference), axis=(1, 2)
    )
    return tf.concat(
        [
            similarity[:, None],
            gmsd(image, reference)[:, None],
            transfer @ _radial_means(),
        ],
        axis=1,
    )


def gmsd(image: Tensor, reference: Tensor) -> Tensor:
    """Gradient magnitude similarity deviation: 0 for equal images.

    W. Xue, L. Zhang, X. Mou, A. C. Bovik, "Gradient magnitude similarity
    deviation", IEEE TIP 23(2), 2014, eqs. 1 to 6: Prewitt gradients of the
    images at half the size.

    Choice: of the channels' mean, and without the frame of a pixel.

    Args:
        image: Shape `[batch, height, width, 3]`, range [0, 1].
        reference: Same shape and range.

    Returns:
        Shape `[batch]`.
    """
    one, other = (_gradient(x) for x in (image, reference))
    similar = (2 * one * other + GMSD_C) / (one**2 + other**2 + GMSD_C)
    return tf.math.reduce_std(similar, axis=(1, 2, 3))


def _gradient(image: Tensor) -> Tensor:
    """Prewitt magnitude of the channels' mean, at half the size."""
    grey = tf.reduce_mean(image, axis=-1, keepdims=True)
    half = tf.nn.avg_pool2d(grey, 2, 2, "VALID")
    across = np.array([[1, 0, -1]] * 3, np.float32) / 3
    kernels = np.stack([across, across.T], axis=-1)[:, :, None]
    slopes = tf.nn.conv2d(half, kernels, 1, "VALID")
    return tf.norm(slopes, axis=-1, keepdims=True)


def _radial_means() -> np.ndarray:
    """Weights of each radius' mean over bands, `[NUM_BANDS, NUM_RADII]`."""
    # A frequency of 1 is half a wave in a window.
    waves = np.hypot(*np.transpose(spectrum.frequencies())) / spectrum.WINDOW
    radius = np.clip(np.rint(8 * waves), 1, NUM_RADII).astype(int)
    members = np.eye(NUM_RADII, dtype=np.float32)[radius - 1]
    return members / members.sum(axis=0)
