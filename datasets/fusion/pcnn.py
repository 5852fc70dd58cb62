"""Fusion by a pulse-coupled neural network on directional sub-bands."""

import functools

import cv2
import numpy as np
from scipy import fft

from datasets.fusion.selection import choose_larger
from datasets.fusion.selection import window_mean

# Choice: three scales of four directions and mirrored margins as wide as the
# coarsest filter reaches.
_SCALES = 3
_DIRECTIONS = 4
_MARGIN = 16
# Constants of the field's standard network (Qu et al. 2008).
_ALPHA_LINK, _ALPHA_THRESHOLD = 1.0, 0.2
_GAIN_LINK, _GAIN_THRESHOLD = 1.0, 20.0
_LINK_STRENGTH = 3.0
_ITERATIONS = 200
_LINK_WEIGHTS = np.array(
    [[0.5**0.5, 1, 0.5**0.5], [1, 0, 1], [0.5**0.5, 1, 0.5**0.5]], np.float32
)


def pcnn_fusion(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Fuse directional sub-bands, the neuron that fires more often winning.

    Source: X.-B. Qu, J.-W. Yan, H.-Z. Xiao, Z.-Q. Zhu, "Image fusion
    algorithm based on spatial frequency-motivated pulse coupled neural
    networks in nonsubsampled contourlet transform domain", Acta Automatica
    Sinica 34(12), 1508-1514, 2008.

    Choice: the sub-bands are an undecimated pyramid times smooth angular
    windows instead of contourlet filter banks; equal firing times, which are
    integers, are decided by the larger stimulus; the low-pass rest takes
    the larger value, because pulses there draw seams across smooth tissue.

    Args:
        source_a: Luminance. float32 `[height, width]`, range [0, 1].
        source_b: Luminance. Same shape, dtype and range.

    Returns:
        Fused luminance. float32 `[height, width]`, range [0, 1].
    """
    *bands_a, base_a = decompose(source_a)
    *bands_b, base_b = decompose(source_b)
    fused = np.maximum(base_a, base_b)
    for a, b in zip(bands_a, bands_b, strict=True):
        activities = _activities(spatial_frequency(a), spatial_frequency(b))
        fused += choose_larger(a, b, *activities)
    return np.clip(fused, 0.0, 1.0)


def decompose(image: np.ndarray) -> np.ndarray:
    """Split an image into sub-bands whose sum is the image.

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
    centres = np.arange(_DIRECTIONS)[:, np.newaxis, np.newaxis]
    windows = np.cos(angle - centres * np.pi / _DIRECTIONS) ** (
        2 * _DIRECTIONS - 2
    )
    windows /= windows.sum(axis=0)
    responses, low_pass = [], np.ones_like(angle)
    for scale in range(_SCALES):
        smoother = low_pass * _spline(2**scale * rows)
        smoother = smoother * _spline(2**scale * columns)
        responses.extend((low_pass - smoother) * windows)
        low_pass = smoother
    return np.stack([*responses, low_pass]).astype(np.float32)


def _spline(frequency: np.ndarray) -> np.ndarray:
    """Response of [1 4 6 4 1] / 16, the a trous algorithm's low-pass."""
    return ((1 + np.cos(frequency)) / 2) ** 2


def spatial_frequency(band: np.ndarray) -> np.ndarray:
    """Root mean square of the first differences in a 3 x 3 window.

    Args:
        band: float32 `[height, width]`.

    Returns:
        float32 `[height, width]`, non-negative.
    """
    rows = np.diff(band, axis=0, prepend=band[:1])
    columns = np.diff(band, axis=1, prepend=band[:, :1])
    return np.sqrt(np.maximum(window_mean(rows**2 + columns**2, 3), 0.0))


def firing_times(stimulus: np.ndarray) -> np.ndarray:
    """How often each neuron fires: stronger and better linked ones do more.

    Args:
        stimulus: float32 `[height, width]`, range [0, 1].

    Returns:
        float32 `[height, width]`, whole numbers from 0 to the iterations.
    """
    decay_link = np.float32(np.exp(-_ALPHA_LINK))
    decay_threshold = np.float32(np.exp(-_ALPHA_THRESHOLD))
    link, threshold, pulse, times = np.zeros((4, *stimulus.shape), np.float32)
    for _ in range(_ITERATIONS):
        link *= decay_link
        link += _GAIN_LINK * cv2.filter2D(
            pulse, -1, _LINK_WEIGHTS, borderType=cv2.BORDER_CONSTANT
        )
        threshold *= decay_threshold
        threshold += np.float32(_GAIN_THRESHOLD) * pulse
        potential = stimulus * (1 + np.float32(_LINK_STRENGTH) * link)
        pulse = (potential > threshold).astype(np.float32)
        times += pulse
    return times


def _activities(a: np.ndarray, b: np.ndarray) -> tuple:
    """Firing times of both, on one scale; the stimulus breaks the ties."""
    largest = max(a.max(), b.max(), np.float32(1e-6))
    a, b = a / largest, b / largest
    return firing_times(a) + a / 2, firing_times(b) + b / 2
