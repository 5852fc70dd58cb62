import numpy as np
import pytest
import pywt

from datasets.fusion import wavelet

_SIZES = [(1, 1), (1, 9), (3, 5), (33, 47), (128, 128)]


def random_image(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", _SIZES)
def test_discrete_wavelet_reconstruction_is_exact(shape):
    image = random_image(shape)
    coefficients = wavelet.decompose_discrete(image)
    rebuilt = wavelet.reconstruct_discrete(coefficients, shape)
    np.testing.assert_allclose(rebuilt, image, atol=1e-6)


def test_discrete_wavelet_has_three_levels_in_float32():
    approximation, *details = wavelet.decompose_discrete(
        random_image((128, 128))
    )
    assert len(details) == 3
    assert approximation.dtype == np.float32
    assert all(band.dtype == np.float32 for bands in details for band in bands)


def test_discrete_wavelet_is_the_five_three_filter_bank():
    approximation, *_ = wavelet.decompose_discrete(random_image((128, 128)))
    expected = random_image((128, 128))
    for _ in range(3):
        expected, _ = pywt.dwt2(expected, "bior2.2")
    np.testing.assert_allclose(approximation, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", _SIZES)
def test_stationary_wavelet_reconstruction_is_exact(shape):
    image = random_image(shape)
    levels = wavelet.decompose_stationary(image)
    rebuilt = wavelet.reconstruct_stationary(levels)
    np.testing.assert_allclose(rebuilt, image, atol=1e-6)


def test_stationary_wavelet_is_pywavelets_haar():
    image = random_image((64, 48))
    *details, approximation = wavelet.decompose_stationary(image)
    expected = pywt.swt2(
        np.pad(image, 16, mode="symmetric"),
        "haar",
        level=4,
        trim_approx=True,
        norm=True,
    )
    # PyWavelets pairs a pixel with the one before it, up to a shift.
    energies = [np.sum(band**2) for level in expected[1:] for band in level]
    ours = [np.sum(x**2) for bands in details[::-1] for x in bands[[1, 0, 2]]]
    np.testing.assert_allclose(ours, energies, rtol=1e-4)
    np.testing.assert_allclose(
        np.sum(approximation**2), np.sum(expected[0] ** 2), rtol=1e-5
    )


def test_stationary_inverse_keeps_the_energy_of_a_transform():
    # With this normalisation the transform is a Parseval frame.
    *details, approximation = wavelet.decompose_stationary(
        random_image((64, 48))
    )
    padded = np.pad(random_image((64, 48)), 16, mode="symmetric")
    energy = sum(np.sum(x**2) for x in details) + np.sum(approximation**2)
    assert energy == pytest.approx(np.sum(padded**2), rel=1e-5)


def test_stationary_fusion_moves_with_the_image():
    a, b = random_image((96, 96)), random_image((96, 96), seed=1)
    fused = wavelet.stationary_wavelet(a, b)
    moved = wavelet.stationary_wavelet(a[3:, 5:], b[3:, 5:])
    np.testing.assert_allclose(
        moved[32:-32, 32:-32], fused[35:-32, 37:-32], atol=1e-5
    )


def test_area_rule_is_window_maximum_and_majority():
    a = np.zeros((12, 12), np.float32)
    b = np.zeros((12, 12), np.float32)
    a[4, 4] = 1.0
    b[5, 5] = 2.0
    fused = wavelet._choose_area(a, b)
    # b's 2 rules the window of (4, 4), but five of its nine neighbours (all
    # of row 3 and column 3) see a's 1 alone and outvote it.
    assert fused[4, 4] == 1.0
    assert fused[5, 5] == 2.0
    assert np.count_nonzero(fused) == 2
