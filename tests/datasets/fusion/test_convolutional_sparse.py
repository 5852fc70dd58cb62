"""Convolutional sparse representation against its equations."""

import numpy as np
import pytest
from scipy import signal

from datasets.fusion import convolutional_sparse as csr


def random_details(shape=(2, 32, 40)):
    rng = np.random.default_rng(0)
    return rng.normal(scale=0.1, size=shape).astype(np.float32)


def objective(images, codes):
    error = csr.synthesize(codes) - images
    return 0.5 * np.sum(error**2) + 0.01 * np.sum(np.abs(codes))


def test_dictionary_is_orthonormal_and_has_no_constant():
    flat = csr.dictionary().reshape(32, 64)
    np.testing.assert_allclose(flat @ flat.T, np.eye(32), atol=1e-12)
    np.testing.assert_allclose(flat.sum(axis=1), 0.0, atol=1e-12)


def test_synthesis_is_a_periodic_convolution():
    codes = random_details((1, 32, 16, 20))
    # Full convolution wrapped round by hand, in space.
    expected = np.zeros((16, 20))
    for code, kernel in zip(codes[0], csr.dictionary(), strict=True):
        full = signal.convolve2d(code, kernel)
        full[:7] += full[16:]
        full[:, :7] += full[:, 20:]
        expected += full[:16, :20]
    np.testing.assert_allclose(csr.synthesize(codes)[0], expected, atol=1e-4)


def test_base_layer_solves_its_normal_equations():
    base = csr.base_layers(random_details())
    laplacian = sum(
        2 * base - np.roll(base, 1, axis) - np.roll(base, -1, axis)
        for axis in (1, 2)
    )
    expected = random_details()
    np.testing.assert_allclose(base + 5.0 * laplacian, expected, atol=1e-5)


def test_codes_are_sparse_and_come_close_to_the_minimum(monkeypatch):
    images = random_details()
    codes = csr.sparse_codes(images)
    assert 0.0 < np.mean(codes != 0) < 0.25
    monkeypatch.setattr(csr, "_ITERATIONS", 200)
    minimum = objective(images, csr.sparse_codes(images))
    nothing = objective(images, np.zeros_like(codes))
    assert objective(images, codes) - minimum < 0.15 * (nothing - minimum)


def test_converged_codes_fulfil_the_optimality_conditions(monkeypatch):
    monkeypatch.setattr(csr, "_ITERATIONS", 2000)
    images = random_details((1, 16, 16))
    codes = csr.sparse_codes(images)[0]
    residual = images[0] - csr.synthesize(codes[np.newaxis])[0]
    filters = np.fft.fft2(csr.dictionary(), s=(16, 16))
    correlation = np.fft.ifft2(filters.conj() * np.fft.fft2(residual)).real
    # The subgradient: lambda times the sign, or within it where the code is 0.
    assert np.abs(correlation).max() <= 0.01 * 1.02
    active = np.abs(codes) > 1e-3
    assert active.any()
    expected = 0.01 * np.sign(codes[active])
    np.testing.assert_allclose(correlation[active], expected, atol=5e-4)


@pytest.mark.parametrize("order", [1, -1])
def test_bases_are_averaged_and_texture_is_taken_whole(order):
    flat, texture = np.full((2, 64, 64), [[[0.2]], [[0.6]]], np.float32)
    texture += np.float32(0.2) * (-1.0) ** np.arange(64, dtype=np.float32)
    fused = csr.convolutional_sparse_fusion(*[texture, flat][::order])
    assert fused.mean() == pytest.approx(0.4, abs=0.01)
    assert fused[16:48, 16:48].std() == pytest.approx(0.2, rel=0.15)
