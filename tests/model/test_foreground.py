import numpy as np

from g2npan_tf.model import foreground


def test_any_bright_channel_makes_foreground():
    image = np.zeros((1, 2, 2, 3), np.float32)
    image[0, 0, 0, 2] = 0.5
    image[0, 1, 1] = 0.04
    marked = np.asarray(foreground.foreground(image))
    assert marked.shape == (1, 2, 2, 1)
    np.testing.assert_array_equal(marked[0, ..., 0], [[1, 0], [0, 0]])


def test_the_share_is_counted_in_each_image():
    images = np.zeros((2, 4, 4, 3), np.float32)
    images[1, :, :3] = 1.0
    np.testing.assert_allclose(foreground.foreground_share(images), [0, 0.75])
