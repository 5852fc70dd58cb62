import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.images.read import Frame
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import WRITERS
from g2npan_tf.scoring.rows import ScoreRow
from g2npan_tf.scoring.rows import in_batches
from g2npan_tf.scoring.rows import score_files
from g2npan_tf.scoring.rows import score_frames
from tests.pictures import shades
from tests.score_reports import brightness
from tests.score_reports import save_grey


@pytest.fixture
def assessor():
    return Assessor(brightness, batch_size=3)


def test_bad_files_have_their_row_and_the_others_their_score(
    tmp_path, assessor
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.png").write_text("no image")
    truncated = save_grey(tmp_path / "truncated.png", 90)
    truncated.write_bytes(truncated.read_bytes()[:60])
    Image.new("L", (1, 1)).save(tmp_path / "tiny.png")
    deep = np.asarray(shades(204)).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    alpha = Image.new("L", (32, 32))
    Image.merge("LA", (shades(51), alpha)).save(tmp_path / "alpha.png")
    Image.new("L", (32, 32), 255).save(tmp_path / "white.png")
    Image.new("CMYK", (20, 20)).save(tmp_path / "cmyk.jpg")
    expected = {
        "missing.png": "no such file",
        "folder": "no .png, .jpg",
        "text.png": "not a readable PNG",
        "truncated.png": "damaged or truncated",
        "tiny.png": "1 x 1 pixels; expected at least 16 x 16",
        "deep.png": 4.2,
        "alpha.png": 1.8,
        "white.png": "no content: a blank picture or a mask of two levels",
        "cmyk.jpg": "no content",
    }
    paths = [tmp_path / name for name in expected]
    rows = [image.row for image in score_files(assessor, paths)]
    assert [row.path for row in rows] == list(map(str, paths))
    for row, value in zip(rows, expected.values(), strict=True):
        if isinstance(value, str):
            assert row.status.startswith(value)
            assert row.mos is row.quality is None
        else:
            assert row.status == "ok"
            assert row.mos == pytest.approx(value, abs=1e-5)
            assert row.quality == pytest.approx((value - 1) / 4, abs=1e-5)
            assert len(row.notes) == 1


def test_rows_come_batch_by_batch(tmp_path):
    paths = [save_grey(tmp_path / f"{n}.png", n) for n in (20, 30, 40)]
    images = score_files(Assessor(brightness, batch_size=1), paths)
    next(images)
    paths[2].unlink()
    assert next(images).row.status == "ok"
    assert next(images).row.status.startswith("no such file")


def test_batches_are_filled_across_files_and_neither_of_too_many_bytes():
    asked = []

    def score(items):
        asked.append(items)
        return [item * 2 for item in items]

    refused = ScoreRow("x", status="refused")
    items = ["a", refused, "bb", "cccc", "dd", "e" * 9, refused]
    found = list(in_batches(items, score, 3, len, 6))
    assert found == [x if x is refused else x * 2 for x in items]
    assert asked == [["a", "bb"], ["cccc", "dd"], ["e" * 9]]


def test_the_frames_of_a_file_have_rows_and_so_has_what_ends_them(assessor):
    def frames():
        yield Frame("a.dcm#1", np.zeros((16, 16, 3), np.uint8), ("inverted",))
        yield Frame("a.dcm#2", picture, ("alpha dropped",))
        raise InputError("a.dcm: frame 3 of 3: damaged")

    picture = np.asarray(shades(51, (64, 32)).convert("RGB"))
    dark = [pytest.approx(x, abs=2e-3) for x in (1.8, 0.2)]
    files = [("a.dcm", frames()), ("b", [Frame("b", picture)])]
    images = list(score_frames(assessor, files, maps=True))
    assert [image.row for image in images] == [
        ScoreRow("a.dcm#1", status=NO_CONTENT, notes=("inverted",)),
        ScoreRow("a.dcm#2", *dark, notes=("alpha dropped",)),
        ScoreRow("a.dcm", status="frame 3 of 3: damaged"),
        ScoreRow("b", *dark),
    ]
    assert images[1].source == "a.dcm"
    assert images[1].size == (64, 32)
    np.testing.assert_array_equal(images[1].pixels, picture)
    assert images[1].assessment.cam.shape == (8, 8)
    assert images[0].assessment is images[0].pixels is None


def test_a_defect_is_no_row(assessor):
    def frames():
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        list(score_frames(assessor, [("a", frames())]))


@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_none(tmp_path, score, maps):
    scores = np.full(1, score, np.float32)
    assessor = Assessor(lambda batch, maps: {"mos": scores, "quality": scores})
    path = save_grey(tmp_path / "a.png", 90)
    (image,) = score_files(assessor, [path], maps=maps)
    assert image.row.mos is image.row.quality is image.assessment is None
    assert image.row.status == "the model gave no finite score"


ROWS = [
    ScoreRow("a b.png", 3.4216, 0.6054, notes=("alpha dropped", "x")),
    ScoreRow("ü.png", status="no such file"),
]


def written(rows, file_format):
    stream = io.StringIO()
    WRITERS[file_format](iter(rows), stream)
    return stream.getvalue()


def test_a_note_says_what_is_outside_and_the_score_stays(tmp_path):
    def far(batch, maps):
        outputs = brightness(batch, maps)
        return outputs | {"distance": 100 * outputs["quality"] + 40}

    assessor = Assessor(far, further=("distance",))
    paths = [save_grey(tmp_path / f"{x}.png", x) for x in (60, 200)]
    for maps in (False, True):
        inside, outside = (
            image.row for image in score_files(assessor, paths, maps=maps)
        )
        assert (inside.status, outside.status) == ("ok", "ok")
        assert not any(note.startswith("outside") for note in inside.notes)
        assert outside.notes[0].startswith("outside: ")
        assert outside.mos == pytest.approx(1 + 4 * outside.quality)
        assert outside.distance > 99 > inside.distance
    stream = io.StringIO()
    WRITERS["table"]([inside, outside], stream, ("distance",))
    first, second = stream.getvalue().splitlines()[1:]
    assert "outside" not in first
    assert second.split(maxsplit=4)[4].startswith("ok; outside: ")


def test_table_columns_are_aligned():
    assert written(ROWS, "table").splitlines() == [
        " MOS  quality  path     status",
        "3.42    0.605  a b.png  ok; alpha dropped; x",
        "   -        -  ü.png    no such file",
    ]


def test_table_is_aligned_for_wide_and_combining_signs():
    rows = [ScoreRow("漢字.png", 1.0, 0.0), ScoreRow("e\u0301.png", 5.0, 1.0)]
    _, wide, combined = written(rows, "table").splitlines()
    assert wide.endswith("漢字.png  ok")
    assert combined.endswith("e\u0301.png     ok")


def test_table_keeps_control_signs_from_the_terminal():
    assert written([], "table") == " MOS  quality  path  status\n"
    assert "?[31mred?" in written([ScoreRow("\x1b[31mred\n")], "table")


def test_csv_reads_back():
    first, second = csv.DictReader(io.StringIO(written(ROWS, "csv")))
    assert first == {
        "path": "a b.png",
        "mos": "3.4216",
        "quality": "0.6054",
        "status": "ok",
        "notes": "alpha dropped; x",
    }
    assert second["mos"] == second["quality"] == ""
    assert second["status"] == "no such file"


@pytest.mark.parametrize(
    "start",
    [
        *("=", "+", "-", "@", "\t", "\r", "\n"),
        *(" =", "  +", "\u00a0-", "\u3000@", "\t=", "\ufeff="),
        *("\uff1d", "\uff0b", "\uff0d", "\uff20", "\u2212", " \uff1d"),
    ],
    ids=ascii,
)
def test_csv_cells_are_never_formulas(start):
    name = f'{start}HYPERLINK("http://x")'
    row = ScoreRow(name, status=name, notes=(name,))
    (read,) = csv.DictReader(io.StringIO(written([row], "csv"), newline=""))
    for column in ("path", "status", "notes"):
        assert read[column] == f"'{name}"


def test_other_csv_cells_stay_as_they_are():
    names = ["a=b", " a", "1-2", "(=1)", "x; @y", "", "  "]
    for name in names:
        text = written([ScoreRow(name, status="ok")], "csv")
        (read,) = csv.DictReader(io.StringIO(text, newline=""))
        assert read["path"] == name
        assert read["notes"] == ""


def test_jsonl_reads_back():
    first, second = map(json.loads, written(ROWS, "jsonl").splitlines())
    assert first["mos"] == 3.4216
    assert first["notes"] == ["alpha dropped", "x"]
    assert second == {
        "path": "ü.png",
        "mos": None,
        "quality": None,
        "status": "no such file",
        "notes": [],
    }


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_rows_are_written_as_they_come(file_format):
    stream = io.StringIO()
    lengths = []

    def slow():
        for row in ROWS:
            lengths.append(len(stream.getvalue()))
            yield row

    WRITERS[file_format](slow(), stream)
    assert lengths[1] > lengths[0]
    assert len(stream.getvalue()) > lengths[1]
