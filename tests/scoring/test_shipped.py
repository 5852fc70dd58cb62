import configparser
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring import beam
from g2npan_tf.scoring import shipped
from g2npan_tf.scoring.assessor import Assessor
from tests.tiny import REPOSITORY

NAMES = ("fusion", "ct")
SAMPLES = REPOSITORY / "docs" / "samples"
BLOCKED = """
import sys
for name in ("tensorflow", "keras", "scipy", "h5py"):
    sys.modules[name] = None
import socket
socket.socket = None
sys.argv[0] = "g2npan-score"
from g2npan_tf.scoring.score import run
run()
"""


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def assessor(name):
    return Assessor.load(name)


def run(folder, *arguments):
    """Runs the command in a folder, with neither TensorFlow nor a network."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )


def sample(name):
    return np.asarray(Image.open(SAMPLES / f"{name}.png").convert("RGB"))


def test_there_are_two_and_the_default_is_first():
    assert shipped.names() == list(NAMES)


def test_sample_images_have_the_scores_of_the_trained_network(name, assessor):
    expected = shipped.card(name)["shipped"]["expected"]
    assert {path.name for path in SAMPLES.iterdir()} == set(expected)
    images = [sample(pathlib.Path(file).stem) for file in expected]
    mos = assessor.score(images)
    assert mos == pytest.approx(list(expected.values()), abs=0.01)


@pytest.mark.parametrize("kind", ["ct_mr", "spect_mr"])
def test_what_fuses_badly_or_blurs_has_less(assessor, kind):
    good = sample(f"{kind}_stationary_wavelet")
    blurred = cv2.GaussianBlur(good, (0, 0), 3)
    mos = assessor.score([good, sample(f"{kind}_average"), blurred])
    assert mos[0] > mos[1:].max() + 0.1


def test_the_card_tells_the_truth_about_the_file(name):
    card = shipped.card(name)
    file = shipped.resolve(name)
    data = file.read_bytes()
    assert card["file"] == file.name
    assert card["bytes"] == len(data) <= 10**6
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert "research only" in card["use"]
    words = card["shipped"]
    assert words["name"] == name
    assert f"--name={name}" in words["command"]
    for folder in ("/home", "/work", "/tmp", "/root", "--data_dir"):
        assert folder not in json.dumps(card)


def test_every_file_goes_into_the_wheel():
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg")
    patterns = re.split(r",\s*", settings["options.package_data"]["*"])
    package = pathlib.Path(shipped.__file__).parent
    files = [path for path in shipped.FOLDER.iterdir() if path.is_file()]
    assert len(files) == 3 * len(NAMES)
    for path in files:
        inside = path.relative_to(package).as_posix()
        assert any(fnmatch.fnmatch(inside, pattern) for pattern in patterns)


def test_a_name_wins_and_a_path_is_meant_by_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("ct").mkdir()
    for given in ("./ct", pathlib.Path("ct"), str(tmp_path / "ct")):
        assert shipped.resolve(given) == pathlib.Path(given)
        with pytest.raises(InputError, match="ct: not a model"):
            Assessor.load(given)
    assert shipped.resolve("ct") == shipped.FOLDER / "ct.tflite"
    assert shipped.resolve(shipped.resolve("ct")) == shipped.resolve("ct")
    assert Assessor.load("ct").size == 512


def test_the_first_minute(tmp_path):
    image = SAMPLES / "spect_mr_average.png"
    done = run(tmp_path, image, "--format=jsonl")
    assert done.returncode == 0
    [note] = done.stderr.splitlines()
    assert note.startswith("note: Model fusion predicts the scores of simulat")
    assert "research only" in note
    expected = shipped.card("fusion")["shipped"]["expected"][image.name]
    assert json.loads(done.stdout)["mos"] == pytest.approx(expected, abs=0.01)


def test_they_are_listed(tmp_path):
    done = run(tmp_path, "--list_models")
    assert (done.returncode, done.stderr) == (0, "")
    for name in NAMES:
        card = shipped.card(name)
        assert card["sha256"] in done.stdout
        assert card["shipped"]["not_for"] in done.stdout
        figure = card["shipped"]["cross_validation"]["figures"]["VGG11"]
        assert f"SRCC {figure['srcc']:.3f}" in done.stdout
    assert "three radiologists" in done.stdout


def test_what_share_an_interval_holds_is_listed_if_it_is_known(monkeypatch):
    card = shipped.card("ct")
    monkeypatch.setattr(shipped, "card", lambda name: card)
    validated = card["shipped"]["cross_validation"]
    validated["inside_interval"] = None
    assert "interval" not in shipped.listing()
    validated["inside_interval"] = 0.912
    assert "91.2% of MOS inside the 90 % interval" in shipped.listing()


def test_an_unknown_name_is_one_line(tmp_path):
    done = run(tmp_path, "--model=xray", SAMPLES)
    assert done.returncode == 2
    assert done.stderr.startswith("error: xray: no such model; expected a name")
    assert "(fusion, ct), a training workdir" in done.stderr
    assert done.stderr.count("\n") == 1


def test_whose_scores_they_are_is_said_of_files_too():
    for model in ("ct", shipped.resolve("ct")):
        assert "scores of three radiologists for" in shipped.note(model)
    assert shipped.note("elsewhere.tflite") == ""


def test_workers_of_beam_find_their_own():
    mos = beam.LineScorer("ct").load().score([sample("spect_mr_average")])
    expected = shipped.card("ct")["shipped"]["expected"]
    assert mos[0] == pytest.approx(expected["spect_mr_average.png"], abs=0.01)
