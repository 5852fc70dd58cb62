"""Measures by loops and libraries, what they refuse, and the oracle."""

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy import stats

from g2npan_tf import baselines
from g2npan_tf.baselines import grey_levels
from g2npan_tf.baselines import hossny
from g2npan_tf.baselines import oefp
from g2npan_tf.baselines import rsfe
from g2npan_tf.baselines import tsallis
from g2npan_tf.baselines.full_reference import NUM_FEATURES
from g2npan_tf.baselines.full_reference import fit_reference
from g2npan_tf.baselines.full_reference import reference_features
from g2npan_tf.baselines.full_reference import reference_rmse
from g2npan_tf.baselines.oefp import edge_preservation
from g2npan_tf.core.errors import InputError
from tests.fused_triple import average
from tests.fused_triple import check_refusals
from tests.fused_triple import constant
from tests.fused_triple import textured
from tests.tiny import run_python

A, B = textured(0), textured(1)
F = average(A, B)
SMALL = [image[:11, :13] for image in (A, B, F)]
FLAT = constant(100)
OEFP_MAXIMUM = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))
# Of rSFe: where the neighbour is (row, column), and the square's weight.
DIRECTIONS = ((0, -1, 1), (-1, 0, 1), (-1, -1, 0.5**0.5), (-1, 1, 0.5**0.5))


@pytest.mark.parametrize("name", ["hossny", "oefp", "rsfe", "tsallis"])
def test_what_is_no_triple_of_grey_images_is_refused(name):
    check_refusals(getattr(baselines, name))
    grey_levels.check_grey(textured(0), textured(1), textured(2))


@pytest.mark.parametrize("measure", [baselines.tang, baselines.bmpri_features])
@pytest.mark.parametrize(
    "image",
    [
        textured(0).astype(np.float32),
        textured(0)[..., np.newaxis],
        textured(0)[:0],
        [[1, 2, 3]] * 3,
    ],
    ids=["float", "one channel", "empty", "list"],
)
def test_what_is_no_image_is_refused(measure, image):
    with pytest.raises(InputError, match=r"^image must be uint8 .* Received"):
        measure(image)


def test_joint_counts_by_hand_with_the_first_image_in_rows():
    first = np.array([[7, 7], [255, 0]], np.uint8)
    second = np.array([[1, 1], [2, 255]], np.uint8)
    counts = grey_levels.joint_counts(first, second)
    assert (counts[7, 1], counts[255, 2], counts[0, 255]) == (2, 1, 1)
    assert counts.shape == (256, 256)
    assert counts.sum() == 4


def test_luminance_is_that_of_bt_601():
    primaries = 255 * np.eye(3, dtype=np.uint8)[None]
    assert grey_levels.luminance(primaries).tolist() == [[76, 150, 29]]
    levels = np.arange(256, dtype=np.uint8)[None]
    image = np.stack([levels] * 3, axis=-1)
    np.testing.assert_array_equal(grey_levels.luminance(image), levels)


def test_hossny_and_tsallis_by_hand():
    # A = F: share 1/2, I_2 = 2 * (1/2)^2 / (1/4) - 1 = 1. B is independent of
    # F: 0. H_2 of each source is 1/2 and I_2(A, B) is 0.
    a = np.array([[0, 0], [9, 9]], np.uint8)
    b = np.array([[0, 9], [0, 9]], np.uint8)
    assert hossny(a, b, a) == pytest.approx(1.0, abs=1e-15)
    assert hossny(A, A, A) == 2.0
    assert tsallis(a, b, a, q=2.0) == pytest.approx(1.0, abs=1e-15)
    assert tsallis(a, b, a, q=2.0, form="nava") == pytest.approx(1.0)


def test_constant_images():
    assert hossny(A, B, FLAT) == hossny(A, FLAT, FLAT) == 0.0
    assert hossny(A, FLAT, A) == pytest.approx(1.0, abs=1e-15)
    for form in ("cvejic", "nava"):
        assert tsallis(A, B, FLAT, form=form) == 0.0
    assert tsallis(FLAT, FLAT, FLAT) == 0.0
    assert math.isnan(tsallis(FLAT, FLAT, FLAT, form="nava"))
    assert rsfe(A, B, FLAT) == -1.0
    assert rsfe(FLAT, FLAT, A) == math.inf
    for measure in (hossny, rsfe):
        assert math.isnan(measure(FLAT, FLAT, FLAT))
    # Zero padding draws an edge around a grey image, none around black.
    grey, black = constant(90), constant(0)
    assert oefp(grey, grey, grey) == pytest.approx(OEFP_MAXIMUM, abs=1e-12)
    assert math.isnan(oefp(black, black, grey))
    assert 0 < oefp(A, B, grey) < 0.2


def entropy(*images):
    levels = np.stack([image.ravel() for image in images])
    return stats.entropy(np.unique(levels, axis=1, return_counts=True)[1])


