"""What every fusion algorithm does, by whatever way."""

import numpy as np
import pytest

from datasets import fusion
from datasets.atlas import list_atlas_pairs
from g2npan_tf.core.errors import InputError

SIZES = [(1, 1), (1, 7), (2, 2), (3, 5), (33, 47)]
each_algorithm = pytest.mark.parametrize("name", fusion.ALGORITHMS)
each_size = pytest.mark.parametrize("shape", SIZES)


def random_pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((2, *shape), dtype=np.float32)


def random_rgb(seed, shape=(33, 47, 3)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, dtype=np.uint8)


@each_algorithm
@each_size
def test_identical_sources_give_the_source_back(name, shape):
    source, _ = random_pair(shape)
    fused = fusion.ALGORITHMS[name](source, source.copy())
    # Rounding of the transforms there and back.
    np.testing.assert_allclose(fused, source, rtol=0, atol=2e-6)


@each_algorithm
@each_size
def test_exchanging_the_sources_changes_nothing_and_writes_nothing(name, shape):
    sources = random_pair(shape)
    copies, algorithm = sources.copy(), fusion.ALGORITHMS[name]
    forward, backward = algorithm(*sources), algorithm(*sources[::-1])
    np.testing.assert_allclose(forward, backward, atol=2e-6)
    np.testing.assert_array_equal(sources, copies)


@each_algorithm
@each_size
def test_output_has_the_sources_shape_dtype_and_range(name, shape):
    # 0 and 1 only: every transform would overshoot here if it were let.
    fused = fusion.ALGORITHMS[name](*np.round(random_pair(shape)))
    assert fused.shape == shape
    assert fused.dtype == np.float32
    assert 0.0 <= fused.min() <= fused.max() <= 1.0


@each_algorithm
@pytest.mark.parametrize("levels", [(0, 0), (1, 1), (0, 1), (0.25, 0.75)])
def test_constant_sources_give_a_constant_between_them(name, levels):
    sources = (np.full((33, 47), x, np.float32) for x in levels)
    fused = fusion.ALGORITHMS[name](*sources)
    assert np.ptp(fused) < 1e-5
    assert levels[0] - 1e-5 <= fused.mean() <= levels[1] + 1e-5


@each_algorithm
def test_result_is_the_same_to_the_byte_every_time(name):
    sources = random_rgb(0), random_rgb(1)
    first = fusion.fuse(*sources, name)
    again = fusion.fuse(*(source.copy() for source in sources), name)
    assert first.tobytes() == again.tobytes()


@each_algorithm
@pytest.mark.parametrize("order", [1, -1])
def test_detail_of_one_source_arrives_in_the_fused_image(name, order):
    flat = np.full((128, 128), 0.5, np.float32)
    detail = flat.copy()
    detail[63:65, 40:88] = 0.8
    fused = fusion.ALGORITHMS[name](*[detail, flat][::order])
    step = fused[63, 64] - fused[40, 64]
    # The mean keeps half of the step of 0.3; all others must keep more.
    assert step > (0.14 if name == "average" else 0.2)


@each_algorithm
def test_identical_images_come_back_exactly(name):
    image = random_rgb(3)
    fused = fusion.fuse(image, image, name)
    np.testing.assert_array_equal(fused, image)


@each_algorithm
def test_grey_pairs_stay_exactly_grey(name):
    greys = (random_rgb(i)[..., :1].repeat(3, 2) for i in range(2))
    fused = fusion.fuse(*greys, name)
    np.testing.assert_array_equal(fused, fused[..., :1].repeat(3, 2))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("grey", "expected"), [(109, (150, 100, 50)), (69, (130, 80, 30))]
)
def test_colour_is_kept_and_the_luminance_is_the_algorithms(
    order, grey, expected
):
    # The functional image's luminance is 109; the mean with 69 loses 20.
    functional = np.full((16, 16, 3), (150, 100, 50), np.uint8)
    sources = [functional, np.full((16, 16, 3), grey, np.uint8)]
    fused = fusion.fuse(*sources[::order], "average")
    assert (fused == expected).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((random_rgb(0), random_rgb(1), "magic"), "Received: 'magic'"),
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
def test_real_pairs_fuse_within_plausible_bounds(name, shared_data):
    entries = list_atlas_pairs(shared_data / "whole_brain_atlas", 128)
    for modality in ("CT-MRI", "PET-MRI", "SPECT-MRI"):
        of_modality = [e for e in entries if e.modality == modality]
        pair = of_modality[len(of_modality) // 2].load()
        sources = (pair.source_a, pair.source_b)
        fused = fusion.fuse(*sources, name).astype(float)
        darkest, brightest = np.min(sources, axis=0), np.max(sources, axis=0)
        assert 0.8 * darkest.mean() <= fused.mean() <= 1.2 * brightest.mean()
        for source in sources:
            correlation = np.corrcoef(fused.ravel(), source.ravel())[0, 1]
            assert correlation > 0.2
