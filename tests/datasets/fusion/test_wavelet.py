"""Decimated and stationary wavelets."""

import numpy as np
import pytest
import pywt

from datasets.fusion import wavelet


def random_image(shape=(64, 48), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (33, 47)])
def test_reconstructions_are_exact(shape):
    image = random_image(shape)
    coefficients = wavelet.decompose_discrete(image)
    levels = wavelet.decompose_stationary(image)
    for rebuilt in (
        wavelet.reconstruct_discrete(coefficients, shape),
        wavelet.reconstruct_stationary(levels),
    ):
        np.testing.assert_allclose(rebuilt, image, atol=1e-6)


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
    image = random_image()
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
