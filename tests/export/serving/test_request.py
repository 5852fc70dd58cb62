import pytest

from export.serving import request
from export.serving.request import Score
from export.serving.request import Server
from export.serving.request import Unavailable
from export.serving.request import with_retries
from g2npan_tf.core.errors import InputError

SERVER = Server("there", 8501)


def failing(times):
    """Answers after so many failures."""
    left = [Unavailable(f"there: failure {n}") for n in range(times)]

    def call():
        if left:
            raise left.pop()
        return "answer"

    return call


def test_it_is_tried_again_with_pauses_that_double():
    pauses = []
    assert with_retries(failing(9), 10, pauses.append) == "answer"
    longest = [min(0.5 * 2**n, 30) for n in range(9)]
    for pause, most in zip(pauses, longest, strict=True):
        assert most / 2 <= pause <= most
    assert with_retries(failing(0), 1, pauses.append) == "answer"
    assert len(pauses) == 9


def test_pauses_differ_between_clients():
    first, second = [], []
    with_retries(failing(3), 4, first.append)
    with_retries(failing(3), 4, second.append)
    assert first != second


def test_the_last_failure_is_told():
    pauses = []
    with pytest.raises(InputError, match=r"^there: failure 2 \(3 tries\)$"):
        with_retries(failing(5), 3, pauses.append)
    assert len(pauses) == 2


def test_what_a_new_try_would_not_help_is_raised_at_once():
    def refuse():
        raise InputError("no such model")

    with pytest.raises(InputError, match="no such model"):
        with_retries(refuse, 5, pytest.fail)


def test_scores_are_rows_of_the_outputs():
    columns = {"mos": [2, 1], "quality": [0.25, 0], "status": [0, 3], "x": []}
    assert request.scores(SERVER, columns, 2) == [
        Score(2.0, 0.25, 0),
        Score(1.0, 0.0, 3),
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"mos": [1], "quality": [0]},
        {"mos": [1], "quality": [0], "status": [0]},
        {"mos": [1, 2], "quality": [0], "status": [0, 0]},
        {"mos": [1, "x"], "quality": [0, 0], "status": [0, 0]},
        {"mos": None, "quality": [0, 0], "status": [0, 0]},
        {"mos": ["1", "2"], "quality": [0, 0], "status": [0, 0]},
        {"mos": [b"1", b"2"], "quality": [0, 0], "status": [0, 0]},
        {"mos": [1, 2], "quality": [0, None], "status": [0, 0]},
        {"mos": [1, 2], "quality": [0, 0], "status": [0.5, 0]},
        {"mos": [1, 2], "quality": [0, 0], "status": [True, False]},
        {"mos": [1, 10**400], "quality": [0, 0], "status": [0, 0]},
        {"mos": [[1], [2]], "quality": [0, 0], "status": [0, 0]},
        {"mos": [[1], 2], "quality": [0, 0], "status": [0, 0]},
    ],
)
def test_answers_of_another_kind_of_model_are_refused(columns):
    with pytest.raises(InputError, match="expected outputs mos, quality"):
        request.scores(SERVER, columns, 2)


def test_a_server_is_named_in_messages():
    assert str(SERVER) == "g2npan at there:8501"
    named = Server("there", 1, model="m", version=3)
    assert str(named) == "m version 3 at there:1"
