"""The panel's report runs and says everywhere that it is simulated."""

import types

import pytest
from PIL import Image

from benchmarks import panel_report
from datasets.phantom import phantom_pair


@pytest.fixture
def atlas(tmp_path):
    """Six phantom pairs in the layout of the Whole Brain Atlas."""
    for number, pair in enumerate(map(phantom_pair, range(6))):
        first, second = pair.modality.split("-")
        for folder, image in (
            (first, pair.source_a),
            (second, pair.source_b),
        ):
            directory = tmp_path / "atlas" / pair.modality / folder
            directory.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(directory / f"{number + 1}001.png")
    return tmp_path / "atlas"


def test_report_prints_simulated_figures_and_writes_plots(
    atlas, tmp_path, capsys, monkeypatch
):
    output = tmp_path / "plots" / "new"
    chosen = types.SimpleNamespace(
        manual_dir=str(atlas), output=str(output), max_pairs=6
    )
    monkeypatch.setattr(panel_report.flags, "FLAGS", chosen)
    panel_report.main(["panel_report"])
    printed = capsys.readouterr().out
    tables = [part for part in printed.split("\n\n") if part.startswith("|")]
    assert len(tables) == 4
    assert printed.lower().count("simulated") >= 5
    assert "60 images" in printed
    assert sorted(path.name for path in output.iterdir()) == [
        "mos_algorithms.png",
        "mos_distortions.png",
        "mos_histogram.png",
        "reader_agreement.png",
    ]
