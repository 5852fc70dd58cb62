"""The report of a run: one file, whole, with maps; as a browser shows it."""

import numpy as np
import pytest

from g2npan_tf.core import config
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import report as evaluation_report
from g2npan_tf.evaluation import run
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import Results
from g2npan_tf.scoring.assessor import Assessment
from tests.html_checks import check_page

FACTS = {"name": "base/1.0.0", "scores": "simulated"}
COUNT = 24


class Explainer:
    """Gives maps of noise."""

    def explain(self, images):
        rng = np.random.default_rng(0)
        return [
            Assessment(
                3.0,
                0.5,
                rng.random((8, 8), np.float32),
                rng.random((128, 128, 3), np.float32),
                rng.random((128, 128, 3), np.float32),
            )
            for _ in images
        ]


@pytest.fixture
def scored(monkeypatch):
    """A run's scores of drawn images; one algorithm has a bad name."""
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 20)
    rng = np.random.default_rng(0)
    places = np.arange(COUNT)
    mos = rng.uniform(1, 5, COUNT)
    rows = {
        "image": rng.integers(0, 256, (COUNT, 128, 128, 3), np.uint8),
        "mos": mos,
        "pair_id": np.array([f"pair_{i // 3}" for i in places]),
        "case_id": np.array([f"case_{i // 6}" for i in places]),
        "algorithm": np.array(["a", "<b>&", "stationary"] * 8),
        "modality": np.array(["CT-MRI"] * COUNT),
        "grades": list(rng.uniform(1, 5, (COUNT, 3))),
    }
    predictions = {
        "g2npan": mos + rng.normal(0, 0.5, COUNT),
        "algorithm_modality_mean": rng.uniform(1, 5, COUNT),
    }
    results = Results.of(
        figures.judge(figures.split_of(rows), predictions, config.METHOD),
        data=FACTS,
        protocol="external, all images",
        preset="compact",
        network="G2NPAN",
        trained_on={"name": "other/1.0.0"},
        group_by="case_id",
        excluded=["modality:PET"],
        differs=["sampling: <smaller>"],
    )
    return run.Scored(results, rows, predictions, Explainer())


@pytest.fixture
def report(scored, tmp_path):
    run.write(scored, tmp_path)
    (tmp_path / "log.csv").write_text(
        "epoch,quality_loss,val_srcc\n1,0.6,0.1\n2,0.5,0.2\n"
    )
    return evaluation_report.write(scored, tmp_path, tmp_path)


def test_it_is_whole_and_escapes_what_it_shows(report):
    page = check_page(report.read_text())
    assert "Evaluation on base/1.0.0 (simulated scores)" in page.text
    assert "sampling: <smaller>" in page.text
    assert "modality:PET" in page.text
    assert "<b>&" in page.text
    assert "Research use only" in page.text


def test_every_kind_of_images_is_shown_with_its_rule_and_maps(report):
    page = check_page(report.read_text())
    for kind in ("Worst predictions", "Best predictions", "Most disputed"):
        assert kind in page.text
    assert "Rule: largest |predicted MOS - MOS|; at most one" in page.text
    images = [i for i in page.find("img") if i.get("class") != "plot"]
    # Three kinds, four images each, four pictures of each.
    assert len(images) == 48
    assert {i["alt"].partition(" of ")[0] for i in images} >= {
        "image",
        "generated reference",
        "local quality (CAM)",
    }


def test_a_model_without_generator_shows_what_it_has(scored, tmp_path):
    class Plain(Explainer):
        def explain(self, images):
            return [
                Assessment(one.mos, one.quality, one.cam)
                for one in super().explain(images)
            ]

    scored = run.Scored(
        scored.results, scored.rows, scored.predictions, Plain()
    )
    run.write(scored, tmp_path)
    path = evaluation_report.write(scored, tmp_path, tmp_path)
    page = check_page(path.read_text())
    plots = [i for i in page.find("img") if i.get("class") == "plot"]
    assert len(page.find("img")) - len(plots) == 24
    assert "nuance" not in page.text
    assert "no log.csv" in page.text


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_errors_or_overflow(report, chromium, width):
    page = chromium.open(report.as_uri(), width)
    assert chromium.errors == []
    if width == 1280:
        # The widest table fits, so that no column is overlooked.
        box = page.locator(".scroll").first
        assert box.evaluate("b => b.scrollWidth <= b.clientWidth")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide == width
    heading = page.locator("th button", has_text="KRCC").first
    heading.click()
    first = page.locator("table").first.locator("tbody tr").first
    assert first.inner_text().startswith("G2NPAN")
