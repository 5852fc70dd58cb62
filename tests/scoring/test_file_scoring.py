import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.file_scoring import score_files
from tests.pictures import shades


def brightness(batch, maps):
    """A scorer in one line: quality is the mean brightness."""
    quality = batch.mean(axis=(1, 2, 3), dtype=np.float32) / 255
    outputs = {"mos": 1 + 4 * quality, "quality": quality}
    if maps:
        outputs["cam"] = np.broadcast_to(
            quality[:, None, None], (len(batch), 8, 8)
        )
    return outputs


@pytest.fixture
def assessor():
    return Assessor(brightness, batch_size=2)


def save_grey(path, value):
    path.parent.mkdir(exist_ok=True, parents=True)
    shades(value).save(path)
    return path


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
    rows = list(score_files(assessor, paths, batch_size=3))
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


def test_rows_come_batch_by_batch(tmp_path, assessor):
    paths = [save_grey(tmp_path / f"{n}.png", n) for n in (20, 30, 40)]
    rows = score_files(assessor, paths, batch_size=1)
    next(rows)
    paths[2].unlink()
    assert next(rows).status == "ok"
    assert next(rows).status.startswith("no such file")


def test_a_score_that_is_not_finite_is_an_error(tmp_path):
    nan = np.full(1, np.nan, np.float32)
    assessor = Assessor(lambda batch, maps: {"mos": nan, "quality": nan})
    path = save_grey(tmp_path / "a.png", 90)
    (row,) = score_files(assessor, [path])
    assert row.mos is None
    assert row.status == "the model gave no finite score"


def test_pictures_of_equal_names_do_not_overwrite_each_other(
    tmp_path, assessor
):
    names = ["a/x.png", "b/x.png", "b/X.bmp", "x_2.png"]
    paths = [save_grey(tmp_path / name, 200) for name in names]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rows = list(score_files(assessor, paths, explain=pictures))
    stems = ["x", "x_2", "X_3", "x_2_2"]
    assert sorted(path.name for path in pictures.iterdir()) == sorted(
        f"{stem}_{kind}.png" for stem in stems for kind in ("cam", "panel")
    )
    assert rows[0].notes == ()
    assert rows[1].notes == ("pictures named x_2",)


def test_pictures_of_long_and_undecodable_names_are_written(tmp_path, assessor):
    names = ["漢" * 83 + ".png", os.fsdecode(b"\xff.png")]
    paths = [save_grey(tmp_path / name, 90) for name in names]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rows = list(score_files(assessor, paths, explain=pictures))
    assert [row.status for row in rows] == ["ok", "ok"]
    assert len(list(pictures.iterdir())) == 4


def test_pictures_that_cannot_be_written_end_the_run(tmp_path, assessor):
    path = save_grey(tmp_path / "a.png", 90)
    missing = pathlib.Path(tmp_path / "missing")
    with pytest.raises(InputError, match="missing: No such file"):
        list(score_files(assessor, [path], explain=missing))
