"""Fusion by a pulse-coupled neural network on directional sub-bands."""

import numpy as np

from datasets.fusion.selection import choose_larger
from datasets.fusion.selection import window_mean
from g2npan_tf.baselines.tang import decompose
from g2npan_tf.baselines.tang import firing_times


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
    """
    *bands_a, base_a = decompose(source_a)
    *bands_b, base_b = decompose(source_b)
    fused = np.maximum(base_a, base_b)
    for a, b in zip(bands_a, bands_b, strict=True):
        activities = _activities(spatial_frequency(a), spatial_frequency(b))
        fused += choose_larger(a, b, *activities)
    return np.clip(fused, 0.0, 1.0)


def spatial_frequency(band: np.ndarray) -> np.ndarray:
    """Root mean square of the first differences in a 3 x 3 window."""
    rows = np.diff(band, axis=0, prepend=band[:1])
    columns = np.diff(band, axis=1, prepend=band[:, :1])
    return np.sqrt(np.maximum(window_mean(rows**2 + columns**2, 3), 0.0))


def _activities(a: np.ndarray, b: np.ndarray) -> tuple:
    """Firing times of both, on one scale; the stimulus breaks the ties."""
    largest = max(a.max(), b.max(), np.float32(1e-6))
    a, b = a / largest, b / largest
    return firing_times(a) + a / 2, firing_times(b) + b / 2
