import numpy as np
from scipy import ndimage

from g2npan_tf.baselines.pcnn import firing_times


def test_firing_times_are_the_published_networks():
    stimulus = np.random.default_rng(0).random((12, 14), dtype=np.float32)
    kernel = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 2.0
    kernel[::2, ::2] = np.sqrt(0.5)
    link = threshold = pulse = times = np.zeros(stimulus.shape)
    for _ in range(200):
        link = link * np.exp(-1.0) + ndimage.convolve(
            pulse, kernel, mode="constant"
        )
        threshold = threshold * np.exp(-0.2) + 20 * pulse
        pulse = (stimulus * (1 + 3 * link) > threshold).astype(float)
        times = times + pulse
    np.testing.assert_array_equal(firing_times(stimulus), times)


def test_stronger_stimulus_fires_more_often():
    levels = [0.0, 0.05, 0.2, 0.8]
    times = [
        firing_times(np.full((5, 5), level, np.float32))[2, 2]
        for level in levels
    ]
    assert times[0] == 0
    assert times == sorted(set(times))


def test_stronger_neighbours_make_a_neuron_fire_more_often():
    stimulus = np.zeros((5, 5), np.float32)
    stimulus[2, 2] = 0.2
    alone = firing_times(stimulus)[2, 2]
    stimulus[stimulus == 0] = 0.9
    assert firing_times(stimulus)[2, 2] > alone
