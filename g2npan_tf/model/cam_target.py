"""The ground truth of the class activation map, which the paper leaves open."""

from typing import Any

import cv2
import numpy as np
import tensorflow as tf

Tensor = Any
# Gaussian window and constants of Wang et al., IEEE TIP 13(4), 2004, sec.
# III-B and III-C, for the range [0, 1].
WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2


def similarity_map(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Local SSIM between an image and the best one of its group.

    In float64: variances are differences of squares, of which float32 leaves
    an error of 1e-4 where a picture is bright and flat. Borders are mirrored.

    Args:
        image: Shape `[height, width, 3]`, range [0, 1].
        reference: Same shape and range.

    Returns:
        Mean over the channels. Shape `[height, width]`, range [-1, 1].
    """
    x, y = (np.asarray(z, np.float64) for z in (image, reference))
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance = _window_mean(x * y) - product
    variances = _window_mean(x**2 + y**2) - squares
    similarity = ((2 * product + C1) * (2 * covariance + C2)) / (
        (squares + C1) * (variances + C2)
    )
    return similarity.mean(axis=-1)


def _window_mean(x: np.ndarray) -> np.ndarray:
    """Mean under the Gaussian window."""
    size = (WINDOW_SIZE, WINDOW_SIZE)
    return cv2.GaussianBlur(
        x, size, WINDOW_SIGMA, borderType=cv2.BORDER_REFLECT
    )


def local_quality(
    similarity: Tensor,
    shown: Tensor,
    quality: Tensor,
    grid: tuple[int, int],
    kappa: float = 0.5,
) -> Tensor:
    """Local quality whose mean over the foreground is the readers' score.

    `F_GT = clip(Q_t + kappa * (S - mean_B(S)), 0, 1)` with the SSIM map S and
    the foreground B. With global average pooling the CAM decomposes the
    logit, so its target is a map of local quality; it never fights the score
    loss and equals `Q_t` for the reference itself.

    Choice: the paper never defines F_GT. Precedents: Pan et al., BPSQM (CVPR
    2018); Kim et al., DIQA (TNNLS 2019). The background, where nothing can be
    better or worse than elsewhere, keeps `Q_t`.

    Args:
        similarity: S, `[height, width]` from `similarity_map` or a part of it.
        shown: B, 1 or 0, of image or reference. Same shape.
        quality: Q_t, a scalar in 0..1.
        grid: Rows and columns of the CAM; they divide height and width.
        kappa: Contrast of the map.

    Returns:
        F_GT. Shape `grid`, range [0, 1].
    """
    similarity, shown = (tf.cast(x, tf.float32) for x in (similarity, shown))
    mean = tf.math.divide_no_nan(
        tf.reduce_sum(similarity * shown), tf.reduce_sum(shown)
    )
    deviation = shown * (similarity - mean)
    rows, columns = grid
    height, width = similarity.shape
    cells = (rows, height // rows, columns, width // columns)
    pooled = tf.reduce_mean(tf.reshape(deviation, cells), (1, 3))
    return tf.clip_by_value(quality + kappa * pooled, 0.0, 1.0)


def normalized_map(cam: Tensor) -> Tensor:
    """Brings each map to [0, 1] by its own extremes; constant ones to 0.

    Choice: how a CAM is made comparable when the CAM of I_GT is the target
    (`--cam_target=reference`).
    """
    low = tf.reduce_min(cam, (1, 2), keepdims=True)
    high = tf.reduce_max(cam, (1, 2), keepdims=True)
    return tf.math.divide_no_nan(cam - low, high - low)
