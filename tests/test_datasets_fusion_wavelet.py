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


def test_discrete_wavelet_is_the_nine_seven_filter_bank():
    approximation, *_ = wavelet.decompose_discrete(random_image((128, 128)))
    expected = random_image((128, 128))
    for _ in range(3):
        expected, _ = pywt.dwt2(expected, "bior4.4")
    np.testing.assert_allclose(approximation, expected, rtol=1e-5)
