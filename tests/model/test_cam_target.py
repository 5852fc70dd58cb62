"""The CAM's ground truth."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from g2npan_tf.model import cam_target
from g2npan_tf.model.spectrum import foreground

RNG = np.random.default_rng(0)
REFERENCE = RNG.random((64, 64, 3), dtype=np.float32)
IMAGE = np.clip(
    REFERENCE + 0.2 * RNG.random((64, 64, 3), dtype=np.float32), 0, 1
)
QUALITY = 0.3


def target(image, reference, kappa=0.5):
    """The target of a whole image on a grid of 4 x 4."""
    return cam_target.local_quality(
        cam_target.similarity_map(image, reference),
        foreground(np.maximum(image, reference))[..., 0],
        QUALITY,
        (4, 4),
        kappa,
    ).numpy()


def test_similarity_map_is_scikit_image_s_to_the_border():
    ours = cam_target.similarity_map(IMAGE, REFERENCE)
    _, theirs = structural_similarity(
        IMAGE.astype(np.float64),
        REFERENCE.astype(np.float64),
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    np.testing.assert_allclose(ours, theirs.mean(-1), atol=1e-12)


def test_similarity_map_is_tensorflow_s_up_to_its_rounding():
    ours = cam_target.similarity_map(IMAGE, REFERENCE)
    theirs = tf.image.ssim(
        IMAGE[None], REFERENCE[None], 1.0, return_index_map=True
    )[0].numpy()
    np.testing.assert_allclose(ours[5:-5, 5:-5], theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("image", "reference", "kappa", "atol"),
    [
        (REFERENCE, REFERENCE, 0.5, 1e-5),
        (IMAGE, REFERENCE, 0.0, 0.0),
        (0 * IMAGE, 0 * REFERENCE, 0.5, 1e-7),
    ],
    ids=["the reference itself", "kappa zero", "black"],
)
def test_it_is_everywhere_as_good_as_its_score(image, reference, kappa, atol):
    found = target(image, reference, kappa)
    np.testing.assert_allclose(found, np.full((4, 4), QUALITY), 1e-6, atol)


def test_the_mean_of_the_map_is_the_score():
    found = target(IMAGE, REFERENCE)
    assert found.std() > 5e-4
    assert found.mean() == pytest.approx(QUALITY, abs=1e-5)


def test_a_damaged_corner_is_worse_than_the_rest():
    damaged = REFERENCE.copy()
    damaged[:16, :16] = 1 - damaged[:16, :16]
    assert target(damaged, REFERENCE).argmin() == 0


def test_black_background_keeps_the_score():
    image, reference = IMAGE.copy(), REFERENCE.copy()
    image[:16] = reference[:16] = 0
    found = target(image, reference)
    np.testing.assert_allclose(found[0], np.full(4, QUALITY), atol=1e-6)


@pytest.mark.parametrize(("level", "is_flat"), [(0.02, True), (0.06, False)])
def test_faint_tissue_is_foreground_and_fainter_noise_is_not(level, is_flat):
    reference = np.full((64, 64, 3), level, np.float32)
    image = reference * (1 + 0.5 * (RNG.random((64, 64, 1)) - 0.9))
    image[32:] = reference[32:]
    found = target(image.astype(np.float32), reference)
    assert (np.ptp(found) < 1e-6) == is_flat


def test_normalized_map_spans_zero_to_one_and_survives_constants():
    cam = np.array([[[2.0, 4.0]], [[3.0, 3.0]]], np.float32)
    np.testing.assert_array_equal(
        cam_target.normalized_map(cam), [[[0, 1]], [[0, 0]]]
    )
