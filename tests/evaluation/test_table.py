"""What readers of the figures see."""

import dataclasses
import math

import pytest

from g2npan_tf.evaluation.results import FoldMean
from g2npan_tf.evaluation.results import FoldMeans
from g2npan_tf.evaluation.results import OfImages
from g2npan_tf.evaluation.table import table
from tests.evaluation.test_results import RESULTS
from tests.evaluation.test_results import figures
from tests.evaluation.test_results import gain


def lines_of(**changes):
    return table(dataclasses.replace(RESULTS, **changes)).splitlines()


def test_table_says_what_the_figures_were_measured_on():
    assert lines_of()[0] == (
        "Data: base/1.0.0 (simulated scores); protocol: group; 6 images of 3 "
        "pairs, 2 cases."
    )
    preset = lines_of(preset="compact", changes=["epochs=2"])[0]
    assert "; preset: compact with epochs=2; 6 images" in preset
    assert "; preset: compact; 6 images" in lines_of(preset="compact")[0]


def test_table_names_what_is_left_out_and_other_groups():
    lines = lines_of(excluded=["algorithm:a", "modality:b"], group_by="case_id")
    assert lines[0].endswith(
        "2 cases; without algorithm:a, modality:b; grouped by case_id."
    )
    assert "SRCC in case |" in lines[2]
    assert lines_of(excluded=[], group_by="pair_id") == lines_of()


def test_each_modality_has_its_rows():
    measured = figures(0.6, 0.1)
    one = OfImages(measured.raw, measured.interval, 3)
    mean = FoldMean(0.2, -0.1, 0.4)
    lines = lines_of(
        by_modality={"CT": {"ours": one}, "PET": {"ours": one}},
        mean_of_folds=FoldMeans({}, {}, {"PET": {"ours": mean}}),
    )
    assert lines[-2:] == [
        "| CT | 3 | ours | 0.500 | 0.600 (0.100 to 0.900) | - |",
        "| PET | 3 | ours | 0.500 | 0.600 (0.100 to 0.900) | "
        "0.200 (-0.100 to 0.400) |",
    ]


def test_means_of_folds_stand_with_their_differences():
    means = {"ours": FoldMean(0.6, 0.5, 0.7), "other": FoldMean(0.2, 0.1, 0.3)}
    found = FoldMeans(means, {"other": gain(0.3, 0.5)}, {})
    lines = lines_of(mean_of_folds=found, drawn="case")
    assert "bootstrap by case" in lines[-3]
    assert lines[-2] == "- ours 0.600 (0.500 to 0.700)"
    assert lines[-1].startswith("- other 0.200 (0.100 to 0.300); against it ab")


def test_table_has_a_row_a_method_and_a_dash_for_what_is_not_defined():
    lines = lines_of()
    assert lines[4] == (
        "| ours | 0.500 | 0.600 (0.100 to 0.900) | 0.250 | - | 0.125 | 0.500 "
        "| 0.750 | 1.000 |"
    )
    assert lines[5].startswith("| mean | 0.500 | - (0.000 to 0.900) |")


@pytest.mark.parametrize(
    ("limits", "word"),
    [((0.1, 0.3), "above"), ((-0.3, -0.1), "BELOW"), ((-1, 1), "NOT clearly")],
)
def test_verdict_is_that_of_the_interval(limits, word):
    gains = {"other": {"all": gain(*limits), "within_group": gain(-1, 1)}}
    text = "\n".join(lines_of(gains=gains))
    assert f"SRCC over all images is {word}" in text
    assert "Holm's correction" in text
    assert f"({limits[0]:.3f} to {limits[1]:.3f}), p 0.042" in text


def test_a_difference_to_a_constant_is_none():
    undefined = dataclasses.replace(gain(0, 1), difference=math.nan)
    gains = {"other": {"all": gain(0, 1), "within_group": undefined}}
    text = "\n".join(lines_of(gains=gains))
    assert "SRCC within a pair is not defined: one of the two is con" in text
    assert "nan" not in text


def test_few_units_are_named_with_their_smallest_p():
    assert lines_of(units=3, drawn="case")[-1] == (
        "Only 3 cases to draw from: intervals are too narrow, and no p can be "
        "below 0.25."
    )
    assert lines_of(units=6) == lines_of()
