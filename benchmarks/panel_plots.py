"""Plots of the simulated panel; each says that it is simulated."""

import pathlib

import numpy as np
from matplotlib import figure

from benchmarks.distortions import DISTORTIONS
from datasets.fusion import ALGORITHMS
from datasets.panel.readers import PANEL_VERSION

_LABEL = f"simulated panel {PANEL_VERSION}"
_UNITS = {
    "blur": "blur, sd in pixels",
    "noise": "noise, sd in grey levels",
    "contrast_loss": "contrast left",
    "colour_loss": "colour left",
    "misregistration": "MR shifted by pixels",
    "jpeg": "JPEG quality",
}


def draw_histogram(mos: np.ndarray, path: pathlib.Path) -> None:
    """Draws the histogram of the mean opinion scores.

    Args:
        mos: Range 1..5. Shape `[images]`.
        path: PNG to write.
    """
    plot = figure.Figure(figsize=(5.5, 3.2), layout="constrained")
    axes = plot.subplots()
    axes.hist(mos, bins=16, range=(1, 5), edgecolor="white")
    axes.set(xlabel=f"MOS ({_LABEL})", ylabel="images", xlim=(1, 5))
    axes.set_title(
        f"{len(mos):,} images, mean {mos.mean():.2f}, sd {mos.std():.2f}"
    )
    _save(plot, path)


def draw_agreement(agreement: np.ndarray, path: pathlib.Path) -> None:
    """Draws the matrix of the readers' rank correlations.

    Args:
        agreement: SRCC. Shape `[readers, readers]`.
        path: PNG to write.
    """
    plot = figure.Figure(figsize=(5.0, 4.4), layout="constrained")
    axes = plot.subplots()
    picture = axes.imshow(agreement, cmap="viridis", vmin=0.6, vmax=1.0)
    for (row, column), value in np.ndenumerate(agreement):
        colour = "black" if value > 0.85 else "white"
        text = f"{value:.2f}".removeprefix("0")
        axes.text(column, row, text, ha="center", va="center", color=colour)
    ticks = np.arange(len(agreement))
    axes.set_xticks(ticks, ticks + 1)
    axes.set_yticks(ticks, ticks + 1)
    axes.set(xlabel="reader", ylabel="reader", title=f"SRCC, {_LABEL}")
    plot.colorbar(picture, ax=axes)
    _save(plot, path)


def draw_algorithms(
    mos: np.ndarray, intervals: np.ndarray, path: pathlib.Path
) -> None:
    """Draws each algorithm's spread of MOS, its mean and 95 % interval.

    Args:
        mos: Range 1..5. Shape `[pairs, algorithms]`.
        intervals: Ends of the mean's interval. Shape `[2, algorithms]`.
        path: PNG to write.
    """
    plot = figure.Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = plot.subplots()
    order = np.argsort(-mos.mean(axis=0), kind="stable")
    rows = np.arange(len(order))
    jitter = np.random.default_rng(0).uniform(-0.28, 0.28, mos.shape)
    axes.plot(mos[:, order], rows + jitter, ".", color="0.75", markersize=2)
    means = mos.mean(axis=0)[order]
    ends = np.abs(intervals[:, order] - means)
    axes.errorbar(means, rows, xerr=ends, fmt="o", capsize=3, color="C0")
    names = np.array(list(ALGORITHMS))[order]
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.set(xlabel=f"MOS with 95 % interval ({_LABEL})", xlim=(0.9, 5.1))
    _save(plot, path)


def draw_distortions(curves: dict[str, np.ndarray], path: pathlib.Path) -> None:
    """Draws MOS against the level of each damage.

    Args:
        curves: Graded MOS and noise-free score, `[levels, 2]`, by name of
            the damage.
        path: PNG to write.
    """
    plot = figure.Figure(figsize=(8.0, 4.4), layout="constrained")
    grid = plot.subplots(2, 3, sharey=True)
    for axes, (name, curve) in zip(grid.flat, curves.items(), strict=True):
        ticks = np.arange(len(curve))
        axes.plot(ticks, curve[:, 0], "o-", label="graded MOS")
        axes.plot(ticks, curve[:, 1], "--", color="0.5", label="noise-free")
        levels = ["none", *map(str, DISTORTIONS[name][1][1:])]
        axes.set_xticks(ticks, levels)
        axes.set(xlabel=_UNITS[name], ylim=(1, 5))
    grid[0, 0].legend()
    plot.supylabel(f"MOS ({_LABEL})")
    _save(plot, path)


def _save(plot: figure.Figure, path: pathlib.Path) -> None:
    """Writes the PNG; no date or version in it, so that it is reproducible."""
    plot.savefig(path, dpi=80, metadata={"Software": None})
