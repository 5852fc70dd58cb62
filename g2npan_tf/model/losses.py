"""The loss functions of the paper, pure and per example, in equation order.

Losses take logits where the paper takes probabilities, so that nothing
overflows, and return one value an example (nats where they are entropies).
Unless a function says otherwise, arguments have shape `[batch]`, and shapes
that would broadcast raise `ValueError`.
"""

from typing import Any

import numpy as np
from keras import ops

from g2npan_tf.core import mos
from g2npan_tf.model import cam_target
from g2npan_tf.model import spectrum

Tensor = Any


def reduce_mean(per_example: Tensor, global_batch_size: int) -> Tensor:
    """Averages a loss over the global batch: the only reduction.

    Optimisers sum gradients over replicas, so each replica divides by the
    size of the whole batch and not by its own share of it.

    Returns:
        Scalar; its sum over the replicas is the mean over the global batch.
    """
    return ops.sum(per_example) / global_batch_size


def reconstruction_loss(reference: Tensor, pseudo_reference: Tensor) -> Tensor:
    """Mean squared error between the best image and the generated one.

    Equation: 1

    Choice: mean over pixels and channels, so that the weight theta does not
    depend on the image size.

    Args:
        reference: I_GT. Shape `[batch, height, width, 3]`, range [0, 1].
        pseudo_reference: I_hq = G(I_org). Same shape and range.
    """
    _check_same_shape(reference, pseudo_reference)
    return ops.mean(ops.square(reference - pseudo_reference), axis=(1, 2, 3))


def spectral_loss(
    image: Tensor, reference: Tensor, pseudo_reference: Tensor
) -> Tensor:
    """How far what G changes is from what is to be changed, by frequency.

    `mean |log P(I_hq - I_org) - log P(I_GT - I_org)|` over the places and
    frequencies of `spectrum.log_power`, to be added to L_1 (Eq. 1).

    Choice: not of the paper. I_GT has noise of its own, which nothing of
    I_org tells: by the squared error alone the best guess hardly differs from
    I_org, and G learns the identity. A change of the right power is worth as
    much at frequencies where it is faint, as noise and fine texture are.

    Args:
        image: I_org. Shape `[batch, height, width, 3]`, range [0, 1].
        reference: I_GT. Same shape and range.
        pseudo_reference: I_hq = G(I_org). Same shape and range.
    """
    _check_same_shape(image, reference, pseudo_reference)
    made, due = (
        spectrum.log_power(best - image)
        for best in (pseudo_reference, reference)
    )
    return ops.mean(ops.abs(made - due), axis=(1, 2, 3))


def ssim_loss(reference: Tensor, pseudo_reference: Tensor) -> Tensor:
    """One minus the structural similarity, to be added to L_1 (Eq. 1).

    Precedent: Zhao et al., "Loss functions for image restoration with neural
    networks" (IEEE TCI 2017). SSIM as of `cam_target.similarity_map`.

    Choice: not of the paper. A hundredth of full scale counts for nothing in
    the squared error, and is seen at once where an image is dark: G lifted
    the background. Of the channels' mean, and of windows that lie wholly in
    the image. (The gradient of TensorFlow's own takes several times as long
    as the rest of a step.)

    Args:
        reference: I_GT. Shape `[batch, height, width, 3]`, range [0, 1].
        pseudo_reference: I_hq = G(I_org). Same shape and range.
    """
    _check_same_shape(reference, pseudo_reference)
    x, y = (ops.mean(z, axis=-1) for z in (reference, pseudo_reference))
    mean_x, mean_y, products, squares = ops.unstack(
        _window_mean(ops.stack([x, y, x * y, x**2 + y**2]))
    )
    product, square = mean_x * mean_y, mean_x**2 + mean_y**2
    similarity = (
        (2 * product + cam_target.C1)
        * (2 * (products - product) + cam_target.C2)
        / ((square + cam_target.C1) * (squares - square + cam_target.C2))
    )
    return 1 - ops.mean(similarity, axis=(1, 2))