@pytest.mark.parametrize("second", [B, average(A, constant(128)) // 8])
def test_value_from_scipy_entropies(second):
    # Each source is normalised by its own entropy, as the second one shows.
    expected = 0.0
    for source in (A, second):
        separate = entropy(source) + entropy(F)
        expected += 2 * (separate - entropy(source, F)) / separate
    assert hossny(A, second, F) == pytest.approx(expected, rel=1e-12)


def information(x, f, q):
    """I_q by loops over all pairs of levels."""
    total = 0.0
    for level in np.unique(x):
        for other in np.unique(f):
            joint = np.mean((x == level) & (f == other))
            own = np.mean(x == level) * np.mean(f == other)
            if joint > 0:
                total += joint**q / own ** (q - 1)
    return (1 - total) / (1 - q)


def tsallis_entropy(x, q):
    shares = np.unique(x, return_counts=True)[1] / x.size
    return (1 - np.sum(shares**q)) / (q - 1)


@pytest.mark.parametrize("options", [{"q": 0.43137}, {"q": 1.85}, {}])
def test_tsallis_sum_by_loops_and_the_published_q_is_the_default(options):
    a, b, f = SMALL
    q = options.get("q", 1.85)
    expected = information(a, f, q) + information(b, f, q)
    assert tsallis(a, b, f, **options) == pytest.approx(expected, rel=1e-11)
    # Marginals are not swapped as in public ports: an inverted image has the
    # same joint structure.
    inverted = tsallis(a, b, 255 - f, **options)
    assert inverted == pytest.approx(expected, rel=1e-11)


def test_tsallis_quotient_by_loops():
    a, b, f = SMALL
    q = 0.43137
    kept = information(a, f, q) + information(b, f, q)
    there = tsallis_entropy(a, q) + tsallis_entropy(b, q) - information(a, b, q)
    value = tsallis(a, b, f, q=q, form="nava")
    assert value == pytest.approx(kept / there, rel=1e-11)


@pytest.mark.parametrize("q", [1, 0, -2.0, math.nan, math.inf])
def test_impossible_index_or_form_is_refused(q):
    with pytest.raises(InputError, match="q must be above 0 and not 1"):
        tsallis(A, B, F, q=q)
    with pytest.raises(InputError, match=r"one of cvejic, nava.*'sum'"):
        tsallis(A, B, F, form="sum")


def edges(image):
    """Strength and orientation with scipy's filter and pixel by pixel."""
    x, y = (
        ndimage.sobel(image.astype(float), axis, mode="constant")
        for axis in (1, 0)
    )
    angle = [
        math.pi / 2 if dx == 0 else math.atan(dy / dx)
        for dx, dy in zip(x.flat, y.flat, strict=True)
    ]
    return np.sqrt(x**2 + y**2).ravel(), np.array(angle)


def oefp_by_loops(a, b, fused, wrapped=False):
    kept = there = 0.0
    strength_f, angle_f = edges(fused)
    for source in (a, b):
        for g, alpha, gf, af in zip(
            *edges(source), strength_f, angle_f, strict=True
        ):
            ratio = 1.0 if g == gf else min(g, gf) / max(g, gf)
            delta = abs(alpha - af)
            alike = 1 - delta / (math.pi / 2)
            if wrapped:
                alike = abs(delta - math.pi / 2) * 2 / math.pi
            quality = 0.9994 / (1 + math.exp(-15 * (ratio - 0.5)))
            quality *= 0.9879 / (1 + math.exp(-22 * (alike - 0.8)))
            kept += quality * g
            there += g
    return kept / there


@pytest.mark.parametrize("wrapped", [False, True])
def test_oefp_by_loops_and_scipy(wrapped):
    value = oefp(A, B, F, wrapped=wrapped)
    assert value == pytest.approx(oefp_by_loops(A, B, F, wrapped), rel=1e-12)


def test_equal_images_have_oefps_published_maximum():
    # Not 1; and not 0.975333, which ports give that set G = g_F where both
    # gradients are equal.
    assert oefp(A, A, A) == pytest.approx(OEFP_MAXIMUM, abs=1e-12)
    assert pytest.approx(0.974794, abs=5e-7) == OEFP_MAXIMUM
    one = edge_preservation(np.array(1.0), np.array(1.0))
    assert float(one) == pytest.approx(OEFP_MAXIMUM, abs=1e-15)
    # The smallest gradients of 8-bit images: a single grey level.
    faint = constant(0, (5, 5))
    faint[2, 2] = 1
    assert oefp(faint, faint, faint) == pytest.approx(OEFP_MAXIMUM, abs=1e-12)


def differences(image, row, column):
    """Over all pixels that have that neighbour, one by one."""
    height, width = image.shape
    return np.array(
        [
            abs(int(image[i, j]) - int(image[i + row, j + column]))
            for i in range(height)
            for j in range(width)
            if 0 <= i + row and 0 <= j + column < width
        ]
    )


def rsfe_by_loops(a, b, fused):
    wanted = found = 0.0
    for row, column, weight in DIRECTIONS:
        of_a, of_b, of_f = (differences(x, row, column) for x in (a, b, fused))
        wanted += weight * np.sum(np.maximum(of_a, of_b) ** 2) / a.size
        found += weight * np.sum(of_f**2) / a.size
    return (math.sqrt(found) - math.sqrt(wanted)) / math.sqrt(wanted)


@pytest.mark.parametrize("fused", [F, 255 - F, A, A // 3])
def test_rsfe_by_loops(fused):
    assert rsfe(A, B, fused) == pytest.approx(
        rsfe_by_loops(A, B, fused), abs=1e-12
    )


def test_rsfe_by_hand():
    # Differences of 9 in A: one horizontal, one vertical, one diagonal. F
    # has the same at 3 and B none: a third is left.
    a = np.array([[0, 0], [0, 9]], np.uint8)
    assert rsfe(a, constant(5, (2, 2)), a // 3) == pytest.approx(-2 / 3)


def test_sign_of_rsfe_is_that_of_added_detail():
    rng = np.random.default_rng(0)
    noisy = (F + rng.normal(0, 40, F.shape)).clip(0, 255).astype(np.uint8)
    assert rsfe(F, F, noisy) > 0.1
    assert rsfe(F, F, F) == 0.0


NOISY = np.clip(
    A + np.random.default_rng(0).normal(0, 12, A.shape), 0, 255
).astype(np.uint8)
SMOOTH = ndimage.gaussian_filter(A, 1.5)


def test_the_reference_itself_has_no_error():
    assert reference_rmse(A, A) == 0
    features = reference_features(A, A)
    assert features.shape == (NUM_FEATURES,)
    np.testing.assert_allclose(features, [0, 0, 1, 0, 1, 0, 0, 0], atol=1e-12)


def test_rmse_to_the_reference_by_hand():
    darker = np.full((4, 4), 49, np.uint8)
    assert reference_rmse(darker, darker + 51) == pytest.approx(0.2)
    grey = np.repeat(darker[..., None], 3, axis=2)
    assert reference_rmse(grey, darker + 51) == pytest.approx(0.2)


def test_noise_and_smoothing_are_told_apart():
    noisy, smooth = (reference_features(x, A) for x in (NOISY, SMOOTH))
    # Power of the finest band, over that of the reference.
    assert noisy[5] > 0 > smooth[5]
    # Noise averages out where both are smoothed.
    assert noisy[1] < noisy[0] / 2
    assert max(noisy[2], smooth[2]) < 1


def test_brightness_is_a_difference_of_means_alone():
    image = A // 2
    brighter = reference_features(image + 51, image)
    assert brighter[3] == pytest.approx(0.2)
    np.testing.assert_allclose(brighter[4:], [1, 0, 0, 0], atol=1e-9)


def test_regression_of_reference_features_learns_what_a_feature_tells():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (60, 8)) * 10.0 ** np.arange(-4, 4)
    features[:, 3] = 0
    mos = 3 + np.tanh(features[:, 0] / 1e-4)
    predicted = fit_reference(features[:40], mos[:40])(features[40:])
    assert np.corrcoef(predicted, mos[40:])[0, 1] > 0.8


def test_references_of_other_sizes_are_one_line():
    with pytest.raises(InputError, match="must have the size of the image"):
        reference_rmse(A, A[1:])


def nava(*images):
    return baselines.tsallis(*images, q=0.43137, form="nava")


def wrapped(*images):
    return baselines.oefp(*images, wrapped=True)


# Measure, row of the oracle, relative and absolute tolerance. OEFP's literal
# form depends on the sign of the filter: ours is the first row's exactly.
TARGETS = (
    (baselines.hossny, "paper.hossny_raw256", 0, 1e-9),
    (baselines.tsallis, "paper.tsallis_sum_q1.85_raw256", 1e-9, 1e-12),
    (nava, "paper.tsallis_nava_q0.43137_raw256", 0, 1e-9),
    (baselines.oefp, "paper.QABF", 0, 1e-9),
    (baselines.oefp, "hong.QABF_xydeas_original_constants", 0, 6e-3),
    (wrapped, "paper.QABF_angle_wrapped", 0, 1e-9),
    (baselines.rsfe, "paper.rSFe", 0, 1e-9),
)


def test_measures_equal_the_oracle_on_every_case(oracle):
    for case, values in oracle.values.items():
        images = [oracle.image(case, x) for x in "ABF"]
        for measure, metric, relative, absolute in TARGETS:
            expected = pytest.approx(
                float(values[metric]), relative, absolute, nan_ok=True
            )
            assert measure(*images) == expected, (case, metric)


@pytest.mark.parametrize("name", ["g2npan_tf", "g2npan_tf.baselines"])
def test_importing_loads_no_tensorflow(name):
    code = (
        f"import {name}, sys; "
        "print({'tensorflow', 'keras', 'sklearn'} & set(sys.modules))"
    )
    done = run_python("-c", code)
    assert done.stdout == "set()\n"
