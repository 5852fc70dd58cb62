"""Blind quality from pulses in sub-bands, in the manner of Tang et al."""

import math

import numpy as np

from g2npan_tf.baselines.grey_levels import check_image
from g2npan_tf.baselines.grey_levels import luminance
from g2npan_tf.baselines.pcnn import firing_times
from g2npan_tf.baselines.subbands import decompose

# Coefficients below half a grey level are the rounding of 8-bit pixels.
_HALF_LEVEL = 0.5 / 255


def tang(fused: np.ndarray) -> float:
    """Large firing times of the fused image's smooth part and of its detail.

    **A Tang-style re-implementation**: of the method only the abstract is
    public, so no value of it can be compared with the authors'. The image is
    split into a low-frequency and several high-frequency sub-bands, each
    drives a pulse-coupled neural network, large firing times score either
    component, and both scores are combined. Higher is better: more contrast
    and more detail. Noise is detail too, and what a patient's scan shows
    counts as much as how it was fused: the value ranks fusions of one pair
    better than images of different patients. Needs the fused image only;
    colour images by their luminance.

    Source: L. Tang, C. Tian, L. Li, B. Hu, W. Yu, K. Xu, "Perceptual quality
    assessment for multimodal medical image fusion", Signal Processing: Image
    Communication 85, 115852, 2020.

    Choice: the sub-bands of `subbands.decompose` and the network of
    `pcnn.firing_times`, since the paper's are not public.
    Choice: the high-frequency score is the mean over scales and directions.
    Choice: the overall score is the geometric mean of both, which needs no
    weight; without any detail it is 0.

    Args:
        fused: Grey, uint8 `[height, width]`, or RGB, uint8
            `[height, width, 3]`.

    Returns:
        Firing times, range [0, 200]; 0 for a constant image.

    Raises:
        InputError: If the image is not as above.
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
        band: Coefficients of an image of range [0, 1]. float32
            `[height, width]`.

    Returns:
        Range [0, 200]; 0 if no coefficient reaches half a grey level.
    """
    stimulus = np.abs(band)
    stimulus[stimulus < _HALF_LEVEL] = 0
    times = firing_times(stimulus)
    large = times[times > times.mean()]
    return float(large.mean()) if large.size else float(times.mean())
