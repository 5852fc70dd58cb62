"""Each criterion of the panel against a hand-worked or other value."""

import numpy as np
import pytest
from skimage import color

from datasets.panel import criteria
from g2npan_tf.core.errors import InputError

EVERYWHERE = np.ones((32, 32), np.float32)
# Q^AF of equal edges and of half the strength, from the published constants.
BEST = 0.9994 / (1 + np.exp(-7.5)) * 0.9879 / (1 + np.exp(-4.4))
HALF = 0.9994 / 2 * 0.9879 / (1 + np.exp(-4.4))


def texture(seed, shape=(32, 32)):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, shape).astype(np.float32)


def square(level):
    image = np.zeros((32, 32), np.float32)
    image[8:24, 8:24] = level
    return image


def flat(rgb):
    return np.full((16, 16, 3), rgb, np.uint8)


def test_edges_of_an_identical_image_are_kept_to_the_published_maximum():
    kept = criteria.edges_kept(
        square(200), square(200), square(200), EVERYWHERE
    )
    np.testing.assert_allclose(kept, BEST, rtol=1e-4)


def test_edges_of_half_the_strength_are_kept_as_worked_by_hand():
    kept = criteria.edges_kept(
        square(200), square(200), square(100), EVERYWHERE
    )
    np.testing.assert_allclose(kept, HALF, rtol=1e-3)


def test_faint_edges_cannot_earn_full_marks():
    kept = criteria.edges_kept(square(10), square(10), square(10), EVERYWHERE)
    assert kept.max() < 0.3


def test_lost_edges_of_one_source_are_not_made_up_by_the_other():
    columns, rows = np.zeros((2, 32, 32), np.float32)
    columns[:, 16:] = 200
    rows[16:] = 200
    kept = criteria.edges_kept(columns, rows, columns, EVERYWHERE)
    assert kept[0] > 0.9
    assert kept[1] < 0.1


def test_colour_difference_of_flat_colours_agrees_with_scikit_image():
    wanted, got = flat((220, 120, 20)), flat((160, 140, 90))
    pair = np.array([wanted[0, 0], got[0, 0]]) / 255.0
    lightness, red, blue = np.subtract(*color.rgb2lab(pair))
    expected = np.hypot(np.hypot(lightness / 2, red), blue)
    assert criteria.colour_difference(wanted, got) == pytest.approx(
        expected, rel=0.01
    )


def test_colour_difference_ignores_what_lies_beside_the_uptake():
    functional = np.zeros((32, 32, 3), np.uint8)
    functional[4:12, 4:12] = (250, 150, 10)
    fused = functional.copy()
    fused[24:] = 200
    assert criteria.colour_difference(functional, fused) < 0.1


def test_bone_weighs_more_than_soft_tissue_of_a_ct():
    ct = np.full((32, 32, 3), 60, np.uint8)
    ct[:, 20:] = 250
    no_bone, no_tissue = ct.copy(), ct.copy()
    no_bone[:, 20:] = 190
    no_tissue[:, :20] = 0
    assert criteria.colour_difference(ct, no_bone) > criteria.colour_difference(
        ct, no_tissue
    )


def test_contrast_is_measured_against_the_better_source():
    strong = texture(0)
    weak = strong / 10
    kept = criteria.contrast_kept(weak, strong, strong / 2, EVERYWHERE)
    assert kept == pytest.approx(0.5, abs=1e-3)


def test_more_contrast_than_the_sources_have_is_no_gain():
    a = texture(0)
    kept = criteria.contrast_kept(a, a, 2 * a, EVERYWHERE)
    assert kept == pytest.approx(1.0, abs=1e-3)


def test_a_linear_mix_of_the_sources_has_no_artefacts():
    a, b = texture(0), texture(1)
    mix = 0.7 * a + 0.2 * b + 10
    assert criteria.disturbance(a, b, mix, EVERYWHERE) < 1e-3


def test_unexplained_structure_is_that_of_least_squares():
    a, b, f = texture(0), texture(1), texture(2)
    got = criteria._unexplained(a, b, f, size=9)[16, 16]
    window = np.s_[12:21, 12:21]
    design = np.stack(
        [a[window].ravel(), b[window].ravel(), np.ones(81)], axis=1
    )
    residual = np.linalg.lstsq(design, f[window].ravel())[1][0]
    assert got == pytest.approx(np.sqrt(residual / 81), rel=1e-2)


def test_ringing_on_the_black_ground_disturbs():
    head = np.zeros((32, 32), np.float32)
    head[:, :16] = 1
    a = texture(0) * head
    ringing = a + 40 * (1 - head) * (np.indices(head.shape)[1] % 2)
    assert criteria.disturbance(a, a, ringing, head) > 0.3


@pytest.mark.parametrize(
    ("blue", "expected"), [(100, False), (108, False), (109, True)]
)
def test_colour_needs_more_than_eight_levels(blue, expected):
    assert criteria.is_colour(flat((100, 100, blue))) is expected


def test_measure_is_finite_on_any_flat_image():
    for level in (0, 1, 255):
        values = criteria.measure(*[flat(level)] * 3)
        assert values.shape == (len(criteria.NAMES),)
        assert np.isfinite(values).all()


@pytest.mark.parametrize("name", ["source_a", "source_b", "fused"])
@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((16, 16, 3), np.float32),
        np.zeros((16, 16), np.uint8),
        np.zeros((16, 16, 4), np.uint8),
        np.zeros((0, 16, 3), np.uint8),
    ],
)
def test_measure_refuses_other_than_uint8_rgb(name, wrong):
    images = dict.fromkeys(("source_a", "source_b", "fused"), flat(9))
    with pytest.raises(InputError, match=r"must be uint8"):
        criteria.measure(**{**images, name: wrong})


def test_measure_names_the_image_of_another_shape():
    with pytest.raises(InputError, match=r"source_b .*\[16, 16, 3\]"):
        criteria.measure(flat(9), flat(9)[:-1], flat(9))