def generator_loss(
    fake_logits: Tensor,
    reconstruction: Tensor,
    reconstruction_weight: float = 0.5,
    adversarial_weight: float = 1.0,
) -> Tensor:
    """Adversarial loss of the generator plus the weighted reconstruction loss.

    `log(1 - D(I_hq)) + theta * L_1`, minimised by G. Computed from logits:
    `log(1 - sigmoid(x)) = -softplus(x)`.

    Equation: 2

    Choice: the adversarial term can be weighed, as in SRGAN (Ledig et al.,
    CVPR 2017). With the paper's 1 its gradient drowns that of L_1, which is a
    mean over all pixels, and G makes images that only deceive D.

    Args:
        fake_logits: D's logits of I_hq.
        reconstruction: Result of `reconstruction_loss`, with what is added
            to it.
        reconstruction_weight: theta.
        adversarial_weight: 1 is Eq. 2.

    Example:
    >>> float(generator_loss(ops.zeros(1), ops.ones(1))[0])
    -0.193...
    """
    _check_same_shape(fake_logits, reconstruction)
    return (
        -adversarial_weight * ops.softplus(fake_logits)
        + reconstruction_weight * reconstruction
    )


def discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, perception_weight: Tensor
) -> Tensor:
    """Loss of the discriminator that knows the quality of the generated image.

    The negative of Eq. 11, to be minimised. For a binary W,
    `log(1 - abs(D - W))` is the negative cross-entropy of D with target W, so
    this is `BCE(D(I_GT), 1) + BCE(D(I_hq), W)`; W = 0 gives Eq. 3.

    Equation: 3, 11

    Args:
        real_logits: D's logits of I_GT.
        fake_logits: D's logits of I_hq.
        perception_weight: W of Eq. 10, 0 or 1.

    Example:
    >>> float(discriminator_loss(ops.zeros(1), ops.zeros(1), ops.zeros(1))[0])
    1.386...
    """
    _check_same_shape(real_logits, fake_logits, perception_weight)
    real = ops.softplus(-real_logits)
    return real + _cross_entropy(perception_weight, fake_logits)


def cam_loss(cam_target: Tensor, cam: Tensor) -> Tensor:
    """Mean absolute error of the class activation map.

    Equation: 6

    Args:
        cam_target: F_GT (see `g2npan_tf.model.cam_target`). Shape
            `[batch, rows, columns]`, range [0, 1].
        cam: F_CAM after the sigmoid. Same shape and range.
    """
    _check_same_shape(cam_target, cam)
    return ops.mean(ops.abs(cam - cam_target), axis=(1, 2))


def quality_loss(quality: Tensor, quality_logit: Tensor) -> Tensor:
    """Cross-entropy between the readers' quality and the predicted one.

    Computed from logits: Eq. 8 is folded in, so that it cannot overflow. Its
    minimum over the logit lies at `sigmoid(quality_logit) = quality` and is
    the binary entropy of `quality`, which is 0 only for 0 and 1.

    Equation: 7

    Args:
        quality: Q_t, range [0, 1] (MOS 1..5 rescaled).
        quality_logit: Q_pre, before the sigmoid.

    Example:
    >>> float(quality_loss(ops.ones(1), ops.zeros(1))[0])
    0.693...
    """
    _check_same_shape(quality, quality_logit)
    return _cross_entropy(quality, quality_logit)


def assessment_loss(
    cam_term: Tensor, quality_term: Tensor, cam_weight: float = 1.0
) -> Tensor:
    """Whole loss of the quality network (AQA).

    Equation: 9

    Args:
        cam_term: Result of `cam_loss`.
        quality_term: Result of `quality_loss`.
        cam_weight: phi; 0 switches the CAM supervision off.
    """
    _check_same_shape(cam_term, quality_term)
    return cam_weight * cam_term + quality_term


def correlation_loss(quality: Tensor, predicted_quality: Tensor) -> Tensor:
    """One minus the correlation (PLCC) of a batch.

    Not of the paper: scores of one study lie close together, so that the
    cross-entropy hardly falls while the order of the images is learned.
    Precedent: Li et al., "Norm-in-Norm Loss" (ACM Multimedia 2020).

    Choice: over the images of one replica's batch.

    Args:
        quality: Q_t, range [0, 1].
        predicted_quality: Sigmoid of Q_pre.

    Returns:
        The same value for each example, so that `reduce_mean` keeps it, range
        [0, 2]; 1 where either is constant.

    Example:
    >>> float(correlation_loss(ops.array([0.0, 1]), ops.array([0.6, 0.4]))[0])
    1.99...
    """
    _check_same_shape(quality, predicted_quality)
    true, predicted = (x - ops.mean(x) for x in (quality, predicted_quality))
    # The floor keeps the gradient finite where all predictions are equal.
    scale = ops.sqrt(
        ops.sum(ops.square(true)) * ops.sum(ops.square(predicted)) + 1e-8
    )
    loss = 1 - ops.sum(true * predicted) / scale
    return ops.broadcast_to(loss, ops.shape(quality))


