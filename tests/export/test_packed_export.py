"""The folds of a cross-validation as one artefact, from export to rows."""

import csv
import io
import json

import keras
import numpy as np
import pytest

from export import command
from export import finished_run
from export import saved_model
from export import tflite
from g2npan_tf.core import folds
from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import WRITERS
from g2npan_tf.scoring.rows import score_files
from tests import cross_validations
from tests.artefacts import tiny_scorer
from tests.cross_validations import mean_and_spread
from tests.finished_runs import assert_outputs_close
from tests.finished_runs import probe
from tests.finished_runs import random_images
from tests.score_reports import save_grey


@pytest.fixture(scope="module")
def cv(tmp_path_factory):
    """Five folds of two seeds; every scorer dims by another factor."""
    return cross_validations.write(
        tmp_path_factory.mktemp("cv"),
        seeds=(0, 3),
        scorer=lambda seed: tiny_scorer(gain=1 - seed / 50),
    )


@pytest.fixture(scope="module")
def run(cv):
    return finished_run.load(cv)


@pytest.fixture(scope="module")
def artefacts(run, tmp_path_factory):
    """A SavedModel and a LiteRT file, as the commands write them."""
    output = tmp_path_factory.mktemp("exported")
    return {
        "saved_model": saved_model.export(run, probe(3), output).path,
        "litert": tflite.export(run, probe(3), output).path,
    }


@pytest.fixture(scope="module")
def expected(cv):
    """What the single scorers give, by NumPy."""
    scorers = [
        keras.saving.load_model(one.folder / "scorer.keras", compile=False)
        for one in folds.finished(cv)
    ]
    return mean_and_spread(scorers, random_images(3, seed=5))


@pytest.mark.parametrize("kind", ["saved_model", "litert"])
def test_an_artefact_gives_the_single_scorers_mean(artefacts, expected, kind):
    assessor = Assessor.load(artefacts[kind], check_content=False)
    assert assessor.further == ("mos_spread",)
    images = list(random_images(3, seed=5))
    for assessment, *wanted in zip(
        assessor.explain(images), *expected.values(), strict=True
    ):
        actual = {name: getattr(assessment, name) for name in expected}
        assert_outputs_close(
            actual, dict(zip(expected, wanted, strict=True)), 1e-4
        )
    numbers = assessor.numbers(images)
    assert set(numbers) == {"mos", "mos_spread"}
    for name, values in numbers.items():
        np.testing.assert_allclose(values, expected[name], atol=1e-4)
    assert (numbers["mos_spread"] > 0.05).all()


def test_its_facts_say_how_many_models_and_that_none_was_held_out(artefacts):
    words = "10 models of a cross-validation as one, so that every image has"
    for path in artefacts.values():
        facts = model_facts.describe(path, model_facts.read(path))
        assert facts["Protocol"].startswith(words)
    card = json.loads(artefacts["litert"].with_suffix(".json").read_text())
    assert card["models"] == 10
    assert card["test_fold"] is None
    assert card["outputs"]["mos_spread"]["range"] == [0, 4]


@pytest.mark.parametrize("maps", [False, True])
def test_rows_show_the_spread(artefacts, tmp_path, maps):
    path = save_grey(tmp_path / "a.png", 200)
    assessor = Assessor.load(artefacts["litert"])
    lost = tmp_path / "lost.png"
    rows = [
        image.row for image in score_files(assessor, [path, lost], maps=maps)
    ]
    assert rows[0].mos_spread > 0.05
    assert rows[1].mos_spread is None
    shown = {}
    for name, write in WRITERS.items():
        stream = io.StringIO()
        write(iter(rows), stream, assessor.further)
        shown[name] = stream.getvalue()
    head, first, second = shown["table"].splitlines()
    assert head.split() == ["MOS", "quality", "mos_spread", "path", "status"]
    spread = f"{rows[0].mos_spread:.2f}"
    assert first.split()[:3] == [
        f"{rows[0].mos:.2f}",
        f"{rows[0].quality:.3f}",
        spread,
    ]
    assert second.split()[:3] == ["-"] * 3
    assert head.index("path") == first.index(str(path))
    cells = list(csv.DictReader(io.StringIO(shown["csv"])))
    assert [*cells[0]] == [
        *("path", "mos", "quality", "mos_spread", "status", "notes")
    ]
    assert float(cells[0]["mos_spread"]) == pytest.approx(
        rows[0].mos_spread, abs=1e-4
    )
    assert cells[1]["mos_spread"] == ""
    lines = list(map(json.loads, shown["jsonl"].splitlines()))
    assert lines[0]["mos_spread"] == rows[0].mos_spread
    assert lines[1]["mos_spread"] is None


def test_a_cross_validation_that_is_not_finished_is_refused(tmp_path):
    output = cross_validations.write(
        tmp_path / "cv", folds=range(4), scorer=lambda seed: tiny_scorer()
    )
    with pytest.raises(InputError, match="unfinished, no fold_4 of seed 0"):
        finished_run.load(output)
    with pytest.raises(InputError, match="unfinished, no fold_4"):
        command._runs(output)
