"""What readers of a table see."""

import csv

from tests.made_up_runs import fill
from tests.made_up_runs import request


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
