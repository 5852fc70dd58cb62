import os

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.explain import Explanations
from g2npan_tf.scoring.explain import save_explanation
from g2npan_tf.scoring.rows import score_files
from tests.score_reports import brightness
from tests.score_reports import save_grey


def explained(paths, folder):
    """The rows of a run that draws."""
    images = score_files(Assessor(brightness), paths, maps=True)
    return [image.row for image in map(Explanations(folder).save, images)]


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (100, 140, 3), np.uint8)


@pytest.fixture
def assessment():
    rng = np.random.default_rng(2)
    return Assessment(
        mos=3.4,
        quality=0.6,
        cam=rng.random((8, 8), np.float32),
        reference=rng.random((128, 128, 3), np.float32),
        nuance=rng.random((128, 128, 3), np.float32) * 0.2,
    )


def read(path):
    with Image.open(path) as image:
        image.verify()
    return np.asarray(Image.open(path).convert("RGB"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_map_and_the_panel_are_readable_pngs(
    tmp_path, assessment, pixels
):
    save_explanation(assessment, pixels, tmp_path, "scan 1 é")
    expected = ["cam", "nuance", "panel", "reference"]
    assert names(tmp_path) == [f"scan 1 é_{name}.png" for name in expected]
    for path in tmp_path.iterdir():
        assert read(path).std() > 5
    reference = read(tmp_path / "scan 1 é_reference.png")
    np.testing.assert_array_equal(
        reference, np.rint(assessment.reference * 255)
    )


def test_maps_that_the_model_lacks_are_left_out(tmp_path, pixels):
    plain = Assessment(3.0, 0.5, np.zeros((8, 8), np.float32))
    save_explanation(plain, pixels, tmp_path, "a")
    assert names(tmp_path) == ["a_cam.png", "a_panel.png"]


@pytest.mark.parametrize("stem", ["$x$ {", "漢字", "a\tb", "n" * 200, "\udcff"])
def test_names_that_no_font_shows_are_drawn_anyway(tmp_path, pixels, stem):
    plain = Assessment(3.0, 0.5, np.full((8, 8), 0.5, np.float32))
    save_explanation(plain, pixels, tmp_path, stem)
    assert len(names(tmp_path)) == 2
    for path in tmp_path.iterdir():
        assert path.stem.startswith(stem)
        read(path)


@pytest.mark.parametrize("shape", [(16, 3000), (3000, 16)])
def test_extreme_shapes_give_a_legible_panel(tmp_path, assessment, shape):
    flat = np.zeros((*shape, 3), np.uint8)
    save_explanation(assessment, flat, tmp_path, "a")
    height, width = read(tmp_path / "a_panel.png").shape[:2]
    assert 300 < height < width < 2000


def test_two_runs_write_the_same_bytes(tmp_path, pixels):
    plain = Assessment(3.0, 0.5, np.zeros((8, 8), np.float32))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save_explanation(plain, pixels, tmp_path / folder, "same")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_pictures_of_equal_names_do_not_overwrite_each_other(tmp_path):
    given = ["a/x.png", "b/x.png", "b/X.bmp", "x_2.png"]
    paths = [save_grey(tmp_path / name) for name in given]
    pictures = tmp_path / "new" / "pictures"
    rows = explained(paths, pictures)
    stems = ["x", "x_2", "X_3", "x_2_2"]
    assert names(pictures) == sorted(
        f"{stem}_{kind}.png"
        for stem in stems
        for kind in ("cam", "nuance", "panel", "reference")
    )
    assert rows[0].notes == ()
    assert rows[1].notes == ("pictures named x_2",)


def test_pictures_of_long_and_undecodable_names_are_written(tmp_path):
    given = ["漢" * 83 + ".png", os.fsdecode(b"\xff.png")]
    paths = [save_grey(tmp_path / name) for name in given]
    pictures = tmp_path / "pictures"
    rows = explained(paths, pictures)
    assert [row.status for row in rows] == ["ok", "ok"]
    assert len(list(pictures.iterdir())) == 8
