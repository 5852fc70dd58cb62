"""Blind quality from pulses in sub-bands, in the manner of Tang et al.

Of the method only the abstract is public: this is a Tang-style
re-implementation, whose values cannot be compared with the authors'.

Source: L. Tang, C. Tian, L. Li, B. Hu, W. Yu, K. Xu, "Perceptual quality
assessment for multimodal medical image fusion", Signal Processing: Image
Communication 85, 115852, 2020.
"""

import functools
import math

import cv2
import numpy as np

from g2npan_tf.baselines.grey_levels import check_image
from g2npan_tf.baselines.grey_levels import luminance

# Coefficients below half a grey level are the rounding of 8-bit pixels.
_HALF_LEVEL = 0.5 / 255

# Choice: three scales of four directions and mirrored margins as wide as the
# coarsest filter reaches.
NUM_SCALES = 3
NUM_DIRECTIONS = 4
_MARGIN = 16

# Constants of the field's standard network (Qu et al. 2008).
_ALPHA_LINK, _ALPHA_THRESHOLD = 1.0, 0.2
_GAIN_LINK, _GAIN_THRESHOLD = 1.0, 20.0
_LINK_STRENGTH = 3.0
_ITERATIONS = 200
_LINK_WEIGHTS = np.array(
    [[0.5**0.5, 1, 0.5**0.5], [1, 0, 1], [0.5**0.5, 1, 0.5**0.5]], np.float32
)


def tang(fused: np.ndarray) -> float:
    """Large firing times of the fused image's smooth part and of its detail.

    The image is split into a low-frequency and several high-frequency
    sub-bands, each drives a pulse-coupled neural network, large firing times
    score either component, and both scores are combined. Higher is better:
    more contrast and more detail. Noise is detail too, and what a patient's
    scan shows counts as much as how it was fused: the value ranks fusions of
    one pair better than images of different patients.

    Choice: the sub-bands of `decompose` and the network of `firing_times`,
    since the paper's are not public.
    Choice: the high-frequency score is the mean over scales and directions.
    Choice: the overall score is the geometric mean of both, which needs no
    weight; without any detail it is 0.

    The image is as `check_image` takes it; of colour the luminance counts.

    Returns:
        Firing times, range [0, 200]; 0 for a constant image.
    """
    check_image(fused)
    grey = luminance(fused) if fused.ndim == 3 else fused
    *details, base = decompose(grey.astype(np.float32) / 255)
    high = np.mean([component_score(band) for band in details])
    return math.sqrt(high * component_score(base))


def component_score(band: np.ndarray) -> float:
    """Mean of the large firing times that a sub-band causes.

    Choice: the stimulus is the coefficient's absolute value on the scale of
    the image, not stretched to the band's own range as in fusion, for a
    stretch would hide lost contrast.
    Choice: large is what exceeds the mean of the band, so that the black
    background around a head has no say.

    Args:
        band: Coefficients of an image of range [0, 1].

    Returns:
        Range [0, 200]; 0 if no coefficient reaches half a grey level.
    """
    stimulus = np.abs(band)
    stimulus[stimulus < _HALF_LEVEL] = 0
    times = firing_times(stimulus)
    large = times[times > times.mean()]
    return float(large.mean()) if large.size else float(times.mean())


def decompose(image: np.ndarray) -> np.ndarray:
    """Splits an image into directional sub-bands whose sum is the image.

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
    from scipy import fft

    height, width = image.shape
    padded = np.pad(image, _MARGIN, mode="symmetric")
    spectrum = fft.rfft2(padded) * _band_responses(padded.shape)
    bands = fft.irfft2(spectrum, s=padded.shape)
    return bands[:, _MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width]


@functools.lru_cache(maxsize=2)
def _band_responses(shape: tuple[int, int]) -> np.ndarray:
    """Frequency responses `[bands, height, width // 2 + 1]`; they sum to 1."""
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


def firing_times(
    stimulus: np.ndarray, iterations: int = _ITERATIONS
) -> np.ndarray:
    """How often each neuron fires: stronger and better linked ones do more.

    Source: X.-B. Qu, J.-W. Yan, H.-Z. Xiao, Z.-Q. Zhu, "Image fusion
    algorithm based on spatial frequency-motivated pulse coupled neural
    networks in nonsubsampled contourlet transform domain", Acta Automatica
    Sinica 34(12), 1508-1514, 2008.

    Args:
        stimulus: float32 `[height, width]`, range [0, 1].
        iterations: How long the network runs; no neuron fires more often.

    Returns:
        float32 `[height, width]`, whole numbers from 0 to `iterations`.
    """
    decay_link = np.float32(np.exp(-_ALPHA_LINK))
    decay_threshold = np.float32(np.exp(-_ALPHA_THRESHOLD))
    gain_threshold = np.float32(_GAIN_THRESHOLD)
    strength = np.float32(_LINK_STRENGTH)
    weights = _GAIN_LINK * _LINK_WEIGHTS
    shape = (6, *stimulus.shape)
    link, threshold, pulse, times, linked, potential = np.zeros(
        shape, np.float32
    )
    # In place: the recursion is bound by memory, not by arithmetic.
    for _ in range(iterations):
        cv2.filter2D(
            pulse, -1, weights, dst=linked, borderType=cv2.BORDER_CONSTANT
        )
        link *= decay_link
        link += linked
        threshold *= decay_threshold
        np.multiply(pulse, gain_threshold, out=potential)
        threshold += potential
        np.multiply(link, strength, out=potential)
        potential += 1
        potential *= stimulus
        np.greater(potential, threshold, out=pulse)
        times += pulse
    return times
