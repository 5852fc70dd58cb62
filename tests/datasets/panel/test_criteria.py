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


def texture(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (32, 32)).astype(np.float32)


def square(level):
    image = np.zeros((32, 32), np.float32)
    image[8:24, 8:24] = level
    return image


def flat(rgb):
    return np.full((16, 16, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("source", "fused", "low", "high"),
    [
        (200, 200, BEST - 1e-4, BEST + 1e-4),
        (200, 100, HALF - 5e-4, HALF + 5e-4),
        # Faint edges cannot earn full marks.
        (10, 10, 0, 0.3),
    ],
)
def test_edges_are_kept_as_worked_by_hand(source, fused, low, high):
    source = square(source)
    kept = criteria.edges_kept(source, source, square(fused), EVERYWHERE)
    assert ((low < kept) & (kept < high)).all()


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
    found = criteria.colour_difference(wanted, got)
    assert found == pytest.approx(expected, rel=0.01)


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
    of_bone, of_tissue = (
        criteria.colour_difference(ct, image) for image in (no_bone, no_tissue)
    )
    assert of_bone > of_tissue


@pytest.mark.parametrize(
    ("weak", "gain", "expected"),
    # Against the better source; more than it has is no gain.
    [(0.1, 0.5, 0.5), (1.0, 2.0, 1.0)],
)
def test_contrast_is_a_share_of_the_better_sources(weak, gain, expected):
    a = texture(0)
    kept = criteria.contrast_kept(weak * a, a, gain * a, EVERYWHERE)
    assert kept == pytest.approx(expected, abs=1e-3)


def test_a_linear_mix_of_the_sources_has_no_artefacts():
    a, b = texture(0), texture(1)
    mix = 0.7 * a + 0.2 * b + 10
    assert criteria.disturbance(a, b, mix, EVERYWHERE) < 1e-3


def test_unexplained_structure_is_that_of_least_squares():
    a, b, f = texture(0), texture(1), texture(2)
    found = criteria._unexplained(a, b, f, size=9)[16, 16]
    window = np.s_[12:21, 12:21]
    design = [a[window].ravel(), b[window].ravel(), np.ones(81)]
    residual = np.linalg.lstsq(np.stack(design, 1), f[window].ravel())[1][0]
    assert found == pytest.approx(np.sqrt(residual / 81), rel=1e-2)


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
