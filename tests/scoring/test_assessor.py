import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.assessor import Assessor
from tests.artefacts import save_artefacts
from tests.artefacts import tiny_scorer
from tests.pictures import shades

KINDS = ["scorer.keras", "saved_model", "scorer.tflite"]


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts")
    save_artefacts(tiny_scorer(), folder)
    return folder


@pytest.fixture(params=KINDS)
def assessor(request, artefacts):
    return Assessor.load(artefacts / request.param, batch_size=3)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (7, 128, 128, 3), np.uint8)


def rgb(value, size=(32, 32)):
    return np.asarray(shades(value, size[::-1]).convert("RGB"))


def brightness_mos(image):
    """The tiny scorer, worked by hand."""
    return 1 + 4 * np.mean(image) / 255


def test_every_artefact_gives_the_hand_worked_score(assessor, pixels):
    mos = assessor.score(pixels)
    assert mos.dtype == np.float32
    expected = [brightness_mos(image) for image in pixels]
    np.testing.assert_allclose(mos, expected, atol=1e-5)


def test_every_artefact_gives_the_hand_worked_maps(assessor, pixels):
    for image, assessment in zip(pixels, assessor.explain(pixels), strict=True):
        scaled = image / 255
        cells = scaled.reshape(8, 16, 8, 16, 3).mean(axis=(1, 3, 4))
        np.testing.assert_allclose(assessment.cam, cells, atol=1e-5)
        np.testing.assert_allclose(assessment.reference, 1 - scaled, atol=1e-5)
        np.testing.assert_allclose(
            assessment.nuance, np.abs(1 - 2 * scaled), atol=1e-5
        )
        assert assessment.mos == pytest.approx(brightness_mos(image), abs=1e-5)
        assert assessment.quality == pytest.approx(scaled.mean(), abs=1e-5)


def test_scores_do_not_depend_on_batch_mates(assessor, pixels):
    alone = [assessor.score([image])[0] for image in pixels]
    np.testing.assert_allclose(assessor.score(pixels), alone, rtol=1e-6)
    np.testing.assert_allclose(
        assessor.score(pixels[::-1]), alone[::-1], rtol=1e-6
    )


def test_images_of_any_size_are_scored_together(assessor):
    sizes = [(16, 300), (128, 128), (513, 64)]
    images = [
        rgb(value, size)
        for size, value in zip(sizes, (51, 102, 204), strict=True)
    ]
    # Rounding to whole levels.
    scores = assessor.score(images)
    np.testing.assert_allclose(scores, [1.8, 2.6, 4.2], atol=2e-3)


def test_pictures_without_content_are_nan_and_their_mates_scored(assessor):
    white, mask = np.full((2, 150, 90, 3), 255, np.uint8)
    mask[40:80, 30:50] = 0
    images = [white, rgb(102), mask, rgb(51)]
    scores = assessor.score(images)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [np.nan, 2.6, np.nan, 1.8], atol=1e-5)
    maps = assessor.explain(images)
    np.testing.assert_array_equal([one.mos for one in maps], scores)
    np.testing.assert_allclose(maps[1].quality, 0.4, atol=1e-6)
    assert np.isnan(maps[2].quality)
    assert maps[2].cam is maps[2].reference is maps[2].nuance is None
    assert maps[3].cam.shape == (8, 8)


def test_a_caller_who_has_looked_gets_every_score(artefacts):
    white = np.full((32, 32, 3), 255, np.uint8)
    path = artefacts / "scorer.keras"
    assessor = Assessor.load(path, check_content=False)
    assert assessor.score([white]) == pytest.approx([5.0])
    assert assessor.explain([white])[0].mos == pytest.approx(5.0)


def test_no_images_give_no_scores(assessor):
    assert assessor.score([]).shape == (0,)
    assert assessor.explain([]) == []


def test_a_scorer_without_gan_has_no_reference_and_no_nuance(tmp_path):
    path = tmp_path / "scorer.keras"
    tiny_scorer(use_gan=False).save(path)
    (assessment,) = Assessor.load(path).explain([rgb(90)])
    assert assessment.cam.shape == (8, 8)
    assert assessment.reference is None
    assert assessment.nuance is None


