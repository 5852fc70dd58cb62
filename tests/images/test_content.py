import itertools

import numpy as np
import pytest

from g2npan_tf.images.content import has_content
from g2npan_tf.images.content import scorer_image
from g2npan_tf.images.read import load_image
from g2npan_tf.images.read import read_frames
from g2npan_tf.images.read import resize
from tests.pictures import CONTENT
from tests.pictures import NO_CONTENT
from tests.pictures import noise
from tests.tiny import REPOSITORY

CASES = REPOSITORY / "../shared/cases"
SLICES = REPOSITORY / "../shared/data"
# The emptiest of all: two levels and a spot of bone marrow.
EMPTIEST = "whole_brain_atlas/CT-MRI/CT/37022.png"


@pytest.mark.parametrize("name", NO_CONTENT)
def test_a_picture_without_content_is_not_scored(name):
    assert scorer_image(NO_CONTENT[name], 128) is None


@pytest.mark.parametrize("name", CONTENT)
def test_a_picture_with_content_is_resized(name):
    pixels = CONTENT[name]
    np.testing.assert_array_equal(
        scorer_image(pixels, 128), resize(pixels, 128)
    )


def test_more_levels_never_take_content_away():
    found = [has_content(noise(99, spread=spread)) for spread in range(60)]
    assert found == sorted(found)
    assert not found[0]
    assert found[-1]


@pytest.mark.skipif(not CASES.is_dir(), reason="the files are not there")
@pytest.mark.parametrize("name", ["white_page.png", "n_mask01.nii"])
def test_files_without_content(name):
    frames = list(read_frames(CASES / name))
    assert frames
    assert not any(has_content(frame.pixels) for frame in frames)


@pytest.mark.skipif(not SLICES.is_dir(), reason="the slices are not there")
def test_no_real_slice_is_refused():
    files = sorted(SLICES.rglob("*.png"))
    assert len(files) > 1000
    chosen = itertools.islice(files, 0, None, 8)
    for path in [SLICES / EMPTIEST, *chosen]:
        assert scorer_image(load_image(path).pixels, 128) is not None, path


# The same picture, stored in another way.
SAME = {
    "highbit15.dcm": "window_trailing.dcm",
    "empty_rescale.dcm": "window_trailing.dcm",
    "no_bitsstored.dcm": "window_trailing.dcm",
    "no_preamble.dcm": "window_trailing.dcm",
    "no_samples.dcm": "window_trailing.dcm",
    "no_ts.dcm": "window_trailing.dcm",
    "palette_16low.dcm": "lower_case_photometric.dcm",
    "palette_8bit_map.tif": "lower_case_photometric.dcm",
    "rgb16_planar.tif": "j2k_mct_declared_ybr_full.dcm",
}


@pytest.mark.skipif(not CASES.is_dir(), reason="the files are not there")
@pytest.mark.parametrize("name", SAME)
def test_one_picture_however_it_is_stored(name):
    one, other = (load_image(CASES / x).pixels for x in (name, SAME[name]))
    np.testing.assert_array_equal(one, other)
