"""The pooled report: seeds apart, images by the model that never saw them."""

import numpy as np
import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.experiments import cross_validate
from g2npan_tf.experiments import cross_validation_report
from g2npan_tf.scoring.assessor import Assessment
from tests.html_checks import check_page

SEEDS, FOLDS = (3, 4), (0, 1)


@pytest.fixture
def runs(data_dir):
    return {
        (seed, fold): Config(data_dir=data_dir, seed=seed, fold=fold)
        for seed in SEEDS
        for fold in FOLDS
    }


@pytest.fixture
def output(runs, tmp_path, monkeypatch):
    """What finished and evaluated runs leave, with drawn scores."""
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 10)
    for (seed, fold), settings in runs.items():
        folder = cross_validate.folder_of(tmp_path, seed, fold)
        (folder / "evaluation").mkdir(parents=True)
        builder = base.open_base(settings)
        facts = base.facts(builder)
        config_module.save(settings, facts, folder / "config.json")
        (folder / "log.csv").write_text(
            "epoch,quality_loss,val_srcc\n1,0.6,0.1\n2,0.5,0.2\n"
        )
        rows = base.read_scores(builder, base.divide(builder, settings).test)
        noise = np.random.default_rng(seed).normal(0, 1, len(rows["mos"]))
        split = figures.split_of(rows)
        Predictions(
            split.image,
            split,
            split.mos + noise,
            {"algorithm_modality_mean": noise},
        ).write(folder / "evaluation" / "predictions.csv")
    return tmp_path


class FoldAssessor:
    """Remembers which folder explained which images."""

    asked = ()

    def __init__(self, folder):
        self.folder = folder

    @classmethod
    def load(cls, folder, **options):
        return cls(folder)

    def explain(self, images):
        FoldAssessor.asked = (*FoldAssessor.asked, self.folder.name)
        return [
            Assessment(3.0, 0.5, np.full((8, 8), 0.5, np.float32))
            for _ in images
        ]


def test_every_seed_has_its_figures_and_images_have_maps(
    runs, output, monkeypatch
):
    monkeypatch.setattr(cross_validation_report, "Assessor", FoldAssessor)
    monkeypatch.setattr(FoldAssessor, "asked", ())
    cross_validate.collect(runs, output)
    text = (output / "report.html").read_text()
    page = check_page(text)
    assert "Figures, seed 3" in page.text
    assert "Figures, seed 4" in page.text
    assert "(simulated scores)" in page.text
    assert "seed 4, fold 1" in text
    # Image and map of four best and four worst predictions of two folds, of
    # which each has only two pairs, so that both models explain.
    assert len([i for i in page.find("img") if i.get("class") != "plot"]) == 16
    assert sorted(FoldAssessor.asked) == ["fold_0", "fold_1"]


def test_pixels_are_those_of_the_named_images(runs):
    settings = next(iter(runs.values()))
    builder = base.open_base(settings)
    rows = base.read(builder, np.array([4, 17]))
    names = [
        f"{pair}/{algorithm}"
        for pair, algorithm in zip(
            rows["pair_id"], rows["algorithm"], strict=True
        )
    ]
    pixels = cross_validation_report._pixels(
        settings, base.facts(builder), names[::-1]
    )
    for name, image in zip(names, rows["image"], strict=True):
        np.testing.assert_array_equal(pixels[name], image)


def test_pixels_of_another_base_of_the_same_name_are_not_shown(runs):
    settings = next(iter(runs.values()))
    facts = base.facts(base.open_base(settings)) | {"bytes": 1}
    with pytest.raises(InputError, match="began on one with bytes=1"):
        cross_validation_report._pixels(settings, facts, ["a/b"])


def test_without_the_models_the_report_says_why(runs, output):
    cross_validate.collect(runs, output)
    page = check_page((output / "report.html").read_text())
    assert "Not shown: " in page.text
    assert "not a model" in page.text
    assert "Figures, seed 3" in page.text
