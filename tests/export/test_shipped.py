import dataclasses
import json

import cv2
import numpy as np
import pytest

from export import shipped
from export.parity import ParityError
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import results
from g2npan_tf.evaluation.results import CrossValidation
from g2npan_tf.evaluation.results import Inside
from g2npan_tf.evaluation.results import read
from g2npan_tf.evaluation.statistics import Interval
from tests import cross_validations
from tests.finished_runs import finished_run
from tests.finished_runs import probe
from tests.finished_runs import save_run
from tests.tiny import run_python

FILES = {"ct.tflite", "ct.json", "ct.parity.json"}


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """What train.py --protocol=all --like leaves for this export."""
    folder = tmp_path_factory.mktemp("made")
    validated = cross_validations.write(folder / "cv", folds=range(1))
    workdir = save_run(finished_run(False), folder / "run")
    found = read(validated / "results.json", CrossValidation)
    inside = {"all": Inside(0.91, Interval(0.85, 0.95), 60, 1.2)}
    seeds = {"0": dataclasses.replace(found.seeds["0"], inside=inside)}
    path = workdir / "cross_validation.json"
    results.write(path, dataclasses.replace(found, seeds=seeds))
    return workdir


@pytest.fixture
def export(workdir, tmp_path):
    run, output = finished_run(False), tmp_path / "models"
    return lambda: shipped.export(run, probe(2), output, "ct", workdir=workdir)


def test_the_card_has_figures_and_what_the_trained_network_says(
    export, workdir
):
    made = export()
    assert {path.name for path in made.path.parent.iterdir()} == FILES
    card = json.loads(made.path.with_suffix(".json").read_text())
    assert card["bytes"] == made.path.stat().st_size
    words = card["shipped"]
    assert words["readers"] == "simulated readers (not of radiologists)"
    validated = read(workdir / "cross_validation.json", CrossValidation)
    figures = validated.seeds["0"].methods["g2npan"]
    found = words["cross_validation"]["figures"]["VGG11"]
    assert found["srcc"] == pytest.approx(figures.raw.srcc, abs=1e-4)
    assert found["srcc_low"] == figures.interval["srcc"].low
    assert words["cross_validation"]["images"] == 60
    assert words["cross_validation"]["inside_interval"] == 0.91
    files = sorted(shipped.SAMPLES.iterdir())
    images = [cv2.imread(str(file))[..., ::-1] for file in files]
    mos = finished_run(False).scorer.predict(np.stack(images), verbose=0)
    assert list(words["expected"]) == [file.name for file in files]
    assert list(words["expected"].values()) == pytest.approx(
        mos["mos"].tolist(), abs=1e-3
    )


def test_what_is_too_large_or_scores_otherwise_is_not_written(
    export, monkeypatch
):
    path = export().path
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(shipped, "MAX_BYTES", path.stat().st_size - 1)
        with pytest.raises(InputError, match="bytes; expected at most"):
            export()
    honest = shipped.scores

    def scores(model):
        shift = 0.02 * (model.suffix == ".tflite")
        return {name: mos + shift for name, mos in honest(model).items()}

    monkeypatch.setattr(shipped, "scores", scores)
    with pytest.raises(ParityError, match=r"ct_mr_average\.png"):
        export()
    assert {x: x.read_bytes() for x in path.parent.iterdir()} == before


def test_the_commands_repeat_the_setting_and_no_machine():
    settings = Config(
        data="fusion_quality/whole_brain_atlas",
        vgg_width=0.25,
        data_dir="/somewhere",
        fold=3,
    )
    text = shipped.commands(settings, "fusion")
    one, two, three = text.split(" && ")
    # In the order of the fields.
    assert one.endswith(
        "cross_validate --output=CV --data=fusion_quality/whole_brain_atlas "
        "--vgg_width=0.25 --manual_dir=DATA"
    )
    assert "--protocol=all --like=CV" in two
    assert three.endswith("export.shipped --workdir=RUN --name=fusion")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--name=x"], "--name=x: expected fusion or ct"),
        (["--name=ct"], "--workdir=.: no cross_validation.json; expected a"),
    ],
)
def test_what_cannot_ship_is_one_line(flags, message):
    done = run_python("-m", "export.shipped", "--workdir=.", *flags)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
