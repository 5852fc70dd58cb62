"""The HTML report of cross-validated predictions, seed by seed."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from g2npan_tf.evaluation import report
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor

Run = tuple[int, int]


def write(
    results: Mapping[str, Results],
    rows: Predictions,
    runs: Mapping[Run, Config],
    folders: Mapping[Run, pathlib.Path],
    output: pathlib.Path,
) -> pathlib.Path:
    """Writes the report of all runs, replaced whole.

    Choice: figures and plots of each seed, since a seed predicts every image
    once; single images of the first seed only.

    Args:
        results: By seed.
        rows: Of the pooled predictions.csv.
        runs: Configuration by seed and fold.
        folders: Folder of each run.
        output: Folder of the report.

    Returns:
        The file.

    Raises:
        OSError: If the disk does not take it.
    """
    first = next(iter(results))
    path = output / report.FILE
    report.write(
        path,
        results[first],
        [
            report.Part(f"seed {seed}", judged, rows.where(seed=seed))
            for seed, judged in results.items()
        ],
        {
            f"seed {seed}, fold {fold}": folder / "log.csv"
            for (seed, fold), folder in folders.items()
        },
        lambda chosen: _explained(chosen, runs, folders, results[first].data),
    )
    return path


def _explained(
    chosen: Predictions,
    runs: Mapping[Run, Config],
    folders: Mapping[Run, pathlib.Path],
    facts: Facts,
) -> list[tuple[np.ndarray, Assessment]]:
    """Pixels and maps of images, each by the model that predicted it."""
    run_of = _runs_of(chosen)
    explained: dict[str, tuple[np.ndarray, Assessment]] = {}
    for run in dict.fromkeys(run_of):
        mine = [
            name
            for name, its in zip(chosen.image, run_of, strict=True)
            if its == run
        ]
        pixels = _pixels(runs[run], facts, mine)
        assessor = Assessor.load(folders[run], check_content=False)
        maps = assessor.explain([pixels[name] for name in mine])
        explained |= {
            name: (pixels[name], one)
            for name, one in zip(mine, maps, strict=True)
        }
    return [explained[name] for name in chosen.image]


def _runs_of(rows: Predictions) -> list[Run]:
    """Seed and fold of the run that predicted each image."""
    if rows.seed is None or rows.fold is None:
        raise ValueError("expected predictions of several runs")
    return list(zip(rows.seed.astype(int), rows.fold.astype(int), strict=True))


def _pixels(
    config: Config, facts: Facts, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Reads some images of a base by their names, `pair/algorithm`."""
    builder = base.reopen(config, dict(facts))
    rows = base.judged(builder)
    there = [
        f"{pair}/{algorithm}"
        for pair, algorithm in zip(
            rows["pair_id"], rows["algorithm"], strict=True
        )
    ]
    places = rows["index"][np.isin(there, names)]
    read = base.read(builder, places)
    return {
        f"{pair}/{algorithm}": image
        for pair, algorithm, image in zip(
            read["pair_id"], read["algorithm"], read["image"], strict=True
        )
    }
