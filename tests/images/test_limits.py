import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.limits import check_frames
from g2npan_tf.images.limits import check_size


def test_sizes_at_the_limits_are_accepted():
    check_size(16, 16, Limits(max_pixels=256))
    check_frames(8, 256, Limits(max_pixels=256, max_frames=8))


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (15, 16, "15 x 16 pixels; expected at least 16 x 16"),
        (16, 17, "16 x 17 pixels; expected at most 256 in all"),
        (0, 400, "expected at least"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(width, height, reason):
    with pytest.raises(InputError, match=reason):
        check_size(width, height, Limits(max_pixels=256))


def test_too_many_frames_and_too_many_pixels_in_all_are_refused():
    limits = Limits(max_pixels=256, max_frames=9)
    with pytest.raises(InputError, match="10 frames; expected at most 9"):
        check_frames(10, 1, limits)
    with pytest.raises(InputError, match="2,304 pixels in 9 frames; expected"):
        check_frames(9, 256, limits)
