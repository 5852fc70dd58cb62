"""What the simulated panel of readers does on real source pairs.

    python -m benchmarks.panel_report --manual_dir=<Whole Brain Atlas folder> \
        --output=<folder for the plots>

prints Markdown and writes four PNG plots. Every figure is SIMULATED: it
describes `datasets.panel.readers`, no radiologist's opinion.
"""

import pathlib
from collections.abc import Sequence

import cv2
import numpy as np
from absl import flags

from benchmarks import panel_figures
from benchmarks import panel_plots
from benchmarks.distortions import DISTORTIONS
from datasets.atlas import list_atlas_pairs
from datasets.atlas import select_pairs
from datasets.custom import agreement as reader_agreement
from datasets.fusion import ALGORITHMS
from datasets.groups import SourcePair
from datasets.panel import readers
from g2npan_tf.core import command

_SIZE = 128
# Distortions are judged on every fourth pair: 33 of 129.
_STRIDE = 4


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_string(
        "manual_dir", None, "Folder of the Whole Brain Atlas.", required=True
    )
    flags.DEFINE_string(
        "output", None, "Folder for the plots; is made.", required=True
    )
    flags.DEFINE_integer(
        "max_pairs", 129, "Number of pairs, spread evenly over the cases."
    )


def main(argv: list[str]) -> None:
    """Prints the figures and draws the plots."""
    del argv
    cv2.setNumThreads(1)
    output = pathlib.Path(flags.FLAGS.output)
    entries = list_atlas_pairs(pathlib.Path(flags.FLAGS.manual_dir), _SIZE)
    entries = select_pairs(entries, flags.FLAGS.max_pairs)
    pairs = [entry.load() for entry in entries]
    output.mkdir(parents=True, exist_ok=True)
    grades, speed = panel_figures.grade_all(pairs)
    mos = grades.mean(axis=-1)
    print(f"# Simulated panel {readers.PANEL_VERSION}: {len(pairs)} pairs\n")
    print(f"Grading alone: {speed:.0f} images/s on one core.\n")
    agreement = panel_figures.reader_agreement(
        grades.reshape(-1, readers.NUM_READERS)
    )
    _print_scores(mos, grades, agreement)
    intervals = panel_figures.mean_intervals(
        mos, [pair.case_id for pair in pairs]
    )
    _print_algorithms(mos, intervals, [pair.modality for pair in pairs])
    curves = {
        k: panel_figures.judge_distortion(k, pairs[::_STRIDE])
        for k in DISTORTIONS
    }
    _print_distortions(curves, len(pairs[::_STRIDE]))
    _print_sources(pairs)
    panel_plots.draw_histogram(mos.ravel(), output / "mos_histogram.png")
    panel_plots.draw_agreement(agreement, output / "reader_agreement.png")
    panel_plots.draw_algorithms(mos, intervals, output / "mos_algorithms.png")
    panel_plots.draw_distortions(curves, output / "mos_distortions.png")


def _print_scores(
    mos: np.ndarray, grades: np.ndarray, agreement: np.ndarray
) -> None:
    """Prints the distribution of the scores and the readers' agreement."""
    pairwise = agreement[np.triu_indices(len(agreement), 1)]
    single, mean = reader_agreement.intraclass_correlation(
        grades.reshape(-1, readers.NUM_READERS).astype(np.float64)
    )
    algorithm, pair = panel_figures.variance_shares(mos)
    rows = [
        ["MOS, mean", f"{mos.mean():.2f}"],
        ["MOS, standard deviation", f"{mos.std():.2f}"],
        ["MOS, lowest to highest", f"{mos.min():.2f} to {mos.max():.2f}"],
        ["two readers' SRCC, mean", f"{pairwise.mean():.3f}"],
        [
            "... lowest to highest",
            f"{pairwise.min():.3f}, {pairwise.max():.3f}",
        ],
        ["ICC(2,1), ICC(2,k)", f"{single:.3f}, {mean:.3f}"],
        ["MOS variance by algorithm", f"{algorithm:.0%}"],
        ["... by pair", f"{pair:.0%}"],
        ["... by both together", f"{1 - algorithm - pair:.0%}"],
    ]
    _print_table(["Simulated", f"{mos.size:,} images"], rows)


def _print_algorithms(
    mos: np.ndarray, intervals: np.ndarray, modalities: Sequence[str]
) -> None:
    """Prints mean MOS per algorithm, in all and by modality."""
    kinds = sorted(set(modalities))
    head = ["Simulated MOS", "mean", "95 % interval", "sd", *kinds]
    rows = []
    for i, name in enumerate(ALGORITHMS):
        low, high = intervals[:, i]
        by_kind = [mos[np.equal(modalities, k), i].mean() for k in kinds]
        values = [f"{low:.2f} to {high:.2f}", f"{mos[:, i].std():.2f}"]
        values += [f"{value:.2f}" for value in by_kind]
        rows.append([f"`{name}`", f"{mos[:, i].mean():.2f}", *values])
    print()
    _print_table(head, rows)


def _print_distortions(curves: dict[str, np.ndarray], num_pairs: int) -> None:
    """Prints the graded MOS for each level of damage."""
    print(f"\nSimulated MOS of damaged Laplacian fusions, {num_pairs} pairs.\n")
    rows = []
    for name, curve in curves.items():
        levels = DISTORTIONS[name][1]
        cells = [
            f"{level}: {value:.2f}"
            for level, value in zip(levels, curve[:, 0], strict=True)
        ]
        rows.append([name, " ".join(cells)])
    _print_table(["Damage", "level: MOS"], rows)


def _print_sources(pairs: Sequence[SourcePair]) -> None:
    """Prints what the panel says to a source in the fused image's place."""
    print("\nA source instead of a fusion, simulated and noise-free.\n")
    rows = []
    for modality in sorted({pair.modality for pair in pairs}):
        some = [pair for pair in pairs if pair.modality == modality]
        scores = panel_figures.judge_sources(some)
        rows.append([modality, *(f"{score:.2f}" for score in scores)])
    _print_table(
        ["Modality", "Laplacian fusion", "CT or functional", "MR"], rows
    )


def _print_table(head: list[str], rows: list[list[str]]) -> None:
    """Prints a Markdown table."""
    for row in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    define_flags()
    command.run(main)
