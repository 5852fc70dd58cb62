"""A pulse-coupled neural network: how often each pixel's neuron fires."""

import cv2
import numpy as np

# Constants of the field's standard network (Qu et al. 2008).
_ALPHA_LINK, _ALPHA_THRESHOLD = 1.0, 0.2
_GAIN_LINK, _GAIN_THRESHOLD = 1.0, 20.0
_LINK_STRENGTH = 3.0
_ITERATIONS = 200
_LINK_WEIGHTS = np.array(
    [[0.5**0.5, 1, 0.5**0.5], [1, 0, 1], [0.5**0.5, 1, 0.5**0.5]], np.float32
)


def firing_times(stimulus: np.ndarray) -> np.ndarray:
    """How often each neuron fires: stronger and better linked ones do more.

    Source: X.-B. Qu, J.-W. Yan, H.-Z. Xiao, Z.-Q. Zhu, "Image fusion
    algorithm based on spatial frequency-motivated pulse coupled neural
    networks in nonsubsampled contourlet transform domain", Acta Automatica
    Sinica 34(12), 1508-1514, 2008.

    Args:
        stimulus: float32 `[height, width]`, range [0, 1].

    Returns:
        float32 `[height, width]`, whole numbers from 0 to 200.
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
    for _ in range(_ITERATIONS):
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
