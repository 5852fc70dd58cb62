"""The CAM's ground truth."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from g2npan_tf.model import cam_target
from g2npan_tf.model.scorer import foreground

RNG = np.random.default_rng(0)
REFERENCE = RNG.random((2, 64, 64, 3), dtype=np.float32)
IMAGE = np.clip(
    REFERENCE + 0.2 * RNG.random((2, 64, 64, 3), dtype=np.float32), 0, 1
)
QUALITY = np.array([0.3, 0.6], np.float32)


def targets(images, references, qualities, grid=(4, 4), kappa=0.5):
    """The target of each whole image."""
    return np.stack(
        [
            cam_target.local_quality(
                cam_target.similarity_map(image, reference),
                foreground(np.maximum(image, reference))[..., 0],
                quality,
                grid,
                kappa,
            )
            for image, reference, quality in zip(
                images, references, qualities, strict=True
            )
        ]
    )


def test_similarity_map_is_scikit_image_s_to_the_border():
    ours = cam_target.similarity_map(IMAGE[0], REFERENCE[0])
    _, theirs = structural_similarity(
        IMAGE[0].astype(np.float64),
        REFERENCE[0].astype(np.float64),
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    np.testing.assert_allclose(ours, theirs.mean(-1), atol=1e-12)


def test_similarity_map_is_tensorflow_s_up_to_its_rounding():
    ours = cam_target.similarity_map(IMAGE[0], REFERENCE[0])
    theirs = tf.image.ssim(
        IMAGE[:1], REFERENCE[:1], 1.0, return_index_map=True
    ).numpy()
    np.testing.assert_allclose(ours[5:-5, 5:-5], theirs[0], atol=1e-4)


def test_the_reference_itself_is_everywhere_as_good_as_its_score():
    target = targets(REFERENCE, REFERENCE, QUALITY)
    np.testing.assert_allclose(
        target, np.broadcast_to(QUALITY[:, None, None], (2, 4, 4)), atol=1e-5
    )


def test_the_mean_of_the_map_is_the_score():
    target = targets(IMAGE, REFERENCE, QUALITY)
    assert target.std() > 0.001
    np.testing.assert_allclose(target.mean((1, 2)), QUALITY, atol=1e-5)


def test_a_damaged_corner_is_worse_than_the_rest():
    damaged = REFERENCE.copy()
    damaged[:, :16, :16] = 1 - damaged[:, :16, :16]
    target = targets(damaged, REFERENCE, QUALITY)
    target = target.reshape(2, -1)
    assert (target.argmin(1) == 0).all()


def test_black_background_keeps_the_score():
    image, reference = IMAGE.copy(), REFERENCE.copy()
    image[:, :16] = reference[:, :16] = 0
    target = targets(image, reference, QUALITY)
    np.testing.assert_allclose(
        target[:, 0], np.broadcast_to(QUALITY[:, None], (2, 4)), atol=1e-6
    )


def test_faint_tissue_is_foreground_and_fainter_noise_is_not():
    for level, flat in ((0.02, True), (0.06, False)):
        reference = np.full((1, 64, 64, 3), level, np.float32)
        image = reference * (1 + 0.5 * (RNG.random((1, 64, 64, 1)) - 0.9))
        image[:, 32:] = reference[:, 32:]
        target = targets(image.astype(np.float32), reference, QUALITY[:1])
        assert (np.ptp(target) < 1e-6) == flat


def test_an_all_black_pair_gives_no_nan():
    black = np.zeros((1, 64, 64, 3), np.float32)
    target = targets(black, black, QUALITY[:1])
    np.testing.assert_allclose(target, 0.3, rtol=1e-6)


def test_kappa_zero_is_flat():
    target = targets(IMAGE, REFERENCE, QUALITY, kappa=0.0)
    assert np.ptp(target, axis=(1, 2)) == pytest.approx([0, 0])


def test_normalized_map_spans_zero_to_one_and_survives_constants():
    cam = np.array([[[2.0, 4.0]], [[3.0, 3.0]]], np.float32)
    np.testing.assert_array_equal(
        cam_target.normalized_map(cam), [[[0, 1]], [[0, 0]]]
    )
