"""From runs to figures, and what readers of a table see."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.evaluation.statistics import Interval
from g2npan_tf.experiments import table_results
from g2npan_tf.experiments.table_results import FilledRow
from tests.made_up_runs import fill
from tests.made_up_runs import request
from tests.made_up_runs import results_of


def test_differences_are_to_g2npan_with_intervals(tmp_path, trainer, capsys):
    trainer.noise = {"oefp": 3.0, "--use_gan=True": 0.1}
    text = fill(request(tmp_path), capsys)
    rows = {row["name"]: row for row in results_of(tmp_path)["rows"]}
    gain = rows["OEFP"]["difference"]
    assert rows["OEFP"]["against"] == "G2NPAN"
    assert gain["low"] <= gain["difference"] <= gain["high"] <= 0
    assert gain["difference"] < 0
    assert gain["images"] == 12
    # Of 13 differences: six to G2NPAN and seven to the algorithm's mean.
    assert gain["p_holm"] >= gain["p"]
    assert rows["G2NPAN"].get("difference") is None
    assert rows["G2NPAN"]["above_algorithm_mean"]["difference"] > 0
    assert "to G2NPAN |" in text


def test_table_3_compares_on_the_images_that_both_shares_test(
    tmp_path, trainer, capsys
):
    fill(request(tmp_path, "3", folds=(0, 2), protocol="ratio"), capsys)
    results = results_of(tmp_path)
    assert [row["name"] for row in results["rows"]][::6] == ["2:8", "8:2"]
    assert results["unit"] == "draw"
    assert results["rows"][1]["difference"]["images"] == 24
    given = [flag for words in trainer.commands for flag in words]
    shares = [flag for flag in given if flag.startswith("--train_share")]
    assert min(shares) == "--train_share=0.2"
    assert len(shares) == 14


def test_simulated_and_real_scores_never_share_a_table(
    tmp_path, trainer, capsys
):
    fill(request(tmp_path, "fig6"), capsys)
    (config,) = tmp_path.glob("runs/*g2nn*/seed_0/fold_0/config.json")
    content = json.loads(config.read_text())
    content["data"]["scores"] = "three radiologists"
    config.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"scores=three radiologists.*never"):
        fill(request(tmp_path, "fig6"), capsys)


def test_the_papers_whole_setting_is_not_called_smaller(tmp_path):
    whole = request(tmp_path, preset="paper", epochs=1500, folds=range(5))
    assert not table_results.smaller(whole)


@pytest.mark.parametrize(("warmup", "told"), [(2, True), (1, False)])
def test_runs_that_end_in_the_warm_up_say_that_eq_11_was_not_active(
    tmp_path, trainer, capsys, warmup, told
):
    wanted = request(tmp_path, "fig6", perception_warmup=warmup)
    assert ("Eq. 11 was not active" in fill(wanted, capsys)) is told


def test_markdown_says_what_was_measured_on_what(tmp_path, trainer, capsys):
    text = fill(request(tmp_path, seeds=(0, 4), folds=(0, 1)), capsys)
    for words in (
        "## Table 1: comparison with other methods "
        "(fusion_quality/phantom/1.1.0, scores: simulated)",
        "protocol: group (by case), test fold 0, 1; preset: compact with "
        "epochs=2; at most 2 epochs; seeds: 0, 4; tested: 24 images of 8 "
        "pairs.",
        "paper: SRCC",
        "Other images and other scores",
        "algorithm modality mean (trivial)",
        "Simulated scores favour OEFP",
        "THIS COMMAND",
        "(preset compact, 2 epochs, 2 of 5 folds); in full:",
        "FULL COMMAND",
    ):
        assert words in text
    (written,) = tmp_path.glob("table_1_*/table.md")
    assert written.read_text() in text


def test_csv_has_a_line_a_row_with_the_papers_figures(
    tmp_path, trainer, capsys
):
    fill(request(tmp_path, "fig6"), capsys)
    (path,) = tmp_path.glob("fig6_*/table.csv")
    with path.open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["VGG11", "G2N", "G2NN", "G2NPN", "G2NPAN"]
    assert rows["G2NN"]["paper_srcc"] == "0.861"
    assert rows["G2NPAN"]["paper_rmse"] == "0.1029"
    assert {row["scores"] for row in rows.values()} == {"simulated"}
    assert {row["protocol"] for row in rows.values()} == {"group (by case)"}
    for row in rows.values():
        low, high = float(row["srcc_low"]), float(row["srcc_high"])
        assert low <= float(row["srcc"]) <= high
    assert (path.parent / "bars.png").stat().st_size > 5000


NAN = float("nan")
ROW = FilledRow(
    raw=Figures(0.5, 0.75, 0.25, 0.125),
    # An interval need not contain its figure, and is not always known.
    interval={
        "plcc": Interval(0.25, 0.625),
        "srcc": Interval(0.5, 0.625),
        "krcc": Interval(NAN, NAN),
        "rmse": Interval(0.0, 0.25),
    },
    images=4,
    pairs=2,
    units=2,
    rounded_krcc=0.5,
    name="A",
    folder="a",
    epochs="-",
    against="",
    difference=None,
    above_algorithm_mean=None,
    paper=Figures(NAN, 0.8, NAN, NAN),
)


def test_bars_are_the_figures_and_whiskers_the_limits(tmp_path):
    rows = [ROW, dataclasses.replace(ROW, name="B")]
    plot = table_results.bars(request(tmp_path, "fig6"), rows)
    assert "scores: simulated" in plot.title
    axes = plot.figure().axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [*ROW.raw, *ROW.raw]
    whiskers = axes.collections[0].get_segments()
    assert len(whiskers) == 3
    np.testing.assert_allclose(whiskers[1][:, 1], [0.5, 0.625])
    bar = axes.patches[1]
    middle = bar.get_x() + bar.get_width() / 2
    np.testing.assert_allclose(whiskers[1][:, 0], middle)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), ROW.paper)