def test_a_training_workdir_is_an_artefact(artefacts, tmp_path):
    shutil.copy(artefacts / "scorer.keras", tmp_path)
    assert Assessor.load(tmp_path).score([rgb(204)]) == pytest.approx(
        [4.2], 1e-5
    )


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((32, 32, 3), np.float32),
        np.zeros((32, 32), np.uint8),
        np.zeros((32, 32, 4), np.uint8),
    ],
)
def test_other_arrays_than_rgb_uint8_are_refused(artefacts, image):
    assessor = Assessor.load(artefacts / "scorer.tflite")
    with pytest.raises(InputError, match=r"uint8 \[height, width, 3\]"):
        assessor.score([image])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.keras", "no such model"),
        ("weights.h5", "not a model"),
        ("folder", "not a model"),
        ("scorer.keras", "damaged, or not a scorer"),
        ("scorer.tflite", "damaged, or not a scorer"),
        ("saved", "damaged, or not a scorer"),
    ],
)
def test_what_is_no_artefact_is_one_line(tmp_path, name, reason):
    for file in ("weights.h5", "scorer.tflite", "sub/scorer.keras"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"nothing\nof use")
    (tmp_path / "folder").mkdir()
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"nothing")
    path = tmp_path / ("sub" if name == "scorer.keras" else "") / name
    with pytest.raises(InputError) as caught:
        Assessor.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {reason}")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["scorer.keras", "scorer.tflite"])
def test_a_truncated_artefact_is_refused(artefacts, tmp_path, name):
    data = (artefacts / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged, or not a scorer"):
        Assessor.load(tmp_path / name)


def test_a_litert_file_that_its_side_file_does_not_describe_is_refused(
    artefacts, tmp_path
):
    shutil.copy(artefacts / "scorer.tflite", tmp_path)
    (tmp_path / "scorer.json").write_text('{"sha256": "0"}')
    with pytest.raises(InputError, match=r"not the file that scorer\.json"):
        Assessor.load(tmp_path / "scorer.tflite")


def test_a_model_that_is_no_scorer_is_refused(tmp_path):
    keras = pytest.importorskip("keras")
    image = keras.Input((128, 128, 3), dtype="uint8")
    outputs = {"label": keras.layers.Reshape((-1,))(image)}
    keras.Model(image, outputs).save(tmp_path / "other.keras")
    with pytest.raises(InputError, match="expected an output mos"):
        Assessor.load(tmp_path / "other.keras")


def test_litert_scores_without_tensorflow(artefacts):
    program = (
        "import sys, numpy;"
        "from g2npan_tf.scoring.assessor import Assessor;"
        f"a = Assessor.load({str(artefacts / 'scorer.tflite')!r});"
        "ramp = numpy.arange(30 * 2 * 3, dtype=numpy.uint8);"
        "mos = a.score([ramp.reshape(30, 2, 3).repeat(15, 1)]);"
        "assert abs(mos[0] - 1 - 4 * ramp.mean() / 255) < 0.02, mos;"
        "heavy = {'tensorflow', 'keras', 'scipy', 'matplotlib'};"
        "heavy &= set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_highest_version_of_a_folder_is_taken(artefacts, tmp_path, pixels):
    (tmp_path / "9").mkdir()
    shutil.copytree(artefacts / "saved_model", tmp_path / "10")
    mos = Assessor.load(tmp_path).score(pixels[:1])
    assert mos[0] == pytest.approx(brightness_mos(pixels[0]), abs=1e-5)


def test_threads_share_the_model_one_at_a_time():
    busy, most = [], []

    def slow(batch, maps):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.01)
        busy.pop()
        return {"mos": np.ones(1), "quality": np.zeros(1)}

    assessor = Assessor(slow)
    threads = [
        threading.Thread(target=assessor.score, args=([rgb(90)],))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4
