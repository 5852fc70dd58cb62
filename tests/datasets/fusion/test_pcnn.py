import numpy as np

from datasets.fusion import pcnn


def test_spatial_frequency_of_a_ramp_is_its_slope():
    rows, columns = np.mgrid[:16, :16].astype(np.float32)
    band = 0.03 * rows - 0.04 * columns
    frequency = pcnn.spatial_frequency(band)
    np.testing.assert_allclose(frequency[4:-4, 4:-4], 0.05, rtol=1e-4)


def test_smooth_part_is_the_brighter_source():
    dark = np.full((33, 33), 0.2, np.float32)
    fused = pcnn.pcnn_fusion(dark, dark + np.float32(0.5))
    np.testing.assert_allclose(fused, 0.7, atol=1e-5)
