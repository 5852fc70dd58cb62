import numpy as np
import pytest

from g2npan_tf import baselines
from g2npan_tf.baselines import grey_levels
from g2npan_tf.core.errors import InputError
from tests.fused_triple import check_refusals
from tests.fused_triple import textured


@pytest.mark.parametrize("name", ["hossny", "oefp", "rsfe", "tsallis"])
def test_what_is_no_triple_of_grey_images_is_refused(name):
    check_refusals(getattr(baselines, name))
    grey_levels.check_grey(textured(0), textured(1), textured(2))


@pytest.mark.parametrize("measure", [baselines.tang, baselines.bmpri_features])
@pytest.mark.parametrize(
    "image",
    [
        textured(0).astype(np.float32),
        textured(0)[..., np.newaxis],
        textured(0)[:0],
        [[1, 2, 3]] * 3,
    ],
    ids=["float", "one channel", "empty", "list"],
)
def test_what_is_no_image_is_refused(measure, image):
    with pytest.raises(InputError, match=r"^image must be uint8 .* Received"):
        measure(image)


def test_joint_counts_by_hand_with_the_first_image_in_rows():
    first = np.array([[7, 7], [255, 0]], np.uint8)
    second = np.array([[1, 1], [2, 255]], np.uint8)
    counts = grey_levels.joint_counts(first, second)
    assert (counts[7, 1], counts[255, 2], counts[0, 255]) == (2, 1, 1)
    assert counts.shape == (256, 256)
    assert counts.sum() == 4


def test_luminance_is_that_of_bt_601():
    primaries = 255 * np.eye(3, dtype=np.uint8)[None]
    assert grey_levels.luminance(primaries).tolist() == [[76, 150, 29]]
    levels = np.arange(256, dtype=np.uint8)[None]
    image = np.stack([levels] * 3, axis=-1)
    np.testing.assert_array_equal(grey_levels.luminance(image), levels)
