"""Fusion: what all algorithms do, and each one's own mathematics."""

import cv2
import numpy as np
import pytest
import pywt
from scipy import ndimage

from datasets import fusion
from datasets.atlas import list_atlas_pairs
from datasets.fusion import color
from datasets.fusion import linear
from datasets.fusion import pcnn
from datasets.fusion import pyramid
from datasets.fusion import selection
from datasets.fusion import wavelet
from g2npan_tf.core.errors import InputError

SIZES = [(1, 1), (1, 7), (2, 2), (3, 5), (33, 47)]
each_algorithm = pytest.mark.parametrize("name", fusion.ALGORITHMS)
each_size = pytest.mark.parametrize("shape", SIZES)


def random_image(shape=(33, 47), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def random_pair(shape=(33, 47), seed=0):
    return random_image((2, *shape), seed)


def random_rgb(seed, shape=(33, 47, 3)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, dtype=np.uint8)


@each_algorithm
@each_size
def test_identical_sources_give_the_source_back(name, shape):
    source, _ = random_pair(shape)
    fused = fusion.ALGORITHMS[name](source, source.copy())
    # Rounding of the transforms there and back.
    np.testing.assert_allclose(fused, source, rtol=0, atol=2e-6)


@each_algorithm
@each_size
def test_exchanging_the_sources_changes_nothing_and_writes_nothing(name, shape):
    sources = random_pair(shape)
    copies, algorithm = sources.copy(), fusion.ALGORITHMS[name]
    forward, backward = algorithm(*sources), algorithm(*sources[::-1])
    np.testing.assert_allclose(forward, backward, atol=2e-6)
    np.testing.assert_array_equal(sources, copies)


@each_algorithm
@each_size
def test_output_has_the_sources_shape_dtype_and_range(name, shape):
    # 0 and 1 only: every transform would overshoot here if it were let.
    fused = fusion.ALGORITHMS[name](*np.round(random_pair(shape)))
    assert fused.shape == shape
    assert fused.dtype == np.float32
    assert 0.0 <= fused.min() <= fused.max() <= 1.0


@each_algorithm
@pytest.mark.parametrize("levels", [(0, 0), (1, 1), (0, 1), (0.25, 0.75)])
def test_constant_sources_give_a_constant_between_them(name, levels):
    sources = (np.full((33, 47), x, np.float32) for x in levels)
    fused = fusion.ALGORITHMS[name](*sources)
    assert np.ptp(fused) < 1e-5
    assert levels[0] - 1e-5 <= fused.mean() <= levels[1] + 1e-5


@each_algorithm
def test_result_is_the_same_to_the_byte_every_time(name):
    sources = random_rgb(0), random_rgb(1)
    first = fusion.fuse(*sources, name)
    again = fusion.fuse(*(source.copy() for source in sources), name)
    assert first.tobytes() == again.tobytes()


@each_algorithm
@pytest.mark.parametrize("order", [1, -1])
def test_detail_of_one_source_arrives_in_the_fused_image(name, order):
    flat = np.full((128, 128), 0.5, np.float32)
    detail = flat.copy()
    detail[63:65, 40:88] = 0.8
    fused = fusion.ALGORITHMS[name](*[detail, flat][::order])
    step = fused[63, 64] - fused[40, 64]
    # The mean keeps half of the step of 0.3; all others must keep more.
    assert step > (0.14 if name == "average" else 0.2)


@each_algorithm
def test_identical_images_come_back_and_grey_pairs_stay_grey_exactly(name):
    image = random_rgb(3)
    np.testing.assert_array_equal(fusion.fuse(image, image, name), image)
    greys = (random_rgb(i)[..., :1].repeat(3, 2) for i in range(2))
    fused = fusion.fuse(*greys, name)
    np.testing.assert_array_equal(fused, fused[..., :1].repeat(3, 2))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("grey", "expected"), [(109, (150, 100, 50)), (69, (130, 80, 30))]
)
def test_colour_is_kept_and_luminance_fused(order, grey, expected):
    # The functional image's luminance is 109; the mean with 69 loses 20.
    functional = np.full((16, 16, 3), (150, 100, 50), np.uint8)
    sources = [functional, np.full((16, 16, 3), grey, np.uint8)]
    fused = fusion.fuse(*sources[::order], "average")
    assert (fused == expected).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((random_rgb(0), random_rgb(1), "magic"), "Received: 'magic'"),
        ((random_rgb(0), random_rgb(1)[1:], "pca"), "one shape. Received"),
        ((random_rgb(0) / 255, random_rgb(1), "pca"), "Received: float64"),
        ((random_rgb(0), random_rgb(1)[..., 0], "pca"), r"source_b .*33, 47"),
        ((random_rgb(0)[:0], random_rgb(1), "pca"), r"Received: \[0, 47, 3\]"),
    ],
)
def test_wrong_input_is_named_with_what_was_received(arguments, message):
    with pytest.raises(InputError, match=message):
        fusion.fuse(*arguments)


