"""No file stops another one, whatever it is and whoever reads it."""

import errno
import os
import types

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from datasets.custom.scores import read_scores
from g2npan_tf.core.errors import InputError
from g2npan_tf.images import read
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import LoadedImage
from g2npan_tf.images.paths import find_images
from g2npan_tf.scoring import beam
from g2npan_tf.scoring import score
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.page import upload
from g2npan_tf.scoring.rows import csv_line
from g2npan_tf.scoring.rows import score_files
from tests.custom_folder import rows_of
from tests.custom_folder import write_folder
from tests.image_seeds import seeds
from tests.pictures import shades
from tests.score_reports import brightness
from tests.score_reports import save_grey

ASSESSOR = Assessor(brightness)


def raising(error):
    def images_of():
        raise error
        yield

    return lambda data, limits: (1, images_of())


def giving(pixels):
    return lambda data, limits: (1, iter([LoadedImage(pixels)]))


DECODERS = [
    *map(
        raising,
        (
            cv2.error("resize"),
            MemoryError(),
            RecursionError("deep"),
            ZeroDivisionError("by zero"),
            SystemError("native"),
            KeyError("x"),
            OSError(errno.EIO, "Input/output error"),
        ),
    ),
    *map(
        giving,
        (
            None,
            np.zeros((64, 64), np.uint8),
            np.zeros((64, 64, 9, 1), np.uint8),
            np.zeros((64, 64, 4), np.uint8),
            np.zeros((64, 64, 3), np.float32),
            np.zeros((0, 64, 3), np.uint8),
        ),
    ),
    lambda data, limits: (2, iter(())),
]


@pytest.fixture
def bad_decoder(request, monkeypatch):
    """A decoder that breaks its word for the files that begin with BAD."""
    choose = read._opener
    monkeypatch.setattr(
        read,
        "_opener",
        lambda data: request.param if data[:3] == b"BAD" else choose(data),
    )


@pytest.fixture
def three(tmp_path, monkeypatch):
    """Two good files and what is between them."""
    monkeypatch.chdir(tmp_path)
    paths = [tmp_path / name for name in ("a.png", "b", "c.png")]
    for path, value in ((paths[0], 51), (paths[2], 102)):
        shades(value).save(path)
    return paths


def rows_of_files(paths):
    return [image.row for image in score_files(ASSESSOR, paths)]


def check_rows(rows):
    assert (rows[0].status, rows[-1].status) == ("ok", "ok")
    assert rows[0].mos == pytest.approx(1.8)
    assert rows[-1].mos == pytest.approx(2.6)
    assert len(rows) >= 3
    for row in rows:
        assert (row.status == "ok") == (row.mos is not None)
        assert row.status
        assert "\n" not in row.status


@pytest.mark.parametrize("bad_decoder", DECODERS, indirect=True)
def test_whatever_a_decoder_does_is_its_files_row(bad_decoder, three):
    three[1].write_bytes(b"BAD")
    rows = rows_of_files(three)
    check_rows(rows)
    assert rows[1].status != "ok"
    (uploaded,) = upload.score(ASSESSOR, b"BAD", DEFAULT_LIMITS)
    assert uploaded.row.status == rows[1].status
    shared = types.SimpleNamespace(acquire=lambda load: ASSESSOR)
    lines = beam.LineScorer("", shared=shared)(map(os.fsencode, three))
    assert list(lines) == [beam.encoded(csv_line(row)) for row in rows]


@pytest.mark.parametrize("bad_decoder", DECODERS, indirect=True)
def test_a_data_set_names_the_file_before_it_is_built(bad_decoder, tmp_path):
    folder = write_folder(tmp_path / "data", rows_of())
    bad = folder / "images" / "2_second.png"
    bad.write_bytes(b"BAD")
    (problem,) = read_scores(folder).problems
    assert problem.file == "images/2_second.png"
    with pytest.raises(InputError, match=f"^{bad}: ") as caught:
        read.load_image(bad)
    assert "\n" not in str(caught.value)


CORPUS = [b"", *seeds().values()]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_any_bytes_leave_their_neighbours_alone(three, data):
    content = data.draw(st.sampled_from(CORPUS))
    at = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(at, len(content)))
    content = content[:at] + data.draw(st.binary()) + content[end:]
    three[1].write_bytes(content)
    rows = rows_of_files(three)
    check_rows(rows)
    files = dict.fromkeys(row.path.partition("#")[0] for row in rows)
    assert list(files) == list(map(str, three))
    assert upload.score(ASSESSOR, content, DEFAULT_LIMITS)


# What is no pattern of the machine's whole disk, and no list.
NAMES = st.text(
    st.characters(exclude_characters="/"), min_size=1, max_size=400
).filter(lambda name: name[0] not in "@-" and name.strip("."))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(NAMES, st.sampled_from(["a\0b", "\ud800", "x" * 300, "[", "~"]))
)
def test_any_path_leaves_its_neighbours_alone(three, name):
    paths = [three[0], three[0].parent / name, three[2]]
    check_rows(rows_of_files(paths))
    found = find_images([str(three[0]), name, str(three[2])]).paths
    # A pattern may find them by another spelling.
    assert {str(three[0]), str(three[2])} <= set(map(os.path.abspath, found))
    rows_of_files(found)


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A tree in which a folder and a file below another are locked."""
    for name in ("a.png", "locked/b.png", "shut/c.png", "z.png"):
        path = tmp_path / "tree" / name
        save_grey(path, 51)

    def without(function, name):
        def refuse(path, *arguments, **options):
            if name in os.fspath(path):
                message = os.strerror(errno.EACCES)
                raise PermissionError(errno.EACCES, message, os.fspath(path))
            return function(path, *arguments, **options)

        return refuse

    # Tests may run as root, whom no mode keeps out.
    for name in ("open", "stat", "lstat"):
        monkeypatch.setattr(os, name, without(getattr(os, name), "shut/"))
    monkeypatch.setattr(os, "scandir", without(os.scandir, "locked"))
    return tmp_path / "tree"


@pytest.mark.parametrize("pattern", ["", "**", "*"])
def test_what_may_not_be_read_is_a_row(locked, pattern, monkeypatch, capsys):
    monkeypatch.setattr(score, "load_quietly", lambda *x: ASSESSOR)
    arguments = [str(locked / pattern)]
    code = score.score_command("m.tflite", arguments, file_format="csv")
    assert code == 1
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split("tree/")[1] for line in lines] == [
        "a.png,1.8000,0.2000,ok,",
        "locked,,,permission denied,",
        "shut/c.png,,,permission denied,",
        "z.png,1.8000,0.2000,ok,",
    ]


def test_a_locked_folder_alone_is_one_line(locked):
    with pytest.raises(InputError, match="locked: permission denied"):
        score.find([str(locked / "locked")], False)


@pytest.mark.parametrize("name", ["n" * 300, "shut/model.tflite", "a\0b"])
def test_a_model_that_no_file_can_be_is_one_line(locked, name):
    with pytest.raises(InputError, match=r"too long|permission|no such model"):
        Assessor.load(locked / name)


def test_a_list_with_a_long_line_has_a_row_for_it(three, tmp_path):
    lines = [str(three[0]), "word " * 5000, str(three[2])]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    paths = find_images([f"@{tmp_path / 'list.csv'}"]).paths
    rows = rows_of_files(paths)
    check_rows(rows)
    assert rows[1].status == "file name too long"
