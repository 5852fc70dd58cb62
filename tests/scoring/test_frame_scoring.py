import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.images.read import Frame
from g2npan_tf.images.read import resize
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.frame_scoring import assessment_of
from g2npan_tf.scoring.frame_scoring import frames_or_rows
from g2npan_tf.scoring.frame_scoring import scored_row
from g2npan_tf.scoring.score_rows import Row
from tests.pictures import shades


def test_what_ends_the_frames_becomes_the_last_row():
    def frames():
        yield Frame("a.dcm#1", np.zeros((16, 16, 3), np.uint8), ("inverted",))
        yield Frame("a.dcm#2", picture)
        raise InputError("a.dcm: frame 3 of 3: damaged")

    picture = np.asarray(shades(90).convert("RGB"))
    blank, (frame, scored), last = frames_or_rows("a.dcm", frames(), 64)
    assert blank == Row("a.dcm#1", status=NO_CONTENT, notes=("inverted",))
    assert frame.name == "a.dcm#2"
    np.testing.assert_array_equal(scored, resize(picture, 64))
    assert last == Row("a.dcm", status="frame 3 of 3: damaged")


def test_a_defect_is_no_row():
    def frames():
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        list(frames_or_rows("a", frames(), 64))


def test_a_score_becomes_a_row_with_its_quality_and_notes():
    row = scored_row("a", ("alpha dropped",), assessment_of(np.float32(4)))
    assert row == Row("a", 4.0, 0.75, "ok", ("alpha dropped",))
    assert type(row.mos) is float


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_none(score):
    row = scored_row("a", (), Assessment(score, score))
    assert row.mos is row.quality is None
    assert row.status == "the model gave no finite score"
