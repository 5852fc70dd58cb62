import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import fusion
from g2npan_tf.core.errors import InputError

_ATLAS = Path(__file__).parents[4] / "shared" / "data" / "whole_brain_atlas"
_SIZES = [(1, 1), (1, 7), (2, 2), (3, 5), (33, 47)]
# All algorithms' largest difference from the source if both are that image:
# rounding of the transforms there and back.
_IDENTITY_TOLERANCE = 2e-6

each_algorithm = pytest.mark.parametrize("name", fusion.ALGORITHMS)


def random_pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((2, *shape), dtype=np.float32)


def random_rgb(seed, shape=(33, 47, 3)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, dtype=np.uint8)


def real_pairs():
    """The middle pair of each modality: RGB uint8, 128 x 128."""
    if not _ATLAS.is_dir():
        pytest.skip("the Whole Brain Atlas pairs are not beside the project")
    with open(_ATLAS / "pairs.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for modality in ("CT-MRI", "PET-MRI", "SPECT-MRI"):
        pairs = [row for row in rows if row["modality"] == modality]
        row = pairs[len(pairs) // 2]
        yield read_rgb(row["functional_or_ct"]), read_rgb(row["mri"])


def read_rgb(path):
    image = cv2.imread(str(_ATLAS / path), cv2.IMREAD_COLOR_RGB)
    return cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)


@each_algorithm
@pytest.mark.parametrize("shape", _SIZES)
def test_identical_sources_give_the_source_back(name, shape):
    source, _ = random_pair(shape)
    fused = fusion.ALGORITHMS[name](source, source.copy())
    assert np.abs(fused - source).max() <= _IDENTITY_TOLERANCE


@each_algorithm
@pytest.mark.parametrize("shape", _SIZES)
def test_exchanging_the_sources_changes_nothing(name, shape):
    source_a, source_b = random_pair(shape)
    algorithm = fusion.ALGORITHMS[name]
    forward = algorithm(source_a, source_b)
    backward = algorithm(source_b, source_a)
    np.testing.assert_allclose(forward, backward, atol=2e-6)


@each_algorithm
@pytest.mark.parametrize("shape", _SIZES)
def test_output_has_the_sources_shape_dtype_and_range(name, shape):
    # 0 and 1 only: every transform would overshoot here if it were let.
    source_a, source_b = np.round(random_pair(shape))
    fused = fusion.ALGORITHMS[name](source_a, source_b)
    assert fused.shape == shape
    assert fused.dtype == np.float32
    assert 0.0 <= fused.min() <= fused.max() <= 1.0


@each_algorithm
@pytest.mark.parametrize("levels", [(0, 0), (1, 1), (0, 1), (0.25, 0.75)])
def test_constant_sources_give_a_constant_between_them(name, levels):
    source_a, source_b = (np.full((33, 47), x, np.float32) for x in levels)
    fused = fusion.ALGORITHMS[name](source_a, source_b)
    assert np.isfinite(fused).all()
    assert np.ptp(fused) < 1e-5
    assert levels[0] - 1e-5 <= fused.mean() <= levels[1] + 1e-5


@each_algorithm
def test_sources_are_not_written_to(name):
    source_a, source_b = random_pair((33, 47))
    copies = source_a.copy(), source_b.copy()
    fusion.ALGORITHMS[name](source_a, source_b)
    np.testing.assert_array_equal((source_a, source_b), copies)


@each_algorithm
def test_result_is_the_same_to_the_byte_every_time(name):
    source_a, source_b = random_rgb(0), random_rgb(1)
    first = fusion.fuse(source_a, source_b, name)
    again = fusion.fuse(source_a.copy(), source_b.copy(), name)
    assert first.tobytes() == again.tobytes()


@each_algorithm
@pytest.mark.parametrize("exchanged", [False, True])
def test_detail_of_one_source_arrives_in_the_fused_image(name, exchanged):
    detail = np.full((128, 128), 0.5, np.float32)
    detail[63:65, 40:88] = 0.8
    sources = [detail, np.full((128, 128), 0.5, np.float32)]
    fused = fusion.ALGORITHMS[name](*(sources[::-1] if exchanged else sources))
    step = fused[63, 64] - fused[40, 64]
    # The mean keeps half of the step of 0.3; all others must keep more.
    assert step > 0.14 if name == "average" else step > 0.2


@each_algorithm
@pytest.mark.parametrize("color_space", ["ycbcr", "ihs"])
def test_identical_images_come_back_exactly(name, color_space):
    image = random_rgb(3)
    fused = fusion.fuse(image, image, name, color_space)
    np.testing.assert_array_equal(fused, image)


@each_algorithm
@pytest.mark.parametrize("color_space", ["ycbcr", "ihs"])
def test_grey_pairs_stay_exactly_grey(name, color_space):
    grey_a, grey_b = (random_rgb(i)[..., :1].repeat(3, 2) for i in range(2))
    fused = fusion.fuse(grey_a, grey_b, name, color_space)
    np.testing.assert_array_equal(fused, fused[..., :1].repeat(3, 2))


def test_colour_is_kept_whichever_source_has_it():
    functional = np.full((16, 16, 3), (150, 100, 50), np.uint8)
    anatomical = np.full((16, 16, 3), 100, np.uint8)
    fused = fusion.fuse(functional, anatomical, "average", "ihs")
    exchanged = fusion.fuse(anatomical, functional, "average", "ihs")
    # Both have intensity 100, so the mean changes nothing.
    np.testing.assert_array_equal(fused, functional)
    np.testing.assert_array_equal(exchanged, functional)


def test_fused_luminance_is_the_algorithms():
    functional = np.full((16, 16, 3), (150, 100, 50), np.uint8)
    anatomical = np.full((16, 16, 3), 60, np.uint8)
    fused = fusion.fuse(functional, anatomical, "average", "ihs")
    # Intensities 100 and 60 average to 80: each channel loses 20.
    np.testing.assert_array_equal(fused[0, 0], (130, 80, 30))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((random_rgb(0), random_rgb(1), "magic"), "Received: 'magic'"),
        ((random_rgb(0), random_rgb(1), "pca", "lab"), "Received: 'lab'"),
        ((random_rgb(0), random_rgb(1)[1:], "pca"), "one shape. Received"),
        ((random_rgb(0) / 255, random_rgb(1), "pca"), "Received: float64"),
        ((random_rgb(0), random_rgb(1)[..., 0], "pca"), r"source_b .*33, 47"),
        ((random_rgb(0)[:0], random_rgb(1), "pca"), r"Received: \[0, 47, 3\]"),
    ],
)
def test_wrong_input_is_named_with_what_was_received(arguments, message):
    with pytest.raises(InputError, match=message):
        fusion.fuse(*arguments)


@pytest.mark.real
@each_algorithm
def test_real_pairs_fuse_within_plausible_bounds(name):
    for source_a, source_b in real_pairs():
        fused = fusion.fuse(source_a, source_b, name).astype(float)
        brightest = np.maximum(source_a, source_b).mean()
        darkest = np.minimum(source_a, source_b).mean()
        assert 0.8 * darkest <= fused.mean() <= 1.2 * brightest
        for source in (source_a, source_b):
            correlation = np.corrcoef(fused.ravel(), source.ravel())[0, 1]
            assert correlation > 0.2
