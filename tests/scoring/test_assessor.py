import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time
import zipfile

import keras
import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.scene_statistics import MAPS
from g2npan_tf.model.scorer import build_scorer
from g2npan_tf.scoring import assessor as assessor_module
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.assessor import load_keras
from tests.artefacts import HALF_WIDTH
from tests.artefacts import save_artefacts
from tests.artefacts import tiny_scorer
from tests.pictures import shades

KINDS = ["scorer.keras", "saved_model", "scorer.tflite"]


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts")
    save_artefacts(folder)
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


def test_every_artefact_gives_the_hand_worked_score_and_maps(assessor, pixels):
    mos = assessor.score(pixels)
    assert mos.dtype == np.float32
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
    np.testing.assert_allclose(mos, list(map(brightness_mos, pixels)), 1e-5)


def test_every_artefact_gives_the_interval_cut_to_the_scale(assessor):
    images = [rgb(value) for value in (20, 128, 240)]
    numbers = assessor.numbers(images)
    assert list(numbers) == ["mos", "mos_low", "mos_high", "distance"]
    low = np.maximum(numbers["mos"] - HALF_WIDTH, 1)
    high = np.minimum(numbers["mos"] + HALF_WIDTH, 5)
    assert low[0] == 1
    assert high[-1] == 5
    np.testing.assert_allclose(numbers["mos_low"], low, atol=1e-5)
    np.testing.assert_allclose(numbers["mos_high"], high, atol=1e-5)
    found = assessor.explain(images)
    np.testing.assert_allclose([x.mos_low for x in found], low, atol=1e-5)
    np.testing.assert_allclose([x.mos_high for x in found], high, atol=1e-5)


def test_every_artefact_gives_the_percentile_of_the_distance(assessor):
    levels = np.array([20, 60, 128, 200, 230])[:, None, None, None]
    noise = np.random.default_rng(0).integers(0, 25, (5, 128, 128, 3))
    images = [*(levels + noise).astype(np.uint8)]
    luma = np.mean(np.array(images)[:, ::2, ::2], (1, 2)) @ [
        0.299,
        0.587,
        0.114,
    ]
    luma = (luma / 255 - MAPS["luma"][0]) / MAPS["luma"][1]
    # All is tissue, but for the thousandth that a black picture has.
    expected = np.minimum(25 * np.abs(luma) / 1.001, 100)
    found = assessor.numbers(images)["distance"]
    np.testing.assert_allclose(found, expected, atol=0.02)
    explained = [x.distance for x in assessor.explain(images)]
    np.testing.assert_allclose(explained, found, atol=1e-3)


def test_what_is_outside_is_beyond_99_percent():
    found = assessor_module.is_outside(np.float32([0, 99, 99.01, 100, np.nan]))
    assert found.tolist() == [False, False, True, True, False]
    assert assessor_module.is_outside(None) is False


def test_scores_do_not_depend_on_batch_mates(assessor, pixels):
    alone = [assessor.score([image])[0] for image in pixels]
    np.testing.assert_allclose(assessor.score(pixels), alone, rtol=1e-6)
    assert assessor.score([]).shape == (0,)
    assert assessor.explain([]) == []


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


def test_a_scorer_without_gan_has_no_reference_and_no_nuance(tmp_path):
    path = tmp_path / "scorer.keras"
    tiny_scorer(use_gan=False).save(path)
    (assessment,) = Assessor.load(path).explain([rgb(90)])
    assert assessment.cam.shape == (8, 8)
    assert assessment.reference is None
    assert assessment.nuance is None


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
    ("name", "content", "reason"),
    [
        ("missing.keras", None, "no such model"),
        ("weights.h5", b"nothing", "not a model"),
        ("folder/x", b"", "not a model"),
        ("scorer.keras", b"", "damaged, or not a scorer"),
        ("scorer.keras", b"PK\x03\x04", "damaged, or not a scorer"),
        ("scorer.keras", b"nothing\nof use", "damaged, or not a scorer"),
        ("scorer.tflite", b"nothing\nof use", "damaged, or not a scorer"),
        ("saved/saved_model.pb", b"nothing", "damaged, or not a scorer"),
        ("scorer.keras", "half", "damaged, or not a scorer"),
        ("scorer.tflite", "half", "damaged, or not a scorer"),
    ],
)
def test_what_is_no_artefact_is_one_line(
    artefacts, tmp_path, name, content, reason
):
    if content == "half":
        data = (artefacts / name).read_bytes()
        content = data[: len(data) // 2]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    if content is not None:
        file.write_bytes(content)
    path = file if file.parent == tmp_path else file.parent
    with pytest.raises(InputError) as caught:
        Assessor.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {reason}")
    assert "\n" not in message


@pytest.fixture
def described(artefacts, tmp_path):
    """A LiteRT file and a function that writes its side file."""
    path = tmp_path / "g2npan.int8.tflite"
    shutil.copy(artefacts / "scorer.tflite", path)
    return path, path.with_suffix(".json").write_text


@pytest.mark.parametrize("text", ["{}", '{"other": 1}', "[1]", "right sum"])
def test_a_side_file_with_the_right_sum_or_none_is_accepted(described, text):
    path, describe = described
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    describe(json.dumps({"sha256": digest}) if text == "right sum" else text)
    assert Assessor.load(path).score([rgb(204)]) == pytest.approx([4.2], 1e-5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((json.dumps({"sha256": x}), "not the") for x in ("0" * 64, "", 7)),
        *((text, "unreadable; expected what") for text in ("", "{", "\x00")),
    ],
)
def test_a_side_file_that_does_not_fit_is_one_line(described, text, reason):
    path, describe = described
    describe(text)
    with pytest.raises(InputError, match=rf"int8\.\w+: {reason}") as caught:
        Assessor.load(path)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_no_scorer_is_refused(tmp_path):
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


