"""Fusion by convolutional sparse representation (CSR)."""

import functools

import numpy as np
from scipy import fft

from datasets.fusion.selection import choose_larger
from datasets.fusion.selection import window_mean

# Parameters of Liu et al. 2016: 32 filters of 8 x 8, lambda 0.01, weight of
# the base layer's gradient 5, activity window of radius 3 (multi-modal).
_FILTERS, _FILTER_SIDE = 32, 8
_SPARSITY = np.float32(0.01)
_SMOOTHNESS = 5.0
_WINDOW = 7
# Choice: ten over-relaxed iterations with this penalty reach the objective
# of a hundred within a tenth, in a tenth of the time.
_PENALTY, _RELAXATION, _ITERATIONS = np.float32(1.5), np.float32(1.8), 10
# Choice: mirrored margin as wide as a filter; the Fourier domain is periodic.
_MARGIN = 8


def convolutional_sparse_fusion(
    source_a: np.ndarray, source_b: np.ndarray
) -> np.ndarray:
    """Fuse sparse coefficient maps of the detail layers; average the bases.

    At each pixel all coefficients come from the source whose l1 norm of
    coefficients, averaged over a window, is the larger one.

    Source: Y. Liu, X. Chen, R. K. Ward, Z. J. Wang, "Image fusion with
    convolutional sparse representation", IEEE Signal Processing Letters
    23(12), 1882-1886, 2016; multi-modal rules.

    Choice: the dictionary is the DCT's, not learned: fixed, and without
    training images that nobody has. What the codes leave unexplained is
    averaged, so that identical sources give the source back.
    """
    border = [(0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)]
    sources = np.pad((source_a, source_b), border, mode="symmetric")
    details = sources - base_layers(sources)
    codes = sparse_codes(details)
    activities = [window_mean(x, _WINDOW) for x in np.abs(codes).sum(axis=1)]
    fused_codes = choose_larger(*codes, *activities)
    coded = synthesize(np.stack([*codes, fused_codes]))
    fused = (sources - coded[:2]).sum(axis=0) / 2 + coded[2]
    fused = fused[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return np.clip(fused, 0.0, 1.0)


def base_layers(images: np.ndarray) -> np.ndarray:
    """Smooth parts: least squares with a penalty on the gradient.

    Source: Liu et al. 2016; solved exactly, in the Fourier domain, for
    periodic images, float32 `[batch, height, width]`.
    """
    height, width = images.shape[1:]
    rows = 2 - 2 * np.cos(2 * np.pi * fft.fftfreq(height))[:, np.newaxis]
    columns = 2 - 2 * np.cos(2 * np.pi * fft.rfftfreq(width))
    response = 1 / (1 + _SMOOTHNESS * (rows + columns))
    spectrum = fft.rfft2(images) * response.astype(np.float32)
    return fft.irfft2(spectrum, s=(height, width))


def sparse_codes(images: np.ndarray) -> np.ndarray:
    """Convolutional basis pursuit denoising by ADMM in the Fourier domain.

    Minimises half the squared error of the synthesis plus lambda times the
    l1 norm of the codes, float32 `[batch, filters, height, width]`, of periodic
    images, float32 `[batch, height, width]`.

    Source: B. Wohlberg, "Efficient algorithms for convolutional sparse
    representations", IEEE Transactions on Image Processing 25(1), 301-315,
    2016, section III.
    """
    shape = images.shape[1:]
    spectra = filter_spectra(shape)
    energy = _PENALTY + np.sum(np.abs(spectra) ** 2, axis=0)
    target = spectra.conj() * fft.rfft2(images)[:, np.newaxis]
    codes = np.zeros((len(images), _FILTERS, *shape), np.float32)
    dual = np.zeros_like(codes)
    for _ in range(_ITERATIONS):
        right = target + _PENALTY * fft.rfft2(codes - dual)
        # Sherman-Morrison: the system is rank one plus a multiple of unity.
        common = np.sum(spectra * right, axis=1, keepdims=True) / energy
        solution = (right - spectra.conj() * common) / _PENALTY
        dense = fft.irfft2(solution, s=shape, overwrite_x=True)
        dual += _RELAXATION * dense + (1 - _RELAXATION) * codes
        # Soft thresholding: what it cuts off is the next dual variable.
        limit = _SPARSITY / _PENALTY
        cut = np.clip(dual, -limit, limit)
        codes, dual = dual - cut, cut
    return codes


def synthesize(codes: np.ndarray) -> np.ndarray:
    """Sums filters convolved with `sparse_codes`, `[batch, height, width]`."""
    shape = codes.shape[2:]
    spectrum = np.sum(filter_spectra(shape) * fft.rfft2(codes), axis=1)
    return fft.irfft2(spectrum, s=shape)


@functools.lru_cache(maxsize=2)
def filter_spectra(shape: tuple[int, int]) -> np.ndarray:
    """Half spectra of the filters, `[filters, height, width // 2 + 1]`."""
    filters = dictionary().astype(np.float32)
    return fft.rfft2(filters, s=shape)


def dictionary() -> np.ndarray:
    """Lowest frequencies of the 8 x 8 DCT, no constant; `[32, 8, 8]`."""
    cosines = fft.idct(np.eye(_FILTER_SIDE), axis=0, norm="ortho").T
    order = sorted(
        np.ndindex(_FILTER_SIDE, _FILTER_SIDE),
        key=lambda index: (sum(index), abs(index[0] - index[1]), index),
    )
    chosen = order[1 : _FILTERS + 1]
    return np.stack([np.outer(cosines[i], cosines[j]) for i, j in chosen])
