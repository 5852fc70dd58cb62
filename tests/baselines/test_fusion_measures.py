"""Measures by loops, by libraries and by hand, and the reference code's."""

import math
import statistics

import numpy as np
import pytest
from skimage.measure import shannon_entropy

from g2npan_tf.baselines import fusion_measures as measures
from g2npan_tf.baselines.similarity import structural_similarity
from g2npan_tf.baselines.similarity import visual_information
from g2npan_tf.core.errors import InputError
from tests.fused_triple import average
from tests.fused_triple import check_refusals
from tests.fused_triple import constant
from tests.fused_triple import textured

A, B = textured(0), textured(1)
F = average(A, B)
FLAT = constant(100)
OF_FUSED = (
    measures.entropy,
    measures.standard_deviation,
    measures.spatial_frequency,
    measures.average_gradient,
)
OF_ALL = (
    measures.mutual_information,
    measures.correlations_of_differences,
    measures.mean_similarity,
    measures.mean_visual_information,
)


@pytest.mark.parametrize("measure", OF_ALL)
def test_what_is_no_triple_of_grey_images_is_refused(measure):
    check_refusals(measure)


@pytest.mark.parametrize("measure", OF_FUSED)
def test_what_is_no_grey_image_is_refused(measure):
    for image in (A / 255, A[:0], np.stack([A] * 3, axis=-1)):
        with pytest.raises(InputError, match=r"^fused must be .* Received"):
            measure(image)


def test_entropy_is_that_of_scikit_image_and_of_all_levels_8_bits():
    assert measures.entropy(F) == pytest.approx(shannon_entropy(F), rel=1e-12)
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert measures.entropy(levels) == pytest.approx(8, rel=1e-12)


def test_standard_deviation_is_over_all_pixels():
    expected = statistics.pstdev(map(int, F.ravel()))
    assert measures.standard_deviation(F) == pytest.approx(expected, rel=1e-12)
    halves = np.repeat([[0, 255]], 2, axis=0).astype(np.uint8)
    assert measures.standard_deviation(halves) == 127.5


def test_spatial_frequency_and_gradient_by_loops():
    image = F.astype(float)
    height, width = image.shape
    squares, strengths = 0.0, []
    for i in range(height):
        for j in range(width):
            right = image[i, j + 1] - image[i, j] if j + 1 < width else None
            below = image[i + 1, j] - image[i, j] if i + 1 < height else None
            squares += (right or 0) ** 2 + (below or 0) ** 2
            if right is not None and below is not None:
                strengths.append(math.sqrt((right**2 + below**2) / 2))
    assert measures.spatial_frequency(F) == pytest.approx(
        math.sqrt(squares / image.size), rel=1e-12
    )
    assert measures.average_gradient(F) == pytest.approx(
        statistics.mean(strengths), rel=1e-12
    )


def test_gradient_of_a_ramp_by_hand():
    # 3 to the right, 4 downwards: sqrt(25 / 2) everywhere.
    x, y = np.arange(6)[None], np.arange(5)[:, None]
    ramp = (3 * x + 4 * y).astype(np.uint8)
    assert measures.average_gradient(ramp) == pytest.approx(5 / math.sqrt(2))
    assert math.isnan(measures.average_gradient(ramp[:1]))


def test_mutual_information_is_that_of_scikit_learn_in_bits():
    metrics = pytest.importorskip("sklearn.metrics")
    expected = sum(
        metrics.mutual_info_score(source.ravel(), F.ravel())
        for source in (A, B)
    )
    value = measures.mutual_information(A, B, F)
    assert value == pytest.approx(expected / math.log(2), rel=1e-10)
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    equal = measures.mutual_information(levels, levels, levels)
    assert equal == pytest.approx(16, rel=1e-12)


def test_correlations_of_differences_are_numpys():
    a, b, f = (x.astype(float).ravel() for x in (A, B, F // 2))
    expected = np.corrcoef(f - b, a)[0, 1] + np.corrcoef(f - a, b)[0, 1]
    value = measures.correlations_of_differences(A, B, F // 2)
    assert value == pytest.approx(expected, abs=1e-12)
    # The sum of both has all of both, A has all of A and nothing of another.
    half_a, half_b = A // 2, B // 2
    whole = measures.correlations_of_differences(
        half_a, half_b, half_a + half_b
    )
    assert whole == pytest.approx(2)
    assert measures.correlations_of_differences(A, FLAT, A) == pytest.approx(1)
    assert math.isnan(measures.correlations_of_differences(A, A, A))


@pytest.mark.parametrize(
    ("measure", "single"),
    [
        (measures.mean_similarity, structural_similarity),
        (measures.mean_visual_information, visual_information),
    ],
)
def test_two_sources_count_the_same_each_as_reference(measure, single):
    fused = (0.7 * A + 0.3 * B).astype(np.uint8)
    expected = (single(A, fused) + single(B, fused)) / 2
    assert measure(A, B, fused) == measure(B, A, fused) == expected
    assert measure(A, A, A) == pytest.approx(1, abs=1e-9)


def test_constant_images():
    assert [measure(FLAT) for measure in OF_FUSED] == [0, 0, 0, 0]
    assert measures.mutual_information(A, B, FLAT) == 0
    assert measures.mean_visual_information(A, B, FLAT) == 0
    assert math.isnan(measures.mean_visual_information(FLAT, B, A))


def test_values_of_the_reference_code(oracle):
    for case, values in oracle.values.items():
        a, b, fused = (oracle.image(case, name) for name in "ABF")
        found = {
            "vifb.SF_fused": measures.spatial_frequency(fused),
            "vifb.MI_nats_minmax": measures.mutual_information(a, b, fused)
            * math.log(2),
        }
        for name, value in found.items():
            expected = float(values[name])
            # A constant image cannot be stretched, as the code does.
            if math.isfinite(expected):
                assert value == pytest.approx(expected, rel=1e-9), case
