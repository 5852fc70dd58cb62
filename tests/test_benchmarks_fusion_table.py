import numpy as np
import pytest
from scipy import ndimage
from scipy import stats

from benchmarks import fusion_table
from datasets.fusion import ALGORITHMS
from datasets.sources import SourcePair


def random_levels(seed, shape=(32, 40)):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    return np.rint(128 + 40 * noise / noise.std()).clip(0, 255).astype("f4")


@pytest.fixture
def triple():
    a, b = random_levels(0), random_levels(1)
    return a, b, np.rint((a + b) / 2)


def test_qabf_of_a_perfect_fusion_is_the_published_maximum():
    image = random_levels(0)
    maximum = 0.9994 / (1 + np.exp(-7.5)) * 0.9879 / (1 + np.exp(-4.4))
    assert fusion_table.qabf(image, image, image) == pytest.approx(maximum)


def test_qabf_falls_with_blur(triple):
    a, b, fused = triple
    blurred = ndimage.gaussian_filter(fused, 2.0)
    assert fusion_table.qabf(a, b, blurred) < fusion_table.qabf(a, b, fused)


def test_qabf_of_a_worked_example():
    # One step of 100 in each source, half of it in the fused image: strength
    # ratio 1/2, same orientation, everywhere an edge is.
    a = np.zeros((9, 9), np.float32)
    a[2:7, 2:7] = 100.0
    strength = 0.9994 / (1 + np.exp(0.0))
    orientation = 0.9879 / (1 + np.exp(-4.4))
    assert fusion_table.qabf(a, a, a / 2) == pytest.approx(
        strength * orientation, rel=1e-6
    )


def entropy(*images):
    levels = np.stack([image.ravel() for image in images])
    return stats.entropy(np.unique(levels, axis=1, return_counts=True)[1])


def test_mutual_information_is_two_shares_of_the_entropies(triple):
    a, b, fused = triple
    expected = 0.0
    for source in (a, b):
        separate = entropy(source) + entropy(fused)
        expected += 2 * (separate - entropy(source, fused)) / separate
    assert fusion_table.mutual_information(a, b, fused) == pytest.approx(
        expected, rel=1e-9
    )


def test_identical_images_have_the_largest_values():
    image = random_levels(2)
    assert fusion_table.mutual_information(image, image, image) == 2.0
    assert fusion_table.mean_ssim(image, image, image) == 1.0


def test_spatial_frequency_of_a_ramp(triple):
    ramp = np.fromfunction(lambda y, x: 3.0 * y, (10, 20), dtype=np.float32)
    assert fusion_table.spatial_frequency(*triple[:2], ramp) == pytest.approx(
        np.sqrt(9 * 3.0**2 / 10)
    )


def test_constant_images_give_no_nan():
    constant = np.full((16, 16), 7, np.float32)
    for metric in fusion_table.METRICS.values():
        assert np.isfinite(metric(constant, constant, constant))


def test_a_pair_gives_all_figures_and_symmetric_differences():
    # Of one variance, PCA would be the average.
    levels = random_levels(0), random_levels(1) / 4
    sources = (
        image[..., np.newaxis].repeat(3, axis=2).astype(np.uint8)
        for image in levels
    )
    pair = SourcePair("pair", "case", "CT-MRI", *sources)
    rows, differences = fusion_table.measure_pair(pair)
    assert rows.shape == (len(ALGORITHMS), len(fusion_table.METRICS) + 1)
    np.testing.assert_array_equal(differences, differences.T)
    assert np.all(differences[~np.eye(len(ALGORITHMS), dtype=bool)] > 0.0)


def test_markdown_table_aligns_numbers_to_the_right():
    table = fusion_table.markdown_table(["a", "b"], [["x", "1"]])
    assert table == "| a | b |\n| --- | ---: |\n| x | 1 |"
