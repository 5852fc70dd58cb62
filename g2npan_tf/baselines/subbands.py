"""Directional sub-bands of an image, undecimated, whose sum is the image."""

import functools

import numpy as np
from scipy import fft

# Choice: three scales of four directions and mirrored margins as wide as the
# coarsest filter reaches.
NUM_SCALES = 3
NUM_DIRECTIONS = 4
_MARGIN = 16


def decompose(image: np.ndarray) -> np.ndarray:
    """Split an image into sub-bands whose sum is the image.

    Choice: an undecimated pyramid times smooth angular windows, in the
    frequency domain, in place of the filter banks of the nonsubsampled
    contourlet transform (da Cunha, Zhou, Do, IEEE Trans. Image Processing
    15(10), 2006), of which there is no maintained Python version; what
    matters of it here is kept: scales, directions, shift invariance and
    perfect reconstruction.

    Args:
        image: float32 `[height, width]`.

    Returns:
        float32 `[bands, height, width]`: the directions of each scale from
        fine to coarse, then the low-pass rest.
    """
    height, width = image.shape
    padded = np.pad(image, _MARGIN, mode="symmetric")
    spectrum = fft.rfft2(padded) * band_responses(padded.shape)
    bands = fft.irfft2(spectrum, s=padded.shape)
    return bands[:, _MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width]


@functools.lru_cache(maxsize=2)
def band_responses(shape: tuple[int, int]) -> np.ndarray:
    """Frequency responses of the sub-bands; they sum to 1 everywhere.

    Args:
        shape: `(height, width)` of the image to be filtered.

    Returns:
        float32 `[bands, height, width // 2 + 1]`, range [0, 1].
    """
    rows = 2 * np.pi * np.fft.fftfreq(shape[0])[:, np.newaxis]
    columns = 2 * np.pi * np.fft.rfftfreq(shape[1])[np.newaxis]
    angle = np.arctan2(rows, columns)
    centres = np.arange(NUM_DIRECTIONS)[:, np.newaxis, np.newaxis]
    windows = np.cos(angle - centres * np.pi / NUM_DIRECTIONS) ** (
        2 * NUM_DIRECTIONS - 2
    )
    windows /= windows.sum(axis=0)
    responses, low_pass = [], np.ones_like(angle)
    for scale in range(NUM_SCALES):
        smoother = low_pass * _spline(2**scale * rows)
        smoother = smoother * _spline(2**scale * columns)
        responses.extend((low_pass - smoother) * windows)
        low_pass = smoother
    return np.stack([*responses, low_pass]).astype(np.float32)


def _spline(frequency: np.ndarray) -> np.ndarray:
    """Response of [1 4 6 4 1] / 16, the a trous algorithm's low-pass."""
    return ((1 + np.cos(frequency)) / 2) ** 2
