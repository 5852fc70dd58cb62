"""Every difference between two data sets is said, and nothing else."""

import numpy as np
import pytest

from g2npan_tf.evaluation import differences
from g2npan_tf.evaluation.differences import Side

SIMULATED = {
    "name": "fusion/a/1.0.0",
    "scores": "simulated",
    "num_readers": 8,
    "panel_version": "1.1.0",
}
READERS = {
    "name": "fusion/b/2.0.0",
    "scores": "two radiologists",
    "num_readers": 2,
}


def rows(modality="CT-MRI", algorithm="average", prefix="x", mos=(2.0, 4.0)):
    count = len(mos)
    return {
        "pair_id": np.array([f"{prefix}_{i}" for i in range(count)]),
        "case_id": np.array([f"{prefix}_case"] * count),
        "modality": np.array([modality] * count),
        "algorithm": np.array([algorithm] * count),
        "mos": np.array(mos),
    }


def said(**change):
    """What begins each line, if one thing is otherwise than in training."""
    trained = Side(SIMULATED, rows(), 128)
    scored = Side(
        change.pop("facts", SIMULATED),
        rows(**{"prefix": "y", **change}),
        change.pop("size", 128),
    )
    lines = differences.lines(trained, scored)
    return {line.partition(":")[0]: line for line in lines}


def test_nothing_is_said_where_nothing_differs():
    assert said() == {}


@pytest.mark.parametrize(
    ("change", "start", "words"),
    [
        ({"modality": "PET"}, "modality", "2 of 2 images are of PET, which"),
        ({"algorithm": "pca"}, "algorithm", "are of pca, which training nev"),
        ({"mos": (1.0, 4.0)}, "score scale", "mean 3.00, sd 1.00, 2.00 to 4"),
        (
            {"facts": SIMULATED | {"name": "fusion/a/1.1.0"}},
            "version",
            "trained on 1.0.0 of fusion/a, scored on 1.1.0",
        ),
        (
            {"facts": SIMULATED | {"panel_version": "2.0.0"}},
            "scores",
            "simulated scores (8 readers, panel 1.1.0), judged against "
            "simulated scores (8 readers, panel 2.0.0)",
        ),
    ],
)
def test_a_single_difference_is_one_line(change, start, words):
    lines = said(**change)
    assert list(lines) == [start]
    assert words in lines[start]


def test_real_scores_are_told_from_simulated_ones():
    lines = said(facts=READERS)
    assert set(lines) == {"data set", "scores"}
    assert "judged against scores of two radiologists (2 r" in lines["scores"]


def test_data_sets_of_one_name_and_other_images_are_told_apart():
    trained = Side(SIMULATED | {"images": 10, "bytes": 5}, rows(), 128)
    scored = Side(SIMULATED | {"images": 12, "bytes": 7}, rows(prefix="y"), 128)
    (line,) = differences.lines(trained, scored)
    assert line.startswith("data set: both are fusion/a/1.0.0, of other images")


def test_overlap_counts_pairs_cases_and_their_images():
    trained = Side(SIMULATED, rows(), 128)
    scored = Side(READERS, rows(mos=(2.0, 2.0, 4.0, 4.0)), 128)
    pairs, cases = differences.lines(trained, scored)[-2:]
    assert pairs.startswith("overlap: 2 of 4 pairs (2 images) have names")
    assert cases.startswith("overlap: 1 of 1 cases (4 images) have names")
    assert pairs.endswith("these figures are optimistically biased")


def test_smaller_and_larger_images_are_told_by_what_happens_to_them():
    assert differences.sampling(128, 128) == ""
    shrunk = differences.sampling(128, 512)
    assert "scores whole images of side 128; these have side 512" in shrunk
    assert "shrunk by averaging areas" in shrunk
    enlarged = differences.sampling(512, 128)
    assert "scores tiles of images of side 512" in enlarged
    assert "enlarged linearly" in enlarged


def test_without_the_data_of_training_that_is_said():
    lines = differences.lines(
        Side(SIMULATED, {}, 128), Side(READERS, rows(), 128)
    )
    assert lines[-1].startswith("unknown: fusion/a/1.0.0 is not here")


def test_what_trained_too_is_said_and_its_names_are_not_all_listed():
    extra = {"name": "random/1.0.0", "scores": "simulated", "images": 99}
    facts = SIMULATED | {"extra_data": extra}
    many = rows(mos=np.linspace(1, 5, 40)) | {
        "algorithm": np.array([f"random_{i:02}" for i in range(40)])
    }
    scored = Side(SIMULATED, rows(prefix="y", mos=(1.0, 5.0)), 128)
    lines = differences.lines(Side(facts, many, 128), scored)
    assert lines[0].startswith("extra data: random/1.0.0 (simulated scores); ")
    assert "its 99 images train too, without what" in lines[0]
    (named,) = (line for line in lines if line.startswith("algorithm:"))
    assert "(it had random_00, " in named
    assert named.endswith("random_11 and 28 more)")
    alone = Side(facts | {"extra_only": True}, {}, 128)
    first, *_, last = differences.lines(alone, scored)
    assert "its 99 images train alone" in first
    assert last.startswith("unknown: fusion/a/1.0.0 or its extra data is not")
