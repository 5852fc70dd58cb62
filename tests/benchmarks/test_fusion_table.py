import numpy as np
import pytest
from scipy import ndimage

from benchmarks import fusion_table
from datasets.fusion import ALGORITHMS
from datasets.groups import SourcePair


def random_levels(seed, shape=(32, 40)):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    return np.rint(128 + 40 * noise / noise.std()).clip(0, 255).astype("u1")


@pytest.fixture
def triple():
    a, b = random_levels(0), random_levels(1)
    return a, b, np.rint(a / 2 + b / 2).astype("u1")


def test_ssim_of_equal_images_is_one():
    image = random_levels(2)
    assert fusion_table.mean_ssim(image, image, image) == 1.0


def test_spatial_frequency_of_a_ramp(triple):
    ramp = np.fromfunction(lambda y, x: 3 * y, (10, 20), dtype=np.uint8)
    assert fusion_table.spatial_frequency(*triple[:2], ramp) == pytest.approx(
        np.sqrt(9 * 3.0**2 / 10)
    )


def test_a_pair_gives_all_figures_and_symmetric_differences():
    # Of one variance, PCA would be the average.
    levels = random_levels(0), random_levels(1) // 4
    sources = (image[..., np.newaxis].repeat(3, axis=2) for image in levels)
    pair = SourcePair("pair", "case", "CT-MRI", *sources)
    rows, differences = fusion_table.measure_pair(pair)
    assert rows.shape == (len(ALGORITHMS), len(fusion_table.METRICS) + 1)
    np.testing.assert_array_equal(differences, differences.T)
    assert np.all(differences[~np.eye(len(ALGORITHMS), dtype=bool)] > 0.0)


def test_markdown_table_aligns_numbers_to_the_right():
    table = fusion_table.markdown_table(["a", "b"], [["x", "1"]])
    assert table == "| a | b |\n| --- | ---: |\n| x | 1 |"
