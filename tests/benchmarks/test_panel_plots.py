"""Plots of the panel are readable PNG files that stay small."""

import cv2
import numpy as np
import pytest

from benchmarks import panel_plots
from benchmarks.distortions import DISTORTIONS
from datasets.fusion import ALGORITHMS

NUM_ALGORITHMS = len(ALGORITHMS)


def draw(name, path):
    rng = np.random.default_rng(0)
    mos = rng.uniform(1, 5, (129, NUM_ALGORITHMS))
    ends = mos.mean(axis=0) + np.array([[-0.1], [0.1]])
    curves = {
        key: np.linspace((5, 5), (1, 1), len(levels))
        for key, (_, levels) in DISTORTIONS.items()
    }
    arguments = {
        "histogram": (mos.ravel(),),
        "agreement": (rng.uniform(0.7, 1, (8, 8)),),
        "algorithms": (mos, ends),
        "distortions": (curves,),
    }
    getattr(panel_plots, f"draw_{name}")(*arguments[name], path)


@pytest.mark.parametrize(
    "name", ["histogram", "agreement", "algorithms", "distortions"]
)
def test_a_plot_is_a_small_and_reproducible_png(name, tmp_path):
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    draw(name, first)
    draw(name, second)
    assert first.stat().st_size < 100_000
    assert first.read_bytes() == second.read_bytes()
    picture = cv2.imread(str(first))
    assert picture.shape[1] >= 400
    assert picture.std() > 5