@pytest.mark.real
@each_algorithm
def test_real_pairs_fuse_within_plausible_bounds(name, shared_data):
    entries = list_atlas_pairs(shared_data / "whole_brain_atlas", 128)
    for modality in ("CT-MRI", "PET-MRI", "SPECT-MRI"):
        of_modality = [e for e in entries if e.modality == modality]
        pair = of_modality[len(of_modality) // 2].load()
        sources = (pair.source_a, pair.source_b)
        fused = fusion.fuse(*sources, name).astype(float)
        darkest, brightest = np.min(sources, axis=0), np.max(sources, axis=0)
        assert 0.8 * darkest.mean() <= fused.mean() <= 1.2 * brightest.mean()
        for source in sources:
            correlation = np.corrcoef(fused.ravel(), source.ravel())[0, 1]
            assert correlation > 0.2


def test_luminance_is_the_standards_and_opencvs():
    primaries = np.eye(3, dtype=np.uint8)[np.newaxis] * 255
    found = color.luminance(primaries)
    np.testing.assert_allclose(found, [[0.299, 0.587, 0.114]], rtol=1e-6)
    expected = cv2.cvtColor(random_rgb(0), cv2.COLOR_RGB2GRAY)
    found = color.luminance(random_rgb(0)) * 255
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_luminance_of_grey_is_the_grey_level():
    levels = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    found = color.luminance(np.dstack([levels] * 3))
    np.testing.assert_allclose(found, levels / 255, atol=1e-7)
    assert found.max() <= 1.0


def test_new_luminance_keeps_chroma_and_is_the_luminance():
    image = 100 + random_rgb(2) // 8
    old = color.luminance(image)
    new = old + np.float32(20 / 255)
    changed = color.replace_luminance(image, old, new)
    np.testing.assert_array_equal(changed, image + 20)
    found = color.luminance(changed)
    np.testing.assert_allclose(found, new, atol=1e-6)


def test_out_of_gamut_values_are_clipped_not_wrapped():
    image = np.array([[[250, 128, 3]]], np.uint8)
    old = color.luminance(image)
    brighter, darker = (
        color.replace_luminance(image, old, old + np.float32(step))
        for step in (0.1, -0.1)
    )
    assert brighter[0, 0, 0] == 255
    assert darker[0, 0, 2] == 0


def test_one_coloured_pixel_makes_an_image_coloured():
    image = np.full((4, 4, 3), 7, np.uint8)
    assert color.is_grey(image)
    image[3, 3, 2] = 8
    assert not color.is_grey(image)


def test_weighted_average_is_the_mean():
    a, b = random_pair()
    expected = np.mean([a, b], axis=0)
    np.testing.assert_allclose(linear.weighted_average(a, b), expected, 1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_principal_weight_equals_the_eigenvectors(seed):
    a, b = random_pair(seed=seed)
    b = np.float32(0.3) * b + np.float32(0.1 * seed) * a
    _, vectors = np.linalg.eigh(np.cov(a.ravel(), b.ravel()))
    leading = np.abs(vectors[:, 1])
    expected = leading[0] / leading.sum()
    weight = linear.principal_weight(a, b)
    assert weight == pytest.approx(expected, rel=1e-4)
    fused = weight * a + (1 - weight) * b
    np.testing.assert_allclose(linear.pca(a, b), fused, rtol=1e-5)


def test_principal_weight_favours_the_source_with_more_contrast():
    a, b = random_pair()
    assert linear.principal_weight(a, b * np.float32(0.2)) > 0.9
    assert linear.principal_weight(a * np.float32(0.2), b) < 0.1


@pytest.mark.parametrize(
    "pair",
    [(random_pair()[0], 1 - random_pair()[0]), np.full((2, 4, 4), 0.7, "f4")],
    ids=["negatives", "constants"],
)
def test_principal_weight_without_a_leading_axis_is_one_half(pair):
    assert linear.principal_weight(*pair) == pytest.approx(0.5, abs=1e-3)


def test_larger_magnitudes_win_ties_and_the_last_level_are_means():
    a = np.array([1.0, -2.0, 3.0], np.float32)
    b = np.array([4.0, 1.0, -3.0], np.float32)
    details, base = selection.fuse_levels([a, a], [b, b])
    np.testing.assert_array_equal(details, [4.0, -2.0, 0.0])
    np.testing.assert_array_equal(base, [2.5, -0.5, 0.0])


def test_one_activity_map_serves_many_bands():
    a, b = np.ones((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    activity = np.arange(12.0).reshape(3, 4)
    fused = selection.choose_larger(a, b, activity, np.full((3, 4), 5.0))
    expected = np.sign(activity - 5.0) / 2 + 0.5
    np.testing.assert_array_equal(fused, [expected, expected])


def test_windows_equal_scipys():
    values = random_image((9, 11))
    expected = ndimage.maximum_filter(values, 3, mode="nearest")
    found = selection.window_maximum(values, 3)
    np.testing.assert_array_equal(found, expected)
    expected = ndimage.uniform_filter(values, 5, mode="reflect")
    found = selection.window_mean(values, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (33, 47)])
def test_reconstructions_are_exact(shape):
    image = random_image(shape)
    coefficients = wavelet.decompose_discrete(image)
    for rebuilt in (
        pyramid.reconstruct_laplacian(pyramid.decompose_laplacian(image)),
        pyramid.reconstruct_contrast(pyramid.decompose_contrast(image)),
        wavelet.reconstruct_discrete(coefficients, shape),
        wavelet.reconstruct_stationary(wavelet.decompose_stationary(image)),
    ):
        np.testing.assert_allclose(rebuilt, image, atol=1e-6)


def test_pyramid_has_four_bands_and_a_rest_of_halved_sides():
    levels = pyramid.decompose_laplacian(random_image((128, 100)))
    shapes = [level.shape for level in levels]
    assert shapes == [(128, 100), (64, 50), (32, 25), (16, 13), (8, 7)]


def test_reduction_is_burt_and_adelsons_with_a_binomial_kernel():
    smooth = random_image()
    for axis in (0, 1):
        kernel = np.array([1, 4, 6, 4, 1]) / 16
        smooth = ndimage.correlate1d(smooth, kernel, axis, mode="mirror")
    found = pyramid.decompose_gaussian(random_image())[1]
    np.testing.assert_allclose(found, smooth[::2, ::2], atol=1e-6)


def test_laplacian_bands_of_a_constant_are_zero():
    *bands, _ = pyramid.decompose_laplacian(np.full((33, 47), 0.5, np.float32))
    assert max(np.abs(band).max() for band in bands) < 1e-6


def test_laplacian_pyramid_takes_fine_detail_whole_from_its_source():
    smooth = np.full((64, 64), 0.5, np.float32)
    detail = smooth + np.float32(0.2) * (-1.0) ** np.arange(64, dtype="f4")
    fused = pyramid.laplacian_pyramid(smooth, detail)
    np.testing.assert_allclose(fused, detail, atol=1e-2)


def test_contrast_is_webers_against_the_coarser_level():
    image = random_image() + np.float32(0.1)
    fine, coarse, *_ = pyramid.decompose_gaussian(image + pyramid._DARK)
    background = pyramid.expand(coarse, fine)
    expected = (fine - background) / background
    found = pyramid.decompose_contrast(image)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_contrast_does_not_depend_on_the_lighting():
    levels, brighter = (
        pyramid.decompose_contrast(image)[:-1]
        for image in (random_image(), 2 * random_image() + pyramid._DARK)
    )
    for one, two in zip(levels, brighter, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_discrete_wavelet_is_the_five_three_filter_bank_of_three_levels():
    expected = random_image((128, 128))
    approximation, *details = wavelet.decompose_discrete(expected)
    for _ in range(3):
        expected, _ = pywt.dwt2(expected, "bior2.2")
    np.testing.assert_allclose(approximation, expected, rtol=1e-5)
    assert len(details) == 3
    bands = [approximation, *(band for level in details for band in level)]
    assert {band.dtype for band in bands} == {np.dtype(np.float32)}


def test_stationary_wavelet_is_pywavelets_haar_a_parseval_frame():
    image = random_image((64, 48))
    padded = np.pad(image, 16, mode="symmetric")
    *details, approximation = wavelet.decompose_stationary(image)
    expected = pywt.swt2(padded, "haar", 4, trim_approx=True, norm=True)
    # PyWavelets pairs a pixel with the one before it, up to a shift.
    energies = [np.sum(band**2) for level in expected[1:] for band in level]
    ours = [np.sum(x**2) for bands in details[::-1] for x in bands[[1, 0, 2]]]
    np.testing.assert_allclose(ours, energies, rtol=1e-4)
    rest = np.sum(approximation**2)
    assert rest == pytest.approx(np.sum(expected[0] ** 2), rel=1e-5)
    assert sum(ours) + rest == pytest.approx(np.sum(padded**2), rel=1e-5)


def test_stationary_fusion_moves_with_the_image():
    a, b = random_image((96, 96)), random_image((96, 96), seed=1)
    fused = wavelet.stationary_wavelet(a, b)[35:-32, 37:-32]
    moved = wavelet.stationary_wavelet(a[3:, 5:], b[3:, 5:])[32:-32, 32:-32]
    np.testing.assert_allclose(moved, fused, atol=1e-5)


def test_area_rule_is_window_maximum_and_majority():
    a, b = np.zeros((2, 12, 12), np.float32)
    a[4, 4] = 1.0
    b[5, 5] = 2.0
    fused = wavelet._choose_area(a, b)
    # b's 2 rules the window of (4, 4), but five of its nine neighbours (all
    # of row 3 and column 3) see a's 1 alone and outvote it.
    assert fused[4, 4] == 1.0
    assert fused[5, 5] == 2.0
    assert np.count_nonzero(fused) == 2


def test_spatial_frequency_of_a_ramp_is_its_slope():
    rows, columns = np.mgrid[:16, :16].astype(np.float32)
    band = 0.03 * rows - 0.04 * columns
    frequency = pcnn.spatial_frequency(band)
    np.testing.assert_allclose(frequency[4:-4, 4:-4], 0.05, rtol=1e-4)


def test_smooth_part_is_the_brighter_source():
    dark = np.full((33, 33), 0.2, np.float32)
    fused = pcnn.pcnn_fusion(dark, dark + np.float32(0.5))
    np.testing.assert_allclose(fused, 0.7, atol=1e-5)
