"""The MOS scale and back."""

import numpy as np

from g2npan_tf.core import mos


def test_ends_and_middle_of_the_scale():
    scores = np.array([1.0, 3.0, 5.0])
    np.testing.assert_array_equal(mos.to_quality(scores), [0, 0.5, 1])


def test_to_mos_inverts_to_quality():
    scores = np.linspace(1, 5, 17)
    np.testing.assert_allclose(mos.to_mos(mos.to_quality(scores)), scores)