def test_folders_are_artefacts_the_highest_version_first(
    artefacts, tmp_path, pixels
):
    (tmp_path / "served" / "9").mkdir(parents=True)
    shutil.copytree(artefacts / "saved_model", tmp_path / "served" / "10")
    shutil.copy(artefacts / "scorer.keras", tmp_path)
    for folder in (tmp_path, tmp_path / "served"):
        mos = Assessor.load(folder).score(pixels[:1])
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


def test_a_scorer_of_every_part_is_accepted(tmp_path):
    generator = build_generator(
        (4, 4, 8), (2, 2, 1), (8, 4, 4), (1, 1, 2, 2), 1, 32, use_skip=True
    )
    quality_network = build_quality_network(
        "vgg11", 0.0625, True, (8, 8, 8), 32, use_local_contrast=True
    )
    path = tmp_path / "scorer.keras"
    build_scorer(quality_network, generator, tiles_per_side=2).save(path)
    assert set(load_keras(path).output) >= {"mos", "quality", "nuance"}


# In place of a layer or of its activation, and why Keras refuses it.
HOSTILE = [
    ({"module": "os", "class_name": "system"}, "Could not locate class"),
    ({"module": "keras.layers", "class_name": "TFSMLayer"}, "disallowed"),
    (
        {
            "module": "keras.layers",
            "class_name": "StringLookup",
            "config": {"name": "layer", "vocabulary": __file__},
        },
        "outside of the model archive",
    ),
    (
        {"module": "builtins", "class_name": "function", "config": "eval"},
        "Could not locate function",
    ),
    ({"class_name": "__lambda__", "config": {}}, "disallowed"),
]


def write_archive(path, config, names=assessor_module.MEMBERS, content="{}"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            text = config if name == "config.json" else content
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Lambda(lambda x: x),
        keras.layers.Dropout(0.5),
        keras.layers.Rescaling(keras.ops.ones(1)),
    ],
    ids=["Lambda", "another of Keras", "not plain"],
)
def test_a_model_of_other_layers_is_refused(tmp_path, layer):
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    keras.Model(image, layer(image)).save(tmp_path / "scorer.keras")
    with pytest.raises(InputError, match="damaged, or not a scorer"):
        Assessor.load(tmp_path)


@pytest.mark.parametrize(("named", "reason"), [({}, ""), *HOSTILE])
def test_nothing_but_keras_own_is_built(tmp_path, named, reason):
    image = keras.Input((4,))
    layer = keras.layers.Activation("relu", name="layer")
    path = tmp_path / "a.keras"
    keras.Model(image, layer(image)).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    described = config["config"]["layers"][1]
    if named.get("class_name") in ("function", "__lambda__"):
        described["config"]["activation"] = named
    else:
        described.update(named)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    if not named:
        assert load_keras(path).layers[1].name == "layer"
        return
    with pytest.raises(InputError, match="damaged, or not a sc") as caught:
        load_keras(path)
    assert "\n" not in str(caught.value)
    assert reason in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "names",
    [
        [*assessor_module.MEMBERS, "assets/../../run.sh"],
        [*assessor_module.MEMBERS][:2],
    ],
)
def test_other_members_are_refused(tmp_path, names):
    path = write_archive(tmp_path / "a.keras", "{}", names)
    with pytest.raises(InputError, match=r"a\.keras: not just config\.json"):
        load_keras(path)


def test_an_archive_that_grows_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(assessor_module, "MAX_BYTES", 2**20)
    path = write_archive(tmp_path / "a.keras", "{}", content="0" * 2**20)
    assert path.stat().st_size < 2**13
    with pytest.raises(InputError, match="bytes; expected at most 1,048,576"):
        load_keras(path)
    monkeypatch.setattr(assessor_module, "MAX_CONFIG_BYTES", 100)
    with pytest.raises(InputError, match=r"config\.json is too large"):
        load_keras(write_archive(tmp_path / "b.keras", "0" * 101))


@pytest.mark.parametrize(("start", "end"), ["[]", ('{"class_name":', "}")])
def test_deep_nesting_does_not_end_the_process(tmp_path, start, end):
    deep = f"{start * 200_000}1{end * 200_000}"
    path = write_archive(tmp_path / "a.keras", deep, content=deep)
    with pytest.raises(InputError, match="damaged"):
        load_keras(path)
