"""Which images a report shows, by hand."""

import dataclasses

import numpy as np

from g2npan_tf.evaluation import extreme_images
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Split
from g2npan_tf.scoring.assessor import Assessment


def rows_of(*rows):
    """Predictions from pair, algorithm, MOS, prediction and spread."""
    pair, algorithm, mos, predicted, spread = map(
        np.array, zip(*rows, strict=True)
    )
    split = Split(pair, algorithm, np.full(len(pair), "CT"), mos)
    return Predictions(split.image, split, predicted, spread=spread)


ROWS = rows_of(
    ("p", "a", 1.0, 4.0, 0.1),
    ("p", "b", 1.0, 3.5, 0.9),
    ("q", "a", 5.0, 4.9, 0.5),
    ("q", "b", 3.0, 3.0, 0.0),
    ("r", "a", 2.0, 2.5, np.nan),
)


def test_rules_by_hand():
    picked = extreme_images.pick(ROWS)
    # p/b has the second largest error, but p/a is of the same pair.
    assert picked["worst"] == [0, 4, 2]
    assert picked["best"] == [3, 4, 1]
    # The grades of q/b agree, and r/a has no two grades.
    assert picked["disputed"] == [1, 2]
    assert set(picked) == set(extreme_images.KINDS)


def test_no_more_than_asked_for():
    picked = extreme_images.pick(ROWS, count=1)
    assert {k: len(v) for k, v in picked.items()} == dict.fromkeys(picked, 1)


def test_equal_ones_come_by_name():
    rows = rows_of(*((pair, "a", 1.0, 2.0, 0.0) for pair in "zyx"))
    assert extreme_images.pick(rows)["worst"] == [2, 1, 0]


def test_without_grades_nothing_is_disputed():
    rows = rows_of(("p", "a", 1.0, 2.0, np.nan), ("q", "a", 1.0, 3.0, 0.0))
    unknown = dataclasses.replace(rows, spread=None)
    for some in (rows, unknown):
        assert set(extreme_images.pick(some)) == {"worst", "best"}


def test_each_image_is_explained_once_and_stays_with_its_row():
    asked = []

    def explain(numbers):
        asked.extend(numbers)
        return [
            (np.full((2, 2, 3), i), Assessment(1.0 + i, 0)) for i in numbers
        ]

    shown = extreme_images.show(ROWS, explain)
    assert asked == [0, 1, 2, 3, 4]
    for members in shown.values():
        for one in members:
            number = ROWS.image.tolist().index(one.row.image[0])
            assert one.pixels[0, 0, 0] == number
            assert one.assessment.mos == 1.0 + number
