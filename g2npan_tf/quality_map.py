"""The ground truth of the class activation map, which the paper leaves open."""

from typing import Any

import tensorflow as tf

from g2npan_tf.foreground import foreground

Tensor = Any
# Gaussian window of Wang et al., IEEE TIP 13(4), 2004, sec. III-B.
WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5


def structural_similarity_map(image: Tensor, reference: Tensor) -> Tensor:
    """Local SSIM between an image and the best one of its group.

    Args:
        image: Shape `[batch, height, width, 3]`, range [0, 1].
        reference: Same shape and range.

    Returns:
        Map `[batch, height, width, 1]`, range [-1, 1], mean over the channels;
        borders are mirrored, so that the size stays.
    """
    margin = WINDOW_SIZE // 2
    padding = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    padded = [tf.pad(x, padding, "SYMMETRIC") for x in (image, reference)]
    similarity = tf.image.ssim(
        *padded,
        max_val=1.0,
        filter_size=WINDOW_SIZE,
        filter_sigma=WINDOW_SIGMA,
        return_index_map=True,
    )
    return tf.reshape(similarity, (-1, *image.shape[1:3], 1))


def quality_map(
    image: Tensor,
    reference: Tensor,
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
        image: I_org. Shape `[batch, height, width, 3]`, range [0, 1].
        reference: I_GT of its group. Same shape and range.
        quality: Q_t. Shape `[batch]`, range [0, 1].
        grid: Rows and columns of the CAM; they divide height and width.
        kappa: Contrast of the map.

    Returns:
        F_GT. Shape `[batch, *grid]`, range [0, 1].
    """
    similarity = structural_similarity_map(image, reference)
    shown = foreground(tf.maximum(image, reference))
    size = tf.reduce_sum(shown, (1, 2, 3), keepdims=True)
    mean = tf.reduce_sum(similarity * shown, (1, 2, 3), keepdims=True)
    mean = tf.math.divide_no_nan(mean, size)
    deviation = shown * (similarity - mean)
    rows, columns = grid
    cell = (image.shape[1] // rows, image.shape[2] // columns)
    pooled = tf.nn.avg_pool2d(deviation, cell, cell, "VALID")[..., 0]
    target = quality[:, None, None] + kappa * pooled
    return tf.clip_by_value(target, 0.0, 1.0)


def normalized_map(cam: Tensor) -> Tensor:
    """Brings each map to [0, 1] by its own minimum and maximum.

    Choice: how a CAM is made comparable when the CAM of I_GT is the target
    (`--cam_target=reference`).

    Args:
        cam: Shape `[batch, rows, columns]`, any real.

    Returns:
        Same shape, range [0, 1]; a constant map gives zeros.
    """
    low = tf.reduce_min(cam, (1, 2), keepdims=True)
    high = tf.reduce_max(cam, (1, 2), keepdims=True)
    return tf.math.divide_no_nan(cam - low, high - low)