def ranking_loss(
    quality: Tensor, quality_logit: Tensor, group: Tensor
) -> Tensor:
    """How badly images of one content are ordered.

    `softplus(lower - higher)` of the two logits, mean over all pairs of one
    group whose qualities differ. Not of the paper: the cross-entropy asks for
    the level of a group too, which its content may hide. Precedent: Burges et
    al., RankNet (ICML 2005).

    Choice: over the images of one replica's batch.

    Args:
        quality: Q_t, range [0, 1].
        quality_logit: Q_pre, before the sigmoid.
        group: Integers, equal for images of one content.

    Returns:
        The same value for each example, so that `reduce_mean` keeps it; 0
        where no pair is to be ordered.

    Example:
    >>> same = ops.zeros(2, dtype="int32")
    >>> float(ranking_loss(ops.array([0.2, 0.9]), ops.zeros(2), same)[0])
    0.693...
    """
    _check_same_shape(quality, quality_logit, group)
    is_pair = ops.logical_and(
        group[:, None] == group[None], quality[:, None] > quality[None]
    )
    pairs = ops.cast(is_pair, quality_logit.dtype)
    errors = ops.softplus(quality_logit[None] - quality_logit[:, None])
    loss = ops.sum(pairs * errors) / ops.maximum(ops.sum(pairs), 1.0)
    return ops.broadcast_to(loss, ops.shape(quality))


def perception_weight(predicted_quality: Tensor) -> Tensor:
    """Whether the generated image counts as real for the discriminator.

    W is 1 where the quality network gives I_hq at least the clinical MOS of
    3, else 0.

    Equation: 10

    Args:
        predicted_quality: AQA's quality of I_hq, range [0, 1].

    Example:
    >>> [float(w) for w in perception_weight(ops.array([0.49, 0.5]))]
    [0.0, 1.0]
    """
    good = predicted_quality >= mos.to_quality(mos.CLINICAL_MOS)
    return ops.cast(good, predicted_quality.dtype)


def perceptual_loss(
    generator_term: Tensor,
    assessment_term: Tensor,
    quality_weight: float = 0.01,
) -> Tensor:
    """Whole loss that updates the generator.

    Equation: 12

    Args:
        generator_term: Result of `generator_loss`.
        assessment_term: Result of `assessment_loss`.
        quality_weight: gamma.
    """
    _check_same_shape(generator_term, assessment_term)
    return generator_term + quality_weight * assessment_term


def _window_mean(x: Tensor) -> Tensor:
    """Mean under the Gaussian window of SSIM, `[..., height, width]`."""
    for _ in range(2):
        x = ops.swapaxes(ops.matmul(x, _window_means(x.shape[-1])), -1, -2)
    return x


def _window_means(size: int) -> np.ndarray:
    """Matrix that takes means along an axis, of places with a whole window."""
    place = np.arange(cam_target.WINDOW_SIZE) - cam_target.WINDOW_SIZE // 2
    window = np.exp(-((place / cam_target.WINDOW_SIGMA) ** 2) / 2)
    count = size - len(window) + 1
    means = np.zeros((size, count), np.float32)
    for start in range(count):
        means[start : start + len(window), start] = window / window.sum()
    return means


def _cross_entropy(target: Tensor, logits: Tensor) -> Tensor:
    """Binary cross-entropy from logits, in the form that cannot overflow."""
    return ops.softplus(logits) - target * logits


def _check_same_shape(*tensors: Tensor) -> None:
    """Raises where broadcasting would otherwise hide a mistake."""
    shapes = [tuple(ops.shape(tensor)) for tensor in tensors]
    if any(len(shape) != len(shapes[0]) for shape in shapes) or any(
        len({d for d in dims if isinstance(d, int)}) > 1
        for dims in zip(*shapes, strict=True)
    ):
        raise ValueError(f"Shapes must be equal. Received: {shapes}")
